"""Milvus on one machine: the Milvus Lite engine with its own gRPC server, made safe for several writers.

Milvus Lite loses acknowledged rows when two writers of one collection meet a flush, hides them from a read that meets
one, scans unflushed rows slowly, and has no tokenizer that only splits at spaces. A real server has none of these
problems, so they are fixed here and not in the deployed code: calls that change data take turns, reads wait for those
that change rows, a burst of writes is flushed once it has ended, and words can be split at spaces.
"""

from __future__ import annotations

import argparse
import errno
import logging
import os
import signal
import sys
import threading
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import lite, memtable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Rows not yet flushed are copied for every query: 1 MB of them costs milliseconds, 4 MB tens of them.
_MEMTABLE_BYTES = 1_000_000
# A call that waits for another's Python code waits this long at most; the default of 5 ms adds up over a burst.
_SWITCH_SECONDS = 0.0005
# A burst has ended when nothing was written for this long. One flush takes tens of milliseconds.
_QUIET_SECONDS = 0.3
# A signal may reach one of the engine's own threads; Python acts on it once the main thread wakes.
_LOOK_SECONDS = 0.2
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # as a real server
_LEAST_PING_MILLISECONDS = 5_000
# Of this machine or its user, and not of the files of the index.
_NOT_BROKEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM})

_WRITES = frozenset(
    {
        *("CreateCollection", "DropCollection", "CreateIndex", "DropIndex", "LoadCollection", "ReleaseCollection"),
        *("Insert", "Upsert", "Delete", "Flush", "CreateAlias", "AlterAlias", "DropAlias", "RenameCollection"),
    }
)
_ROW_WRITES = frozenset({"Insert", "Upsert", "Delete"})
_ROW_CHANGES = _ROW_WRITES | {"Flush"}
_READS = frozenset({"Search", "HybridSearch", "Query"})


class _Turns:
    """Admits one changing call at a time and no reads with it, and flushes what it touched once no call waits.

    A write may flush, too; and between a flush's first step and its last the rows stand nowhere. Reads of all
    collections wait, which is as good as it gets in one process of Python.

    Args:
        flush: flushes a collection by the call that is served, which waits for its turn itself.
    """

    def __init__(self, flush: Callable[[str], None]) -> None:
        self._lock = threading.RLock()
        self._reading = 0
        self._changing = False
        self._changed = threading.Condition()
        self._flush = flush
        self._dirty: set[str] = set()
        self._written = threading.Event()
        self._stopped = threading.Event()
        self._flushing = threading.Thread(target=self._flush_when_quiet, name="flush", daemon=True)
        self._flushing.start()

    def take(self, method: str, call: Callable[[Any, Any], Any], request: Any, context: Any) -> Any:
        with self._lock:
            if method not in _ROW_CHANGES:
                return call(request, context)
            with self._alone():
                answer = call(request, context)
            if method in _ROW_WRITES:
                self._dirty.add(request.collection_name)
                self._written.set()
            return answer

    def read(self, call: Callable[[Any, Any], Any], request: Any, context: Any) -> Any:
        with self._changed:
            self._changed.wait_for(lambda: not self._changing)
            self._reading += 1
        try:
            return call(request, context)
        finally:
            with self._changed:
                self._reading -= 1
                self._changed.notify_all()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No reads meanwhile; new readers wait, so that a stream of readers cannot block a writer for ever."""
        with self._changed:
            self._changing = True
            self._changed.wait_for(lambda: not self._reading)
        try:
            yield
        finally:
            with self._changed:
                self._changing = False
                self._changed.notify_all()

    def stop(self) -> None:
        self._stopped.set()
        self._written.set()
        # The engine must not be closed under a flush.
        self._flushing.join()

    def _flush_when_quiet(self) -> None:
        while not self._stopped.is_set():
            self._written.wait()
            while self._written.is_set() and not self._stopped.is_set():
                self._written.clear()
                self._stopped.wait(_QUIET_SECONDS)
            with self._lock:
                dirty, self._dirty = self._dirty, set()
                for collection in dirty:
                    self._flush(collection)


def _add_whitespace_tokenizer() -> None:
    """Teach Lite the tokenizer ``whitespace``, which a server has: https://milvus.io/docs/whitespace-tokenizer.md"""
    from milvus_lite.analyzer import factory, standard

    class Whitespace(standard.StandardAnalyzer):  # type: ignore[misc]  # Milvus Lite has no types
        def tokenize(self, text: str) -> list[str]:
            return text.split()

    build = factory._build_by_name  # noqa: SLF001 - there is no other place to add one
    factory._build_by_name = lambda name, **options: (  # noqa: SLF001
        Whitespace() if name == "whitespace" else build(name, **options)
    )


def serve(data: Path, host: str, port: int) -> None:
    """Serve the collections under ``data`` on ``host:port`` until SIGTERM or Ctrl-C.

    Raises:
        SystemExit: the port is taken or the folder is in use; the message says what to do.
    """
    import grpc

    sys.setswitchinterval(_SWITCH_SECONDS)
    from pymilvus.grpc_gen import milvus_pb2, milvus_pb2_grpc

    _add_whitespace_tokenizer()
    memtable.install()
    lite.install()
    log = logging.getLogger("milvus_lite")
    log.setLevel(logging.CRITICAL)  # what is wrong with the folder is reported once, in one sentence
    database, servicer = _open(data)
    log.setLevel(logging.ERROR)  # Lite keeps its records of every request at INFO

    def flush(collection: str) -> None:
        servicer.Flush(milvus_pb2.FlushRequest(collection_names=[collection]), None)

    turns = _Turns(flush)
    for method in _WRITES:
        call = getattr(servicer, method)
        setattr(servicer, method, lambda request, context, m=method, c=call: turns.take(m, c, request, context))
    for method in _READS:
        call = getattr(servicer, method)
        setattr(servicer, method, lambda request, context, c=call: turns.read(c, request, context))
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=16),
        options=[
            ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
            ("grpc.so_reuseport", 0),
            # As a real server; by default gRPC ends the connection of a client that pings twice within five minutes.
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING_MILLISECONDS),
        ],
    )
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(servicer, server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        database.close()
        raise SystemExit(f"Port {port} is taken: stop what listens there, or choose another port.") from None
    server.start()
    print(f"milvus lite over {data} on http://{host}:{bound}", flush=True)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(_LOOK_SECONDS):
        pass
    server.stop(grace=2).wait()
    turns.stop()
    database.close()


def _open(data: Path) -> tuple[Any, Any]:
    """The engine over ``data`` and what serves it, with all collections loaded.

    A real server keeps collections loaded over a restart; Lite opens them released, and refuses to read them.

    Raises:
        SystemExit: the folder is in use or broken.
    """
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite
    from milvus_lite.exceptions import DataDirLockedError
    from pymilvus.grpc_gen import milvus_pb2

    try:
        database = MilvusLite(str(data))
        servicer = MilvusServicer(database)
        for name in database.list_collections():
            _check(servicer.LoadCollection(milvus_pb2.LoadCollectionRequest(collection_name=name), None))
    except DataDirLockedError:
        raise SystemExit(f"{data} is in use by another Milvus Lite: stop it, or choose another folder.") from None
    except Exception as error:  # noqa: BLE001 - whatever a broken file makes of it
        raise SystemExit(_explain_broken(data, error)) from None
    return database, servicer


def _check(status: Any) -> None:
    """Raise what a call of the engine reports instead of raising it."""
    if status.code:
        raise ValueError(status.reason)


def _explain_broken(data: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"Disk full: the index in {data} cannot be opened; free some space."
    if isinstance(error, OSError) and error.errno in _NOT_BROKEN:
        return f"The index in {data} cannot be opened: {os.strerror(error.errno)} ({error.filename or data})."
    if isinstance(error, MemoryError) or "start new thread" in str(error):  # what CPython says at a limit
        return f"The index in {data} cannot be opened: too little memory or too few processes (`ulimit -a`)."
    why = " ".join(str(error).split())[:200] or type(error).__name__
    return f"The index in {data} is broken ({why}): delete this folder, and all documents are indexed again."


def main(arguments: list[str] | None = None) -> None:
    """Command line of the server."""
    parser = argparse.ArgumentParser(prog="python -m local.milvus", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the collections")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=19530, help="0 picks a free one")
    options = parser.parse_args(arguments)
    try:
        options.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"{options.data} cannot be created ({error.strerror}): delete what is in its place.") from None
    os.environ.setdefault("MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES", str(_MEMTABLE_BYTES))
    # gRPC tells a taken port on a line of its own; ours says what to do.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    serve(options.data, options.host, options.port)


if __name__ == "__main__":
    main()
