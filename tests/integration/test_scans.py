"""Scanned pages and pictures are read by a model, each once, through the real SDKs against real servers."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from pptx import Presentation
from pptx.util import Cm

from local import dashscope as dashscope_server
from shared.domain.errors import ConfigurationError, TransientError
from shared.domain.models import Document, DocumentState, ObjectKey
from shared.domain.tenants import Tenancy
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.ingestion.results import Outcome, Result
from shared.ingestion.scans import make_scans
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings, OcrSettings
from shared.store.expressions import equals
from shared.store.schema import Space
from shared.store.store import Store
from tests.conftest import DashScope
from tests.scans import draw_page, save, save_pdf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from shared.runtime.settings import MilvusSettings
    from tests.conftest import Oss


def soon() -> Deadline:
    return Deadline.after(120)


@pytest.fixture(scope="module")
def emulator() -> Iterator[DashScope]:
    """An emulator that names each picture by its bytes, as reading takes seconds."""
    with dashscope_server.running(dashscope_server.Settings(model="hash", ocr_model="hash")) as base_url:
        yield DashScope(base_url)


@dataclass
class World:
    oss: Oss
    dashscope: DashScope
    store: Store

    def ingestion(self, *, tenancy: Tenancy = Tenancy(), max_cost: float = 0.0, **changes: Any) -> Ingestion:  # noqa: B008
        settings = self.dashscope.settings(call_timeout=5.0, max_cost=max_cost)
        client = DashScopeClient(settings)
        ocr = OcrSettings(**{"mode": "auto", **changes})
        return Ingestion(
            Bucket(self.oss.settings()),
            Embedder(settings, client),
            self.store,
            IngestionSettings(chunk_tokens=64),
            tenancy,
            scans=make_scans(ocr, settings, client, self.store.page_texts),
        )

    def key(self, name: str) -> ObjectKey:
        return ObjectKey(self.oss.bucket, name)

    def converge(self, name: str, **changes: Any) -> Result:
        return self.ingestion(**changes).converge(self.key(name), soon())

    def document(self, name: str) -> Document:
        found = self.store.registry.read(self.key(name).document_id, soon())
        assert found is not None
        return found

    def pages(self, name: str) -> list[int | None]:
        """The pages of the chunks in the index."""
        id_ = self.key(name).document_id
        places = dict(self.store.chunks.read_positions(id_, soon()))
        hits = self.store.chunks.search_dense([1.0] + [0.0] * 511, 1_000, equals("document_id", id_), soon())
        return [hit.location.page for hit in sorted(hits, key=lambda hit: places[hit.id].ordinal)]

    def billed(self) -> int:
        return int(self.dashscope.usage()["pictures"])


@pytest.fixture
def world(oss: Oss, emulator: DashScope, milvus: MilvusSettings) -> World:
    emulator.reset()
    store = Store(milvus, Space("text-embedding-v4", 512))
    store.prepare(soon())
    for document in store.registry.read_all("", soon()):
        store.chunks.delete(dict(store.chunks.read_positions(document.id, soon())), soon())
        store.registry.delete([document.id], soon())
    return World(oss, emulator, store)


def make_scan(name: str, count: int) -> bytes:
    return save_pdf([draw_page([f"{name}, page {number}"]) for number in range(count)])


def test_each_page_of_a_scan_is_read_and_keeps_its_number(world: World) -> None:
    world.oss.put("scan.pdf", make_scan("numbers", 3))
    result = world.converge("scan.pdf")
    assert result.outcome is Outcome.INDEXED
    document = world.document("scan.pdf")
    assert (document.state, document.format, document.ocr_pages) == (DocumentState.INDEXED, "pdf", 3)
    assert 0 < document.ocr_cost_cny < document.cost_cny
    assert world.pages("scan.pdf") == [1, 2, 3]
    assert world.billed() == 3


def test_a_page_is_paid_for_once_however_often_it_is_read(world: World) -> None:
    content = make_scan("once", 3)
    world.oss.put("a.pdf", content)
    world.converge("a.pdf")
    world.oss.put("renamed.pdf", content)
    world.oss.remove("a.pdf")
    world.converge("a.pdf")
    world.converge("renamed.pdf")
    world.ingestion().converge(world.key("renamed.pdf"), soon(), force=True)
    # A page is added in front, so that all others move.
    world.oss.put("longer.pdf", save_pdf([draw_page(["new"]), *(draw_page([f"once, page {n}"]) for n in range(3))]))
    world.converge("longer.pdf")
    assert world.billed() == 4
    assert world.document("longer.pdf").ocr_pages == 4
    assert world.pages("longer.pdf") == [1, 2, 3, 4]


def test_a_picture_inside_documents_is_read_where_it_stands_and_paid_for_once(world: World) -> None:
    picture = save(draw_page(["a diagram"], (640, 480)), "PNG")
    deck = Presentation()
    for number in range(2):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = f"Slide {number}"
        slide.shapes.add_picture(io.BytesIO(picture), 0, 0, Cm(12), Cm(9))
    stream = io.BytesIO()
    deck.save(stream)
    world.oss.put("deck.pptx", stream.getvalue())
    encoded = base64.b64encode(picture).decode()
    world.oss.put("page.html", f"<p>before</p><img src='data:image/png;base64,{encoded}'><p>after</p>")
    for name in ("deck.pptx", "page.html"):
        assert world.converge(name, mode="all").outcome is Outcome.INDEXED
    assert world.billed() == 1
    assert [world.document(name).ocr_pages for name in ("deck.pptx", "page.html")] == [1, 1]
    assert world.document("deck.pptx").ocr_cost_cny > 0
    assert world.pages("deck.pptx") == [1, 2]


def test_pages_are_read_once_under_faults(world: World) -> None:
    world.oss.put("faults.pdf", make_scan("faults", 12))
    world.dashscope.fail({"fault": "status", "code": "ModelUnavailable", "probability": 0.3, "seed": 5})
    for _ in range(20):
        try:
            world.converge("faults.pdf")
        except TransientError:
            continue
        break
    assert world.document("faults.pdf").state is DocumentState.INDEXED
    assert world.billed() == 12


def test_a_long_scan_goes_on_where_the_time_ended(world: World) -> None:
    world.oss.put("long.pdf", make_scan("long", 12))
    # One page after the other, they take 18 seconds on any machine.
    world.dashscope.tune(latency_ms=1_500)
    with pytest.raises(TransientError, match="deadline_exceeded"):
        world.ingestion(concurrency=1).converge(world.key("long.pdf"), Deadline.after(14))
    before = world.document("long.pdf")
    assert before.state is DocumentState.PENDING
    assert world.billed() < 12
    world.dashscope.tune(latency_ms=0)
    world.converge("long.pdf")
    assert world.billed() == 12
    document = world.document("long.pdf")
    assert (document.state, document.ocr_pages) == (DocumentState.INDEXED, 12)


def test_the_cap_on_cost_stops_reading_and_what_was_paid_is_kept(world: World) -> None:
    world.oss.put("cap.pdf", make_scan("cap", 12))
    with pytest.raises(ConfigurationError, match="MAX_COST_CNY"):
        world.converge("cap.pdf", max_cost=0.008, concurrency=1)
    stopped = world.document("cap.pdf")
    assert (stopped.state, stopped.failure and stopped.failure.code) == (DocumentState.PENDING, "cost_cap_reached")
    assert 0 < world.billed() < 12
    world.converge("cap.pdf")
    assert world.billed() == 12
    assert world.document("cap.pdf").ocr_cost_cny > stopped.ocr_cost_cny > 0


def test_texts_of_pages_are_not_shared_between_tenants(world: World) -> None:
    content = make_scan("tenants", 1)
    for name in ("red/a.pdf", "blue/a.pdf", "red/b.pdf"):
        world.oss.put(name, content)
        world.converge(name, tenancy=Tenancy("prefix"))
    assert world.billed() == 2


def test_pictures_become_documents_and_those_of_one_kind_are_read_as_pages(world: World) -> None:
    pages = [draw_page([f"fax {number}"], (620, 877)) for number in range(3)]
    world.oss.put("sign.png", save(draw_page(["open from 9 to 5"], (800, 600)), "PNG"))
    world.oss.put("fax.tiff", save(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert world.converge("sign.png").outcome is Outcome.INDEXED
    assert world.converge("fax.tiff").outcome is Outcome.INDEXED
    assert world.pages("sign.png") == [None]
    assert world.pages("fax.tiff") == [1, 2, 3]
    assert (world.document("sign.png").format, world.document("fax.tiff").ocr_pages) == ("image", 3)


def test_a_picture_is_described_where_that_is_wanted(world: World) -> None:
    world.oss.put("photo.png", save(draw_page(["a harbour"], (800, 600)), "PNG"))
    world.converge("photo.png", description_model_name="qwen3-vl-flash")
    models = [request["model"] for request in world.dashscope.usage()["requests"] if "bytes" in request]
    assert models == ["qwen3-vl-flash", "qwen-vl-ocr"]


def test_a_page_the_model_refuses_is_left_out_with_a_warning(world: World) -> None:
    world.oss.put("refused.pdf", make_scan("refused", 2))
    world.dashscope.fail({"fault": "status", "code": "DataInspectionFailed", "times": 1})
    assert world.converge("refused.pdf", concurrency=1).outcome is Outcome.INDEXED
    (warning,) = world.document("refused.pdf").warnings
    assert warning.startswith("Page 1 was refused by the model (DataInspectionFailed)")
    assert world.pages("refused.pdf") == [2]


def test_pages_beyond_the_limit_are_left_out_with_a_warning(world: World) -> None:
    world.oss.put("many.pdf", make_scan("many", 4))
    world.converge("many.pdf", max_pages=2)
    assert world.billed() == 2
    assert any("OCR_MAX_PAGES" in warning for warning in world.document("many.pdf").warnings)


def test_pictures_of_an_archive_count_together(world: World) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(4):
            archive.writestr(f"{number}.png", save(draw_page([f"picture {number}"], (300, 200), 20), "PNG"))
    world.oss.put("pictures.zip", stream.getvalue())
    world.converge("pictures.zip", max_pages=2)
    assert world.billed() == 2
    assert any("OCR_MAX_PAGES" in warning for warning in world.document("pictures.zip").warnings)


@pytest.mark.parametrize("fault", ["null_output", "missing_rows", "malformed_json", "lost_answer", "cut_body"])
def test_an_answer_that_cannot_be_used_is_asked_for_again(world: World, fault: str) -> None:
    world.oss.put(f"{fault}.pdf", make_scan(fault, 1))
    world.dashscope.fail({"fault": fault, "times": 1, "match": ""})
    assert world.converge(f"{fault}.pdf").outcome is Outcome.INDEXED


def test_texts_of_a_deleted_document_are_kept_for_some_days_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from shared.runtime import clock

    def count(names: Sequence[str]) -> int:
        ids = [world.key(name).document_id for name in names]
        rows = world.store.page_texts._client.query(world.store.page_texts.name, "", ["document_id"], soon())
        return sum(1 for row in rows if row["document_id"] in ids)

    for name in ("gone.pdf", "also-gone.pdf"):
        world.oss.put(name, make_scan(name, 2))
        world.converge(name)
    world.oss.remove("gone.pdf")
    world.converge("gone.pdf")
    assert count(["gone.pdf", "also-gone.pdf"]) == 4
    now = clock.time()
    monkeypatch.setattr(clock, "time", lambda: now + 8 * 86_400)
    world.oss.remove("also-gone.pdf")
    world.converge("also-gone.pdf")
    assert count(["gone.pdf"]) == 0
    assert count(["also-gone.pdf"]) == 2


def test_without_ocr_scans_and_pictures_are_refused_with_advice(world: World) -> None:
    world.oss.put("off.pdf", make_scan("off", 1))
    world.oss.put("off.jpg", save(draw_page(["off"]), "JPEG"))
    settings = world.dashscope.settings()
    ingestion = Ingestion(Bucket(world.oss.settings()), Embedder(settings), world.store, IngestionSettings())
    for name in ("off.pdf", "off.jpg"):
        result = ingestion.converge(world.key(name), soon())
        assert result.failure is not None
        assert result.failure.code == "needs_ocr"
        assert "OCR=auto" in result.failure.message
    assert world.billed() == 0
