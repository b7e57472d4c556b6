"""The ingestion code in this process, over emulators of its own: to measure the code rather than a stack."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests

from local import processes
from shared.domain.models import Chunk, Location, digest
from shared.embedding.embedder import Embedder
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.runtime.retrying import Deadline
from shared.runtime.settings import BucketSettings, DashScopeSettings, IngestionSettings, MilvusSettings, Secret
from shared.store.rows import ChunkRow
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_BUCKET: Final = "benchmark"
_START_SECONDS: Final = 120
_FILL_SECONDS: Final = 3_600
_FILL_ROWS: Final = 2_000
_MODEL: Final = "text-embedding-v4"
_FILLER_PER_DOCUMENT: Final = 20


@dataclass(frozen=True)
class Parts:
    """Where the parts answer.

    Attributes:
        folder: serves as the bucket.
    """

    dashscope: str
    oss: str
    folder: Path
    milvus: str

    def bucket(self) -> Bucket:
        """A client of the bucket."""
        secret = Secret("local")
        return Bucket(
            BucketSettings(bucket=_BUCKET, endpoint=self.oss, access_key_id="local", access_key_secret=secret)
        )

    def embedder(self, dimension: int) -> Embedder:
        """A client of the DashScope emulator that has no quota to wait for."""
        return Embedder(self.dashscope_settings(dimension))

    def dashscope_settings(self, dimension: int) -> DashScopeSettings:
        """Settings of a client of the emulator without a quota."""
        return DashScopeSettings(
            api_key=Secret("sk-local"),
            base_url=self.dashscope,
            requested_dimension=dimension,
            requests_per_second=10_000.0,
            tokens_per_minute=10**10,
        )

    def store(self, collection: str, dimension: int) -> Store:
        """A client of Milvus, its collections prepared."""
        settings = MilvusSettings(uri=self.milvus, collection=collection, timeout=60.0)
        store = Store(settings, Space(_MODEL, dimension))
        store.prepare(Deadline.after(_START_SECONDS))
        return store

    def ingestion(self, store: Store, dimension: int) -> Ingestion:
        """The use case, as the function builds it."""
        return Ingestion(self.bucket(), self.embedder(dimension), store, IngestionSettings())

    def put(self, key: str, content: bytes) -> None:
        """Put an object into the bucket."""
        (self.folder / key).write_bytes(content)

    def remove(self, key: str) -> None:
        """Remove an object from the bucket."""
        (self.folder / key).unlink()

    def strike(self, rules: Sequence[dict[str, Any]]) -> None:
        """Put fault rules in force at the DashScope emulator; none ends them."""
        requests.put(self._control("faults"), json=list(rules), timeout=10).raise_for_status()

    def usage(self) -> dict[str, Any]:
        """What the DashScope emulator has counted."""
        return dict(requests.get(self._control("usage"), timeout=10).json())

    def _control(self, what: str) -> str:
        return f"{self.dashscope.removesuffix('/api/v1')}/control/{what}"


@contextmanager
def parts(folder: Path, milvus: str) -> Iterator[Parts]:
    """Emulators below ``folder``, each a process, beside a Milvus that answers at ``milvus``."""
    bucket = folder / "bucket"
    bucket.mkdir()
    oss_options = ("--port", "0", "--bucket", _BUCKET, "--root", str(bucket))
    with (
        started("dashscope", ("--port", "0", "--model", "hash"), folder) as dashscope,
        started("oss", oss_options, folder) as oss,
    ):
        yield Parts(dashscope, oss, bucket, milvus)


@contextmanager
def lite(folder: Path) -> Iterator[str]:
    """Milvus Lite below ``folder``; gives its address."""
    with started("milvus", ("--data", str(folder / "milvus"), "--port", "0"), folder) as address:
        yield address


@contextmanager
def started(name: str, arguments: Sequence[str], folder: Path) -> Iterator[str]:
    """A part of the local stack in a process of its own; gives its address."""
    process = processes.start(name, f"local.{name}", arguments, os.environ, folder / f"{name}.log", _START_SECONDS)
    try:
        yield process.address
    finally:
        process.stop()


def fill(store: Store, texts: Iterator[str], rows: int, dimension: int) -> None:
    """Write so many chunks of documents that no bucket holds, with vectors that point anywhere."""
    import numpy as np

    random = np.random.default_rng(rows)
    deadline = Deadline.after(_FILL_SECONDS)
    for start in range(0, rows, _FILL_ROWS):
        vectors = random.standard_normal((min(_FILL_ROWS, rows - start), dimension), dtype=np.float32)
        store.chunks.write([_filler(start + i, next(texts), v.tolist()) for i, v in enumerate(vectors)], deadline)


def _filler(number: int, text: str, vector: list[float]) -> ChunkRow:
    key = f"filler-{number // _FILLER_PER_DOCUMENT:06}.txt"
    ordinal = number % _FILLER_PER_DOCUMENT
    document_id = digest("filler", key)
    chunk = Chunk(digest(document_id, str(ordinal)), document_id, ordinal, text, Location(ordinal * 500, ordinal * 500))
    return ChunkRow(chunk, tuple(vector), "filler", key, key, "txt", 0.0)
