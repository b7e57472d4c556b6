"""Queries that were sampled, for comparisons: a fixed number of rows of the registry, which no listing shows."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from shared.domain.models import Document, DocumentState, digest
from shared.runtime import clock
from shared.store.expressions import among
from shared.store.registry import make_row
from shared.store.schema import PROGRESS_BUCKET

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline
    from shared.store.client import Client

# A new sample takes the place of a random earlier one.
MOST_SAMPLES = 200
# Older samples are not used, and deleted when they are seen.
MAX_AGE_DAYS = 30
_DAY_SECONDS = 86_400
_FIELD = "query_sample"
_IDS = [digest(PROGRESS_BUCKET, f"query sample {number}") for number in range(MOST_SAMPLES)]


class _Sample(Struct, frozen=True):
    """A query and when it was asked, seconds since the epoch."""

    text: str
    asked: float


class QuerySamples:
    """Reads and writes the rows.

    Args:
        name: of the registry's collection.
    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    def read(self, deadline: Deadline) -> list[str]:
        """Return the texts of the samples, each once, the newest first, read Strong; delete those that are too old."""
        rows = self._client.query(self._name, among("id", _IDS), ["id", "record"], deadline)
        oldest, held, old = clock.time() - MAX_AGE_DAYS * _DAY_SECONDS, list[_Sample](), list[str]()
        for row in rows:
            try:
                sample = msgspec.convert(row["record"][_FIELD], _Sample)
            except (msgspec.ValidationError, KeyError, TypeError):  # of another version of this software
                continue
            if sample.asked < oldest:
                old.append(row["id"])
            else:
                held.append(sample)
        if old:
            self._client.call("delete", deadline, self._name, ids=old)
        return list(dict.fromkeys(sample.text for sample in sorted(held, key=lambda sample: -sample.asked)))

    def write(self, text: str, deadline: Deadline) -> None:
        """Keep a query."""
        id_ = random.choice(_IDS)  # noqa: S311 - no secret
        # A whole document, so that every reader of the registry can read the row.
        row = make_row(Document(id_, PROGRESS_BUCKET, id_, DocumentState.DELETED, ""))
        row["record"][_FIELD] = msgspec.to_builtins(_Sample(text, clock.time()))
        self._client.call("upsert", deadline, self._name, [row])
