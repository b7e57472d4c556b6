"""Whatever a real part does to one call, the next delivery brings the index to the bucket's state exactly."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from shared.domain.errors import PlatformError
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings
from shared.store.schema import Space
from shared.store.store import Store
from tests.simulation import CHUNK_TOKENS, chunks_of, small_steps, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss


@pytest.fixture(autouse=True)
def in_small_steps() -> Iterator[None]:
    with small_steps():
        yield


# What the emulators do to a call, and to which call.
REAL_FAULTS: list[tuple[str, dict[str, Any]]] = [
    *(
        ("oss", {"fault": fault, "times": 1, "match": {"method": method, "key": "a.txt"}})
        for fault in ("unavailable", "changed", "truncated")
        for method in ("HEAD", "GET")
    ),
    *(
        ("dashscope", {"fault": fault, "times": 1})
        for fault in ("lost_answer", "reset", "cut_body", "html", "null_output", "missing_rows", "extra_rows")
    ),
    *(("dashscope", {"fault": fault, "times": 1}) for fault in ("shuffled_rows", "wrong_dimension", "not_a_number")),
]


@pytest.mark.parametrize(
    ("part", "rule"), REAL_FAULTS, ids=lambda value: value if isinstance(value, str) else value["fault"]
)
def test_whatever_a_real_part_does_once_the_next_delivery_ends_exactly(
    part: str, rule: dict[str, Any], oss: Oss, dashscope: DashScope, milvus: MilvusSettings
) -> None:
    store = Store(milvus, Space("text-embedding-v4", 512))
    store.prepare(soon())
    bucket, embedder = Bucket(oss.settings()), Embedder(dashscope.settings())
    ingestion = Ingestion(bucket, embedder, store, IngestionSettings(chunk_tokens=CHUNK_TOKENS))
    key = bucket.key("a.txt")
    for letters in ("ABC", "CXABB"):
        oss.put("a.txt", text("a.txt", letters))
        (oss if part == "oss" else dashscope).fail(rule)
        with contextlib.suppress(PlatformError):
            ingestion.converge(key, soon())
        ingestion.converge(key, soon())
        wanted = chunks_of("a.txt", text("a.txt", letters), embedder.profile)
        held = dict(store.chunks.read_positions(key.document_id, soon()))
        assert {id_: place.ordinal for id_, place in held.items()} == {chunk.id: chunk.ordinal for chunk in wanted}
        vectors = store.chunks.read_vectors(list(held), soon())
        own = embedder.embed(
            [chunk.embedded_text for chunk in wanted], embedder.make_parameters(TextType.DOCUMENT), soon()
        ).complete()
        for chunk, embedding in zip(wanted, own, strict=True):
            assert vectors[chunk.id] == pytest.approx(embedding.dense, abs=1e-4)


def soon() -> Deadline:
    return Deadline.after(60)
