"""The contract with Milvus, as our code relies on it: the same laws on Milvus Lite and on a real server.

``MILVUS_TEST_URI`` (and ``MILVUS_TEST_TOKEN``) name a further server to hold them against. A server's searches may be
late by what a Strong read is not, so a law about searches reads Strong first: what that saw, every later search sees.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import uuid
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from local import processes
from shared.domain.errors import ConfigurationError, PlatformError, RequestError, TransientError
from shared.domain.models import Block, Document, DocumentState, Failure, Location, ObjectKey
from shared.ingestion import chunking
from shared.language.analysis import analyze_query
from shared.runtime.retrying import Deadline
from shared.runtime.settings import MilvusSettings
from shared.store.client import build_schema
from shared.store.directory import StoreDirectory
from shared.store.expressions import compile_filter, equals
from shared.store.fingerprints import ChunkPosition
from shared.store.page_texts import PageText
from shared.store.rows import ChunkRow
from shared.store.schema import Space, describe_chunks
from shared.store.store import Store
from tests.proxy import ForgetfulProxy

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.every_milvus

SPACE = Space("text-embedding-v4", 64)


def soon() -> Deadline:
    return Deadline.after(60)


def chunk_rows(key: str, texts: Sequence[str], ordinal: int = 0) -> list[ChunkRow]:
    object_key = ObjectKey("bucket", key)
    blocks = [Block(text, Location(page=3, headings=("Top", "Sub")), heading=True) for text in texts]
    made = []
    for i, text in enumerate(blocks):
        (chunk,) = chunking.chunk([text], object_key.document_id, "profile", 500)
        chunk = replace(chunk, ordinal=ordinal + i)
        vector = [0.0] * 64
        vector[i] = 1.0
        made.append(ChunkRow(chunk, tuple(vector), "bucket", key, f"Title of {key}", "txt", 1_700_000_000.5))
    return made


def write(store: Store, written: Sequence[ChunkRow]) -> None:
    """Write, and wait until searches see it."""
    store.chunks.write(written, soon())
    dict(store.chunks.read_positions(written[0].chunk.document_id, soon()))


@pytest.fixture(scope="module")
def settings(milvus: MilvusSettings) -> MilvusSettings:
    return replace(milvus, collection=f"{milvus.collection}_store")


@pytest.fixture(scope="module")
def store(settings: MilvusSettings) -> Store:
    store = Store(settings, SPACE)
    store.prepare(soon())
    return store


@pytest.fixture
def name() -> str:
    return f"{uuid.uuid4().hex}.txt"


def test_preparing_twice_changes_nothing(settings: MilvusSettings, store: Store) -> None:
    Store(settings, SPACE).prepare(soon())
    assert store.check(soon())


def test_a_collection_that_is_not_there_is_said_so(fresh_milvus: MilvusSettings) -> None:
    assert not Store(fresh_milvus, SPACE).check(soon())


def test_a_preparation_that_broke_off_is_finished_by_the_next(fresh_milvus: MilvusSettings, name: str) -> None:
    broken_off, store = Store(fresh_milvus, SPACE), Store(fresh_milvus, SPACE)
    with_keywords = broken_off.server_has_keywords(soon())
    schema = build_schema(describe_chunks(SPACE.dimension, fresh_milvus, with_keywords=with_keywords))
    broken_off._client.call(
        "create_collection", soon(), broken_off.chunks.name, schema=schema
    )  # neither indexed nor loaded
    store.prepare(soon())
    written = chunk_rows(name, ["One.", "Two."])
    write(store, written)
    assert store.chunks.search_dense(written[1].vector, 1, "", soon())[0].text == "Two."


@pytest.mark.parametrize("index", ["AUTOINDEX", "DISKANN"])
def test_a_collection_is_made_and_searched_with_the_index_of_the_settings(
    fresh_milvus: MilvusSettings, name: str, index: str
) -> None:
    chosen = replace(fresh_milvus, index=index, shards=2)
    store = Store(chosen, SPACE)
    store.prepare(soon())
    written = chunk_rows(name, ["One.", "Two."])
    write(store, written)
    # Another setting later, as search may have, finds the same chunks.
    for settings in (chosen, fresh_milvus):
        again = Store(settings, SPACE)
        assert again.chunks.read_index_kind(soon()) == index
        assert again.chunks.search_dense(written[1].vector, 1, "", soon())[0].text == "Two."


def test_a_collection_that_was_dropped_is_said_so_and_not_asked_for_again(fresh_milvus: MilvusSettings) -> None:
    store = Store(fresh_milvus, SPACE)
    store.prepare(soon())
    for name in (fresh_milvus.collection + SPACE.suffix, f"{fresh_milvus.collection}_documents{SPACE.suffix}"):
        with contextlib.suppress(PlatformError):
            store._client.call("drop_alias", soon(), fresh_milvus.collection)
        store._client.call("drop_collection", soon(), name)
    with pytest.raises(ConfigurationError, match="milvus_refused"):
        store.registry.read("0" * 32, soon())
    with pytest.raises(ConfigurationError, match="milvus_refused"):
        store.chunks.write(chunk_rows("a.txt", ["One."]), soon())


def test_collections_that_were_dropped_are_made_again(fresh_milvus: MilvusSettings) -> None:
    stores = StoreDirectory(fresh_milvus, SPACE)
    stores.prepare(soon())
    store = stores.find_current(soon())
    store.page_texts.write("0" * 32, "1" * 32, PageText("Tides."), soon())
    store._client.call("drop_alias", soon(), fresh_milvus.collection)
    for name in (store.chunks.name, store.registry.name, store.page_texts.name):
        store._client.call("drop_collection", soon(), name)
    with pytest.raises(ConfigurationError, match="milvus_refused"):
        store.page_texts.read("0" * 32, "1" * 32, soon())
    assert store.page_texts.read("0" * 32, "1" * 32, soon()) is None
    assert not stores.find_current(soon(), fresh=True).check(soon())
    stores.prepare(soon())
    assert stores.find_current(soon(), fresh=True).check(soon())
    assert store.registry.read("0" * 32, soon()) is None
    write(store, chunk_rows("a.txt", ["One."]))


@pytest.mark.parametrize("other", [Space("text-embedding-v3", 64), Space("text-embedding-v4", 128)])
def test_vectors_of_two_models_never_meet(settings: MilvusSettings, store: Store, other: Space) -> None:
    with pytest.raises(ConfigurationError, match=r"collection_mismatch.*EMBEDDING_MODEL") as caught:
        Store(settings, other).prepare(soon())
    assert "64 dimensions" in caught.value.message


def test_what_is_written_is_found_by_meaning(store: Store, name: str) -> None:
    written = chunk_rows(name, ["The harbour freezes in January.", "港口在一月结冰。", "Bread rises slowly."])
    write(store, written)
    only = equals("document_id", written[0].chunk.document_id)
    hit = store.chunks.search_dense(written[1].vector, 3, only, soon())[0]
    assert (hit.text, hit.key, hit.title) == ("港口在一月结冰。", name, f"Title of {name}")
    assert hit.location == Location(start=0, end=8, page=3, headings=("Top", "Sub"))
    assert hit.score == pytest.approx(1.0, abs=1e-5)


def test_only_a_server_before_2_5_cannot_search_words(store: Store, milvus_version: tuple[int, int]) -> None:
    assert store.has_keywords(soon()) == (milvus_version >= (2, 5))


def test_what_is_written_is_found_by_its_words(store: Store, name: str, keywords: None) -> None:
    written = chunk_rows(name, ["The harbour freezes in January.", "港口在一月结冰。", "Bread rises slowly."])
    write(store, written)
    only = equals("document_id", written[0].chunk.document_id)
    assert [
        found.text
        for found in store.chunks.search_keywords(analyze_query("when does the harbour freeze"), 3, only, soon())
    ] == ["The harbour freezes in January."]
    assert (
        store.chunks.search_keywords(analyze_query("港口什么时候结冰"), 1, only, soon())[0].text == "港口在一月结冰。"
    )


def test_what_is_written_is_found_by_each_of_its_characters(store: Store, name: str, keywords: None) -> None:
    written = chunk_rows(name, ["优税猫科技", "猫粮与猫窝", "Bread rises slowly.", "猫：一种动物"])
    write(store, written)
    only = equals("document_id", written[0].chunk.document_id)
    found = [hit.text for hit in store.chunks.search_keywords(["猫"], 3, only, soon())]
    assert found[0] == "猫粮与猫窝"
    assert set(found) == {"优税猫科技", "猫粮与猫窝", "猫：一种动物"}
    assert [hit.text for hit in store.chunks.search_keywords(["猫", "科"], 3, only, soon())] == ["优税猫科技"]
    assert not store.chunks.search_keywords(["狗"], 3, only, soon())


def test_writing_twice_is_writing_once(store: Store, name: str) -> None:
    written = chunk_rows(name, ["One.", "Two."])
    store.chunks.write(written, soon())
    store.chunks.write([replace(p, chunk=replace(p.chunk, ordinal=p.chunk.ordinal + 5)) for p in written], soon())
    held = dict(store.chunks.read_positions(written[0].chunk.document_id, soon()))
    assert held == {p.chunk.id: ChunkPosition(i + 5, 0) for i, p in enumerate(written)}


def test_a_strong_read_sees_what_another_client_wrote_or_deleted_just_now(
    settings: MilvusSettings, store: Store, name: str
) -> None:
    other = Store(settings, SPACE)
    other.check(soon())
    for i in range(5):
        (written,) = chunk_rows(f"{i} {name}", ["One."])
        store.chunks.write([written], soon())
        assert list(dict(other.chunks.read_positions(written.chunk.document_id, soon()))) == [written.chunk.id]
        assert list(other.chunks.read_whole([written.chunk.id], soon())) == [written.chunk.id]
        assert written.chunk.document_id in other.chunks.read_fingerprints(written.bucket, soon())
        assert other.chunks.read_vectors([written.chunk.id], soon()) == {written.chunk.id: written.vector}
        store.chunks.delete([written.chunk.id], soon())
        assert dict(other.chunks.read_positions(written.chunk.document_id, soon())) == {}


def test_limits_are_bytes_and_what_passes_them_is_cut_at_a_character(store: Store, name: str) -> None:
    (short,) = chunk_rows(name, ["One."])
    long = replace(
        short, title="题" * 1_000, metadata={"著者": {"tags": ["甲", 1, None, True]}},
        chunk=replace(short.chunk, text="文" * 30_000, location=Location(sheet="表" * 500)),
    )  # fmt: skip
    write(store, [long])
    (hit,) = store.chunks.search_dense(long.vector, 1, equals("document_id", long.chunk.document_id), soon())
    assert (hit.text, hit.title, hit.location.sheet) == ("文" * 21_845, "题" * 682, "表" * 341)
    assert (hit.metadata, hit.location.headings) == (long.metadata, ())


def test_vectors_come_back_as_written(store: Store, name: str) -> None:
    written = chunk_rows(name, ["One.", "Two."])
    store.chunks.write(written, soon())
    assert store.chunks.read_vectors([p.chunk.id for p in written], soon()) == {p.chunk.id: p.vector for p in written}


def test_deleting_takes_only_what_is_named(store: Store, name: str) -> None:
    written = chunk_rows(name, ["One.", "Two."])
    store.chunks.write(written, soon())
    store.chunks.delete([written[0].chunk.id, "0" * 32], soon())
    assert list(dict(store.chunks.read_positions(written[0].chunk.document_id, soon()))) == [written[1].chunk.id]


@pytest.mark.parametrize("vector", [(0.0,) * 63, (float("nan"),) * 64, (float("inf"),) * 64])
def test_a_vector_that_is_wrong_is_never_written(store: Store, name: str, vector: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="vector"):
        store.chunks.write([replace(chunk_rows(name, ["One."])[0], vector=vector)], soon())


def test_the_registry_keeps_whole_records(store: Store, name: str) -> None:
    key = ObjectKey("bucket", name)
    failure = Failure("parsing", "encrypted", 'It is "encrypted".', "r-1", retryable=False)
    document = Document(
        id=key.document_id, bucket="bucket", key=name, state=DocumentState.FAILED, version="E1", failure=failure
    )
    store.registry.write([document], soon())
    assert store.registry.read(key.document_id, soon()) == document
    assert document in store.registry.read_all(equals("state", "failed"), soon())
    store.registry.delete([key.document_id], soon())
    assert store.registry.read(key.document_id, soon()) is None


def test_more_rows_than_one_answer_takes_are_all_read(store: Store, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.store.client._MAX_ROWS", 16)  # a real answer takes 16,384: too slow to fill here
    written = chunk_rows(name, [f"Sentence number {i}." for i in range(60)])
    store.chunks.write(written, soon())
    assert len(dict(store.chunks.read_positions(written[0].chunk.document_id, soon()))) == 60


@pytest.mark.parametrize("sorted_at_once", [2_000, 2, 9])  # really 2,000: too slow to exceed here
def test_pages_of_records_come_in_the_order_of_their_keys_however_many_there_are(
    store: Store, name: str, monkeypatch: pytest.MonkeyPatch, sorted_at_once: int
) -> None:
    monkeypatch.setattr("shared.store.registry._MAX_SORTED", sorted_at_once)
    monkeypatch.setattr("shared.store.registry._SAMPLED", 10)
    keys = sorted(f"{name}/{part}{i:02}" for i in range(20) for part in ("a", "B", "报告 '\"\\"))
    written = [record(key, tenant=f"t{i % 2}") for i, key in enumerate(keys)]
    store.registry.write(written, soon())
    store.registry.read_all("", soon())  # a Strong read: what it saw, every later read sees
    mine = compile_filter({"prefix": {"key": f"{name}/"}})
    assert list_keys(store, mine, 7) == keys
    assert list_keys(store, f'({mine}) and (tenant == "t1")', 5) == keys[1::2]
    whole = store.registry.read_page(mine, None, 60, soon())
    assert (len(whole.documents), whole.total, whole.last) == (60, 60, None)
    empty = store.registry.read_page(f'({mine}) and (tenant == "none")', None, 5, soon())
    assert (empty.documents, empty.total, empty.last) == ([], 0, None)


def test_pages_show_no_record_twice_while_records_come_and_go(store: Store, name: str) -> None:
    keys = [f"{name}/{i:02}" for i in range(20)]
    store.registry.write(list(map(record, keys)), soon())
    store.registry.read_all("", soon())
    mine = compile_filter({"prefix": {"key": f"{name}/"}})
    first = store.registry.read_page(mine, None, 8, soon())
    store.registry.delete([ObjectKey("bucket", key).document_id for key in keys[5:10]], soon())
    store.registry.write([record(f"{name}/00-new"), record(f"{name}/15-new")], soon())
    store.registry.read_all("", soon())
    second = store.registry.read_page(mine, first.last, 20, soon())
    assert [document.key for document in first.documents] == keys[:8]
    assert [document.key for document in second.documents] == [*keys[10:16], f"{name}/15-new", *keys[16:]]


def test_a_key_that_two_buckets_have_is_listed_twice_and_once_each(store: Store, name: str) -> None:
    written = [record(f"{name}/{i}", bucket=bucket) for i in range(3) for bucket in ("one", "two")]
    store.registry.write(written, soon())
    store.registry.read_all("", soon())
    mine = compile_filter({"prefix": {"key": f"{name}/"}})
    assert list_keys(store, mine, 1) == sorted(document.key for document in written)


def record(key: str, *, bucket: str = "bucket", tenant: str = "") -> Document:
    return Document(ObjectKey(bucket, key).document_id, bucket, key, DocumentState.INDEXED, "E1", tenant=tenant)


def list_keys(store: Store, condition: str, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = store.registry.read_page(condition, after, limit, soon())
        found += [document.key for document in page.documents]
        after = page.last
        if after is None:
            assert page.total == len(found)
            return found
        assert len(page.documents) == limit


INJECTIONS = ['x" or key != "', "x' or key != '", 'x\\" or key != \\"', "x\\", '") or (key != "', "%", "*", "{key}"]


@pytest.mark.parametrize("value", INJECTIONS)
def test_no_value_changes_what_a_filter_means(store: Store, name: str, value: str) -> None:
    written = chunk_rows(name, ["Secret."])
    write(store, written)
    for condition in ({"eq": {"key": value}}, {"in": {"key": [value]}}, {"prefix": {"key": value}}):
        assert store.chunks.search_dense(written[0].vector, 5, compile_filter(condition), soon()) == []


@pytest.mark.parametrize(
    "odd", ['say "hi".txt', "back\\slash.txt", "tab\tand\nline.txt", "报告 (终稿)+%2B.txt", "🙂.txt"]
)
def test_odd_keys_are_found_by_exactly_themselves(store: Store, odd: str) -> None:
    written = chunk_rows(odd, ["Odd."])
    write(store, written)
    for condition in ({"eq": {"key": odd}}, {"prefix": {"key": odd[:-4]}}):
        hits = store.chunks.search_dense(written[0].vector, 5, compile_filter(condition), soon())
        assert [hit.key for hit in hits] == [odd]


def test_filters_combine(store: Store, name: str) -> None:
    written = chunk_rows(name, ["One.", "Two.", "Three."])
    write(store, written)
    mine = {"eq": {"key": name}}

    def count(condition: object) -> int:
        return len(store.chunks.search_dense(written[0].vector, 10, compile_filter({"and": [mine, condition]}), soon()))

    assert count({"eq": {"page": 3}}) == 3
    assert count({"gt": {"page": 3}}) == 0
    assert count({"not": {"eq": {"format": "txt"}}}) == 0
    assert count({"or": [{"lt": {"modified": 0}}, {"lte": {"modified": 1_700_000_000}}]}) == 3
    assert count({"ne": {"sheet": "Sheet1"}}) == 3


@pytest.mark.parametrize(
    "condition",
    [
        [],
        "key",
        {"eq": {}},
        {"eq": {"key": 1}},
        {"eq": {"page": "3"}},
        {"eq": {"page": True}},
        {"eq": {"page": 1 << 70}},
        {"eq": {"vector": "x"}},
        {"eq": {"key == key or key": "x"}},
        {"in": {"key": []}},
        {"in": {"key": "x"}},
        {"in": {"key": ["x"] * 1_001}},
        {"in": {"metadata.a": ["x"] * 101}},
        {"prefix": {"page": 1}},
        {"prefix": {"key": 1}},
        {"like": {"key": "x"}},
        {"and": []},
        {"and": {"eq": {"key": "x"}}},
        {"not": []},
        {"eq": {"key": "a\0b"}},
        {"eq": {"key": "x" * 1_025}},
        {"eq": {"key": "x", "page": 1}},
        {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"eq": {"key": "x"}}}}}}}}}},
    ],
    ids=str,
)
def test_a_broken_filter_is_refused_with_a_reason(condition: object) -> None:
    with pytest.raises(RequestError, match="invalid_filter"):
        compile_filter(condition)


def test_a_server_that_is_not_there_fails_soon_and_names_the_setting() -> None:
    settings = MilvusSettings(uri=f"http://127.0.0.1:{processes.free_port()}", timeout=1.0)
    with pytest.raises(TransientError, match="MILVUS_URI"):
        Store(settings, SPACE).check(Deadline.after(5))


def test_writers_side_by_side_lose_nothing(settings: MilvusSettings, store: Store, name: str) -> None:
    names = [f"{i} {name}" for i in range(8)]
    everything = {name: chunk_rows(name, [f"{name} sentence {j}." for j in range(40)]) for name in names}

    def write_each(name: str) -> None:
        writer = Store(settings, SPACE)
        for row in everything[name]:
            writer.chunks.write([row], soon())

    threads = [threading.Thread(target=write_each, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in names:
        assert len(dict(store.chunks.read_positions(ObjectKey("bucket", name).document_id, soon()))) == 40


def test_a_server_that_falls_silent_costs_its_timeout_and_no_more(lite_milvus: MilvusSettings, name: str) -> None:
    with ForgetfulProxy(lite_milvus.uri) as proxy:
        store = Store(MilvusSettings(uri=proxy.address, collection="silent", timeout=1.0), SPACE)
        store.prepare(soon())
        proxy.forget()
        started = time.monotonic()
        with pytest.raises(TransientError, match="MILVUS_URI"):
            store.registry.read(ObjectKey("bucket", name).document_id, Deadline.after(4))
        assert time.monotonic() - started < 60


def test_a_server_that_never_speaks_costs_its_timeout_and_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = MilvusSettings(uri=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=1.0)
        started = time.monotonic()
        with pytest.raises(TransientError):
            Store(settings, SPACE).check(Deadline.after(4))
        assert time.monotonic() - started < 60


def test_a_collection_that_an_administrator_released_is_loaded_again(fresh_milvus: MilvusSettings) -> None:
    from pymilvus import MilvusClient

    store = Store(fresh_milvus, SPACE)
    store.prepare(soon())
    rows = chunk_rows("a.txt", ["Released."])
    write(store, rows)
    administrator = MilvusClient(fresh_milvus.uri, token=fresh_milvus.token.reveal())
    for name in (store.chunks.name, store.registry.name):
        administrator.release_collection(name)
    administrator.close()
    assert [hit.text for hit in store.chunks.search_dense(rows[0].vector, 5, "", soon())] == ["Released."]
    assert store.registry.read(rows[0].chunk.document_id, soon()) is None
    assert list(dict(store.chunks.read_positions(rows[0].chunk.document_id, soon()))) == [rows[0].chunk.id]


def test_a_collection_that_cannot_be_loaded_is_named_as_the_cause(
    fresh_milvus: MilvusSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pymilvus import MilvusClient

    store = Store(fresh_milvus, SPACE)
    store.prepare(soon())
    administrator = MilvusClient(fresh_milvus.uri, token=fresh_milvus.token.reveal())
    administrator.release_collection(store.chunks.name)
    administrator.close()
    monkeypatch.setattr(MilvusClient, "load_collection", lambda *_, **__: None)
    with pytest.raises(TransientError, match=r"milvus_not_loaded.*load_collection"):
        store.chunks.search_dense([1.0] + [0.0] * 63, 5, "", soon())
