"""The fakes keep the contract of what they stand for: every law here holds of both."""

from __future__ import annotations

import math
import uuid
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from shared.domain.errors import DocumentError, RequestError, TransientError
from shared.domain.models import Block, Document, DocumentState, ObjectKey
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.ingestion import chunking
from shared.ingestion.bucket import SIDECAR, Bucket, ChangedError
from shared.runtime.retrying import Deadline
from shared.store.chunks import DocumentFingerprint
from shared.store.expressions import equals
from shared.store.fingerprints import ChunkPosition
from shared.store.rows import ChunkRow
from shared.store.store import Store
from tests.fakes import DIMENSION, REFUSED, SPACE, FakeBucket, FakeEmbedder, FakeStore, Index, Model, Objects

if TYPE_CHECKING:
    from pathlib import Path

    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss

BOTH = ["fake", "real"]
DOCUMENTS = TextType.DOCUMENT


def soon() -> Deadline:
    return Deadline.after(60)


# -- the store --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=BOTH)
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "fake":
        return FakeStore(Index())
    milvus: MilvusSettings = request.getfixturevalue("milvus")
    real = Store(replace(milvus, collection=f"{milvus.collection}_fakes"), SPACE)
    real.prepare(soon())
    return real


def chunk_rows(*texts: str) -> list[ChunkRow]:
    """A new document with a chunk for each text."""
    key = ObjectKey("bucket", f"{uuid.uuid4().hex}.txt")
    made = []
    for i, text in enumerate(texts):
        (chunk,) = chunking.chunk([Block(text)], key.document_id, "profile", 500)
        vector = tuple(float(i == j) for j in range(DIMENSION))
        metadata = {"team": "harbour"}
        chunk = replace(chunk, ordinal=i)
        made.append(ChunkRow(chunk, vector, key.bucket, key.key, "Title", "txt", 1_700_000_000, metadata, "source"))
    return made


def document_of(written: list[ChunkRow]) -> str:
    return written[0].chunk.document_id


def test_what_is_written_is_held_in_its_place(store: Store) -> None:
    written = chunk_rows("One.", "Two.")
    assert dict(store.chunks.read_positions(document_of(written), soon())) == {}
    store.chunks.write(written, soon())
    assert dict(store.chunks.read_positions(document_of(written), soon())) == {
        p.chunk.id: ChunkPosition(i, 0, "source") for i, p in enumerate(written)
    }


def test_writing_twice_replaces(store: Store) -> None:
    written = chunk_rows("One.", "Two.")
    store.chunks.write(written, soon())
    store.chunks.write(
        [replace(p, chunk=replace(p.chunk, ordinal=p.chunk.ordinal + 5), row_digest="new") for p in written], soon()
    )
    held = dict(store.chunks.read_positions(document_of(written), soon()))
    assert held == {p.chunk.id: ChunkPosition(i + 5, 0, "new") for i, p in enumerate(written)}


def test_vectors_come_back_as_written_and_only_of_what_is_there(store: Store) -> None:
    written = chunk_rows("One.", "Two.")
    store.chunks.write(written, soon())
    asked = [*(p.chunk.id for p in written), "0" * 32]
    assert store.chunks.read_vectors(asked, soon()) == {p.chunk.id: p.vector for p in written}


def test_deleting_takes_what_is_named_and_minds_nothing_else(store: Store) -> None:
    written = chunk_rows("One.", "Two.")
    store.chunks.write(written, soon())
    store.chunks.delete([written[0].chunk.id, "0" * 32], soon())
    store.chunks.delete([written[0].chunk.id], soon())
    store.chunks.delete([], soon())
    assert list(dict(store.chunks.read_positions(document_of(written), soon()))) == [written[1].chunk.id]


def test_the_census_tells_what_is_held_of_every_document_of_a_bucket(store: Store) -> None:
    one, other = chunk_rows("One.", "Two."), chunk_rows("Three.")
    store.chunks.write(one, soon())
    store.chunks.write(other, soon())
    ids = [document_of(one), document_of(other)]
    census = store.chunks.read_fingerprints("bucket", soon())
    for id_, written in zip(ids, (one, other), strict=True):
        assert census[id_] == DocumentFingerprint(written[0].key, store.chunks.compute_fingerprint(id_, soon()))
    assert census[ids[0]].fingerprint != census[ids[1]].fingerprint
    assert not store.chunks.read_fingerprints("another", soon())


def test_a_search_finds_by_vector_what_a_strong_read_saw(store: Store) -> None:
    written = chunk_rows("One.", "Two.", "Three.")
    store.chunks.write(written, soon())
    dict(store.chunks.read_positions(document_of(written), soon()))
    hits = store.chunks.search_dense(written[1].vector, 2, equals("document_id", document_of(written)), soon())
    assert (len(hits), hits[0].text, hits[0].metadata) == (2, "Two.", {"team": "harbour"})
    assert hits[0].score == pytest.approx(1, abs=1e-5)


def test_a_vector_that_is_wrong_is_never_written(store: Store) -> None:
    for vector in ((0.0,) * (DIMENSION - 1), (math.nan,) * DIMENSION):
        with pytest.raises(ValueError, match="vector"):
            store.chunks.write([replace(chunk_rows("One.")[0], vector=vector)], soon())


def test_records_are_kept_whole_until_forgotten(store: Store) -> None:
    key = ObjectKey(f"bucket-{uuid.uuid4().hex[:8]}", 'odd "key".txt')
    first = Document(key.document_id, key.bucket, key.key, DocumentState.PENDING, "v1", attempts=1, cost_cny=0.25)
    assert store.registry.read(key.document_id, soon()) is None
    store.registry.write([first], soon())
    assert store.registry.read(key.document_id, soon()) == first
    second = replace(first, state=DocumentState.INDEXED, indexed_version="v1", fingerprint="f")
    store.registry.write([second], soon())
    assert store.registry.read_all(equals("bucket", key.bucket), soon()) == [second]
    assert store.registry.read_many([key.document_id, "0" * 32], soon()) == {key.document_id: second}
    store.registry.delete([key.document_id], soon())
    assert store.registry.read(key.document_id, soon()) is None


# -- the bucket -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=BOTH)
def bucket_and_shelf(request: pytest.FixtureRequest) -> tuple[Bucket, Objects | Oss]:
    if request.param == "fake":
        objects = Objects()
        return FakeBucket(objects), objects
    oss: Oss = request.getfixturevalue("oss")
    return Bucket(oss.settings()), oss


@pytest.fixture
def bucket(bucket_and_shelf: tuple[Bucket, Objects | Oss]) -> Bucket:
    return bucket_and_shelf[0]


@pytest.fixture
def shelf(bucket_and_shelf: tuple[Bucket, Objects | Oss]) -> Objects | Oss:
    return bucket_and_shelf[1]


def test_the_state_is_that_of_the_content(bucket: Bucket, shelf: Objects | Oss, tmp_path: Path) -> None:
    key = bucket.key("报告 1.txt")
    assert bucket.state(key, soon()) is None
    shelf.put(key.key, "One.")
    first = bucket.state(key, soon())
    assert first is not None
    assert (first.key, first.size, first.metadata, first.problem) == (key, 4, {}, "")
    shelf.put(key.key, "Two!")
    second = bucket.state(key, soon())
    assert second is not None
    assert second.etag != first.etag
    shelf.put(key.key, "One.")
    third = bucket.state(key, soon())
    assert third is not None
    assert (third.etag, third.version) == (first.etag, first.version)
    shelf.remove(key.key)
    assert bucket.state(key, soon()) is None


def test_metadata_is_of_the_headers_and_of_the_file_beside_which_wins(bucket: Bucket, shelf: Objects | Oss) -> None:
    key = bucket.key("a.txt")
    shelf.put("a.txt", "One.", **{"x-oss-meta-team": "office", "x-oss-meta-city": "Brava"})
    plain = bucket.state(key, soon())
    shelf.put("a.txt" + SIDECAR, '{"team": "harbour", "year": 2026}')
    beside = bucket.state(key, soon())
    shelf.put("a.txt" + SIDECAR, "[broken")
    broken = bucket.state(key, soon())
    shelf.remove("a.txt" + SIDECAR)
    after = bucket.state(key, soon())
    assert plain is not None
    assert beside is not None
    assert broken is not None
    assert after is not None
    assert plain.metadata == {"team": "office", "city": "Brava"}
    assert beside.metadata == {"team": "harbour", "city": "Brava", "year": 2026}
    assert beside.modified >= plain.modified
    assert broken.problem
    assert (after, after.version) == (plain, plain.version)
    assert len({plain.version, beside.version, broken.version}) == 3


def test_only_the_version_asked_for_is_loaded(bucket: Bucket, shelf: Objects | Oss, tmp_path: Path) -> None:
    shelf.put("a.txt", "One.")
    state = bucket.state(bucket.key("a.txt"), soon())
    assert state is not None
    bucket.download(state, tmp_path / "one", 100, soon())
    assert (tmp_path / "one").read_text() == "One."
    with pytest.raises(DocumentError, match="too_large"):
        bucket.download(state, tmp_path / "large", 3, soon())
    shelf.put("a.txt", "Two!")
    with pytest.raises(ChangedError):
        bucket.download(state, tmp_path / "two", 100, soon())
    shelf.remove("a.txt")
    with pytest.raises(ChangedError):
        bucket.download(state, tmp_path / "none", 100, soon())


def test_the_listing_holds_every_document_as_asking_for_it_would(bucket: Bucket, shelf: Objects | Oss) -> None:
    for name in ("a.txt", "b.txt", "deep/c d.txt", "b.txt" + SIDECAR, "folder/"):
        shelf.put(name, "{}")
    listed = bucket.documents(soon())
    assert sorted(state.key.key for state in listed) == ["a.txt", "b.txt", "deep/c d.txt"]
    for state in listed:
        assert bucket.state(state.key, soon()) == state


# -- the embedder -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=BOTH)
def embedder(request: pytest.FixtureRequest) -> Embedder:
    if request.param == "fake":
        return FakeEmbedder(Model())
    dashscope: DashScope = request.getfixturevalue("dashscope")
    dashscope.fail({"fault": "status", "code": "DataInspectionFailed", "match": REFUSED})
    return Embedder(dashscope.settings(requested_dimension=DIMENSION))


def test_each_text_gets_its_own_vector_in_order(embedder: Embedder) -> None:
    texts = [f"Text number {i % 20}." for i in range(25)]
    embedded = embedder.embed(texts, embedder.make_parameters(DOCUMENTS), soon())
    vectors = [embedding.dense for embedding in embedded.complete()]
    assert all(len(vector) == DIMENSION and all(map(math.isfinite, vector)) for vector in vectors)
    assert vectors[20:] == [pytest.approx(vector, abs=1e-4) for vector in vectors[:5]]
    assert len({vector[:4] for vector in vectors[:20]}) == 20
    assert embedded.usage.tokens >= 25
    assert (embedded.usage.calls, len(embedded.request_ids)) == (3, 3)


def test_a_refused_text_keeps_no_other_from_its_vector(embedder: Embedder) -> None:
    texts = ["One.", f"Something {REFUSED}.", "Three."]
    embedded = embedder.embed(texts, embedder.make_parameters(DOCUMENTS), soon())
    assert [bool(embedding) for embedding in embedded.embeddings] == [True, False, True]
    assert [(refused.index, refused.code) for refused in embedded.refused] == [(1, "DataInspectionFailed")]
    assert embedded.refused[0].request_id
    assert embedded.failure is None


def test_a_blank_text_is_refused_before_anything_is_sent(embedder: Embedder) -> None:
    with pytest.raises(RequestError, match="text_empty"):
        embedder.embed(["One.", " "], embedder.make_parameters(DOCUMENTS), soon())


def test_no_call_is_sent_once_time_is_up(embedder: Embedder) -> None:
    embedded = embedder.embed(["One."], embedder.make_parameters(DOCUMENTS), Deadline.after(0))
    assert embedded.embeddings == (None,)
    assert isinstance(embedded.failure, TransientError)


def test_both_name_the_same_vector_space() -> None:
    assert FakeEmbedder(Model()).profile == f"{SPACE.model}/{SPACE.dimension}"
