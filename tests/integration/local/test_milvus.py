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

from pymilvus import DataType, MilvusClient

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
