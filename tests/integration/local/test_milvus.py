"""Milvus on one machine keeps what it acknowledged, and says in one sentence why it cannot start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pymilvus import (
    AnnSearchRequest,
    DataType,
    Function,
    FunctionType,
    MilvusClient,
    MilvusException,
    RRFRanker,
    WeightedRanker,
)

from local import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE_SECONDS = 240
COLLECTION = "things"


@contextmanager
def serving(data: Path) -> Iterator[Any]:
    """A client of a server over ``data``, which ends by SIGTERM."""
    log = data.with_name("milvus.log")
    process = processes.start("milvus", "local.milvus", server(data), os.environ, log, PATIENCE_SECONDS)
    client = MilvusClient(process.address)
    try:
        yield client
    finally:
        client.close()
        process.stop()
    assert process.popen.returncode == 0, log.read_text()


def server(data: Path, port: int = 0) -> list[str]:
    return ["--data", str(data), "--port", str(port)]


def refused(data: Path, port: int = 0) -> str:
    """What a server that cannot start says."""
    ended = subprocess.run(
        [sys.executable, "-m", "local.milvus", *server(data, port)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def create(client: Any) -> None:
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    index = client.prepare_index_params()
    index.add_index("vector", index_type="FLAT", metric_type="COSINE")
    client.create_collection(COLLECTION, schema=schema, index_params=index)


def rows(ids: range) -> list[dict[str, Any]]:
    return [{"id": number, "vector": [1.0, float(number), 0.0, 0.0]} for number in ids]


def insert(client: Any, ids: range) -> None:
    client.insert(COLLECTION, rows(ids))


def segments(data: Path) -> list[Path]:
    return list(data.rglob("*.parquet"))


def eventually(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def test_a_taken_port_gives_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        output = refused(tmp_path / "data", port)
    assert output == f"Port {port} is taken: stop what listens there, or choose another port.\n"


def test_a_folder_in_use_gives_one_sentence_and_goes_on_serving_the_first(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        output = refused(data)
        assert output == f"{data} is in use by another Milvus Lite: stop it, or choose another folder.\n"
        assert client.list_collections() == []


def test_rows_written_just_before_sigterm_are_there_after_a_restart_and_can_be_searched(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as client:
        create(client)
        insert(client, range(300))
        client.delete(COLLECTION, ids=[7])
    with serving(tmp_path / "data") as client:
        kept = client.query(COLLECTION, filter="id >= 0", output_fields=["id"], limit=1_000)
        assert {row["id"] for row in kept} == set(range(300)) - {7}
        ((nearest,),) = client.search(COLLECTION, data=[[1.0, 0.0, 0.0, 0.0]], limit=1)
        assert nearest["id"] == 0


def test_a_burst_of_writes_is_flushed_once_it_has_ended_though_nobody_asks(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data) as client:
        create(client)
        assert not segments(data)
        for start in range(0, 50, 10):
            insert(client, range(start, start + 10))
        eventually(lambda: segments(data) and not list(data.rglob("wal_data_*")))


def test_rows_are_seen_by_every_read_while_they_are_flushed(tmp_path: Path) -> None:
    data, written, over = tmp_path / "data", 100, threading.Event()

    def nearest_and_count(client: Any) -> Iterator[tuple[int, int]]:
        """What reads see less than was written before they began, one after the other until the end."""
        while not over.is_set():
            least = written
            (row,) = client.query(COLLECTION, filter="", output_fields=["count(*)"], consistency_level="Strong")
            ((found,),) = client.search(COLLECTION, [[1.0, 0.0, 0.0, 0.0]], limit=1)
            if row["count(*)"] < least or found["id"] != 0:
                yield row["count(*)"], found["id"]

    with serving(data) as client, ThreadPoolExecutor() as pool:
        create(client)
        client.upsert(COLLECTION, rows(range(100)))
        seeing = [pool.submit(list, nearest_and_count(client)) for _ in range(4)]
        try:
            for written in range(100, 10_000, 100):
                client.flush(COLLECTION)
                client.upsert(COLLECTION, rows(range(written, written + 100)))
        finally:
            over.set()
        assert [missing for reader in seeing for missing in reader.result()] == []


def create_texts(client: Any, **index: Any) -> None:
    """A collection with words, and an index of them."""
    schema = client.create_schema()
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("text", DataType.VARCHAR, max_length=200, enable_analyzer=True)
    schema.add_field("about", DataType.JSON)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=4)
    schema.add_field("lexical", DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(Function("lexical", FunctionType.BM25, ["text"], ["lexical"]))
    indexes = client.prepare_index_params()
    indexes.add_index("vector", index_type="FLAT", metric_type="COSINE")
    indexes.add_index("lexical", index_type="SPARSE_INVERTED_INDEX", metric_type="BM25", **index)
    client.create_collection("texts", schema=schema, index_params=indexes)
    texts = ("a grey filter", "the filter of a filter", "nothing here", "grey 100% a_b")
    rows = [{"id": i, "text": text, "about": {"t": text}, "vector": [1.0, i, 0, 0]} for i, text in enumerate(texts)]
    client.insert("texts", rows)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("texts")) as client:
        create_texts(client, params={"drop_ratio_build": 0.2})
        yield client


def search_words(client: Any, query: str, **params: Any) -> list[tuple[int, float]]:
    options = {"metric_type": "BM25", "params": params}
    (found,) = client.search("texts", [query], anns_field="lexical", limit=9, search_params=options)
    return [(hit["id"], hit["distance"]) for hit in found]


def test_scores_of_words_are_positive_and_the_best_comes_first_as_on_a_server(texts: Any) -> None:
    found = search_words(texts, "grey filter")
    assert {id_ for id_, _ in found} == {0, 1, 3}
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] > 0


@pytest.mark.parametrize(("field", "query"), [("lexical", "grey filter"), ("vector", [1.0, 2.0, 0.0, 0.0])])
@pytest.mark.parametrize("options", [{"metric_type": ""}, {}])
def test_a_search_without_a_metric_takes_that_of_the_index(texts: Any, field: str, query: Any, options: Any) -> None:
    metric = {"lexical": "BM25", "vector": "COSINE"}[field]
    found, named = (
        [
            (hit["id"], hit["distance"])
            for hit in texts.search("texts", [query], anns_field=field, search_params=given)[0]
        ]
        for given in (options, {"metric_type": metric})
    )
    assert found == named
    assert found


def test_limits_of_scores_are_those_of_a_server(texts: Any) -> None:
    found = search_words(texts, "grey filter")
    least, best = found[-1][1], found[0][1]
    assert search_words(texts, "grey filter", radius=best) == []
    assert search_words(texts, "grey filter", radius=least)[0] == found[0]
    assert found[0] not in search_words(texts, "grey filter", radius=0, range_filter=(best + least) / 2)


@pytest.mark.parametrize("ratio", [0, 0.2, 0.99, "0.5"])
def test_the_share_to_drop_is_taken_and_changes_nothing(texts: Any, ratio: Any) -> None:
    assert search_words(texts, "filter", drop_ratio_search=ratio) == search_words(texts, "filter")


@pytest.mark.parametrize("ratio", [1, -0.1, "much"])
def test_a_share_to_drop_that_is_none_is_refused(texts: Any, ratio: Any) -> None:
    with pytest.raises(MilvusException, match="drop_ratio_search"):
        search_words(texts, "filter", drop_ratio_search=ratio)


@pytest.mark.parametrize("fields", [["*"], ["lexical", "text"], ["lexical"]])
def test_the_vector_of_words_is_never_returned(texts: Any, fields: list[str]) -> None:
    (row,) = texts.query("texts", filter="id == 0", output_fields=fields)
    (hits,) = texts.search("texts", [[1.0, 0, 0, 0]], anns_field="vector", limit=1, output_fields=fields)
    assert "lexical" not in row
    assert "lexical" not in hits[0]["entity"]
    assert ("text" in row) == (fields != ["lexical"])


def test_a_hybrid_search_ranks_by_both(texts: Any) -> None:
    requests = [
        AnnSearchRequest([[1.0, 0, 0, 0]], "vector", {"metric_type": "COSINE"}, 4),
        AnnSearchRequest(["nothing"], "lexical", {"metric_type": "BM25", "params": {"drop_ratio_search": 0.2}}, 4),
    ]
    for ranker, best in ((RRFRanker(), {0, 2}), (WeightedRanker(0.1, 0.9), {2}), (WeightedRanker(0.9, 0.1), {0})):
        (found,) = texts.hybrid_search("texts", requests, ranker, limit=4)
        assert found[0]["id"] in best
        assert found[0]["distance"] > 0


@pytest.mark.parametrize("field", ["text", 'about["t"]'])
@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"%100\\%%", {3}),
        (r"%100\\_%", set()),
        (r"%a\\_b", {3}),
        ("%a_b", {3}),
        (r"a\\_grey%", set()),
        ("a_grey%", {0}),
    ],
)
def test_an_escaped_character_of_a_pattern_stands_for_itself(
    texts: Any, field: str, pattern: str, expected: set[int]
) -> None:
    rows = texts.query("texts", filter=f'{field} like "{pattern}"', output_fields=["id"])
    assert {row["id"] for row in rows} == expected


def test_pages_of_a_query_follow_each_other_by_primary_key(tmp_path: Path) -> None:
    ids = [37, 5, 99, 1, 42, 8, 77, 3, 64, 20]
    with serving(tmp_path / "data") as client:
        create(client)
        for number in ids:
            client.insert(COLLECTION, rows(range(number, number + 1)))
        seen: list[int] = []
        while page := client.query(COLLECTION, filter=f"id > {seen[-1] if seen else 0}", output_fields=["id"], limit=3):
            seen += [row["id"] for row in page]
    assert seen == sorted(ids)
