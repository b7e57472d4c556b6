"""An estimate is what is billed afterwards: exactly where everything was read, else within its interval."""

from __future__ import annotations

import base64
import io
import json
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from ops.deployment import load
from ops.estimation.command import Question, _terms, read, run
from ops.estimation.printing import show
from ops.estimation.projecting import estimate
from shared.embedding.embedder import Embedder
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings
from shared.store.schema import Space
from shared.store.store import Store
from tests.scans import draw_page, save, save_pdf

if TYPE_CHECKING:
    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss

ROOT = Path(__file__).parents[2]
SETTINGS = IngestionSettings(chunk_tokens=64)
PROFILE = "text-embedding-v4/512"


def ask(**changes: Any) -> Question:
    values: dict[str, Any] = {"documents": (), "tokens": 1_000, "searches": 10_000, "sample": 300, "megabytes": 500}
    return Question(**values | {"seed": 1, "as_json": True} | changes)


def fill(oss: Oss, documents: int) -> None:
    """Documents of several formats and of different sizes, no two alike."""
    chance = random.Random(5)
    for i in range(documents):
        sentences = [f"Sentence {j} of {i} says {chance.random()}. 第{j}句。" for j in range(chance.randrange(3, 60))]
        if i % 3 == 0:
            oss.put(f"a/{i}.csv", "number,text\n" + "\n".join(f"{j},{text}" for j, text in enumerate(sentences)))
        elif i % 3 == 1:
            oss.put(f"a/{i}.md", f"# Title {i}\n\n" + "\n\n".join(sentences))
        else:
            oss.put(f"a/{i}.txt", "\n".join(sentences))


def quiet() -> Console:
    return Console(file=io.StringIO())


def test_what_was_read_whole_costs_what_was_estimated(oss: Oss, dashscope: DashScope, milvus: MilvusSettings) -> None:
    fill(oss, 9)
    oss.put("a/broken.pdf", "%PDF-1.4 nothing")
    oss.put("a/empty.txt", "")
    oss.put("a/3.csv.metadata.json", '{"team": "harbour"}')
    bucket = Bucket(oss.settings())
    content = read(bucket, SETTINGS, PROFILE, ask(), quiet())
    assert dashscope.usage()["calls"] == 0
    assert (content.documents, content.read, content.tokens.margin) == (11, 11, 0)
    assert content.refused == {"broken_file": 1, "empty_document": 1}
    store = Store(milvus, Space("text-embedding-v4", 512))
    store.prepare(Deadline.after(60))
    ingestion = Ingestion(bucket, Embedder(dashscope.settings()), store, SETTINGS)
    results = [
        ingestion.converge(bucket.key(f"a/{path.name}"), Deadline.after(60)) for path in oss.folder.glob("a/[0-9]*")
    ]
    billed = dashscope.usage()
    assert content.tokens.value == billed["tokens"]
    assert content.chunks.value == billed["rows"] == sum(result.chunks for result in results)


def test_pages_that_only_a_model_can_read_are_counted_and_priced(oss: Oss) -> None:
    oss.put("a/scan.pdf", save_pdf([draw_page([f"page {number}"]) for number in range(3)]))
    oss.put("a/photo.png", save(draw_page(["sign"], (600, 400)), "PNG"))
    oss.put("a/note.txt", "words")
    page = save(draw_page(["inside"], (600, 400)), "PNG")
    oss.put("a/note.html", f"<p>words</p><img src='data:image/png;base64,{base64.b64encode(page).decode()}'>")
    content = read(Bucket(oss.settings()), SETTINGS, PROFILE, ask(), quiet())
    assert (content.pages.value, content.pictures.value, content.refused) == (4, 1, {"needs_ocr": 2})
    deployment = load(ROOT / "s.yaml", {})
    estimated = estimate(content, _terms(deployment, deployment.functions["ingest"].environment_variables), 1)
    assert estimated.ocr_cny.value == pytest.approx(0.005, rel=0.1)
    assert estimated.pictures_cny.value == pytest.approx(0.005 / 4, rel=0.1)
    console = quiet()
    show([estimated], console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "pages that OCR=auto reads" in shown
    assert "pictures that OCR=all reads too" in shown


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_sample_is_close_and_says_how_close(oss: Oss, seed: int) -> None:
    fill(oss, 120)
    bucket = Bucket(oss.settings())
    whole = read(bucket, SETTINGS, PROFILE, ask(sample=1_000), quiet())
    some = read(bucket, SETTINGS, PROFILE, ask(sample=60, seed=seed), quiet())
    assert some.read < whole.read == 120
    assert some.documents == 120
    # Twice the interval of 95 % is left by one sample in ten thousand.
    assert 0 < abs(some.tokens.value - whole.tokens.value) < 2 * some.tokens.margin
    assert some.tokens.margin < 0.2 * whole.tokens.value
    again = read(bucket, SETTINGS, PROFILE, ask(sample=60, seed=seed), quiet())
    assert again == some


def test_the_familiar_table_needs_no_bucket(capsys: pytest.CaptureFixture[str]) -> None:
    deployment = load(ROOT / "s.yaml", {})
    assert run(deployment, {}, ask(documents=(10_000, 1_000_000)), quiet()) == 0
    small, large = json.loads(capsys.readouterr().out)
    assert (small["cny"]["value"], small["cny_batch"]["value"]) == (5, 2.5)
    assert large["cny"]["value"] == 500
    assert large["hours"] == pytest.approx(13.9, abs=0.1)
    v2 = load(ROOT / "s.yaml", {"EMBEDDING_MODEL": "text-embedding-v2", "EMBEDDING_DIMENSION": "1536"})
    assert run(v2, {}, ask(documents=(10_000,)), quiet()) == 0
    assert json.loads(capsys.readouterr().out)[0]["cny"]["value"] == 7


def test_what_is_wrong_is_one_sentence() -> None:
    console = quiet()
    deployment = load(ROOT / "s.yaml", {"EMBEDDING_MODEL": "text-embedding-v9"})
    assert run(deployment, {}, ask(documents=(10,)), console) == 1
    assert "EMBEDDING_MODEL 'text-embedding-v9' is none of" in console.file.getvalue()  # type: ignore[attr-defined]
    console = quiet()
    environ = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": ""}
    assert run(load(ROOT / "s.yaml", {}), environ, ask(), console) == 1
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "There is no access key" in printed
    assert "--documents" in printed  # what works without one
