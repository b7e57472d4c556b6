"""Temporary collections: made as the software makes its own, filled with a few rows, and removed."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from ops.verification.assumption import UncheckedError
from shared.domain.errors import PlatformError
from shared.domain.models import Chunk, Location, digest
from shared.runtime.retrying import Deadline
from shared.store.client import Client
from shared.store.rows import ChunkRow
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.runtime.settings import MilvusSettings
    from shared.store.schema import Space

_PREFIX: Final = "verify"
_NAME: Final = re.compile(rf"{_PREFIX}_(\d{{10}})_[0-9a-f]{{8}}(_|$)")
# Collections of another run that is under way are younger.
_ABANDONED_SECONDS: Final = 3_600
_STEP_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Sample:
    """A row to write.

    Attributes:
        axis: the dimension in which its vector is 1; the others are 0.
        name: makes its ids.
    """

    name: str
    text: str = "nothing"
    key: str = "a.txt"
    title: str = ""
    tenant: str = ""
    metadata: dict[str, Any] | None = None
    axis: int = 0


class TemporaryCollections:
    """Collections of this run alone, with two clients, as two instances would have."""

    def __init__(
        self, settings: MilvusSettings, space: Space, make_client: Callable[[MilvusSettings], Client] = Client
    ) -> None:
        self.name = f"{_PREFIX}_{int(time.time())}_{secrets.token_hex(4)}"
        self.settings = replace(settings, collection=self.name)
        self.space = space
        self.make_client = make_client
        self.client, self.other = make_client(settings), make_client(settings)
        self.store = Store(self.settings, space, self.client)

    @property
    def until(self) -> Deadline:
        """The end of one step."""
        return Deadline.after(_STEP_SECONDS)

    @property
    def chunks(self) -> str:
        """The collection of chunks."""
        return self.store.chunks.name

    @cached_property
    def version(self) -> str:
        """What the server says it is."""
        return self.store.read_server_version(self.until)

    def require_words(self) -> None:
        """Check that the server can search by words.

        Raises:
            UncheckedError: it is older.
        """
        if not self.store.server_has_keywords(self.until):
            raise UncheckedError(f"Milvus {self.version} is older than 2.5, which this needs")

    def write(self, *samples: Sample) -> None:
        """Write rows as ingestion does."""
        self.store.chunks.write([self.make_row(sample) for sample in samples], self.until)

    def make_row(self, sample: Sample) -> ChunkRow:
        """The row of a sample."""
        vector = [0.0] * self.space.dimension
        vector[sample.axis % self.space.dimension] = 1.0
        document = document_id(sample.name)
        chunk = Chunk(digest("chunk", sample.name), document, 0, sample.text, Location())
        return ChunkRow(
            chunk,
            tuple(vector),
            "verify",
            sample.key,
            sample.title,
            "txt",
            0.0,
            sample.metadata or {},
            "",
            sample.tenant,
        )

    def read(
        self, condition: str, *fields: str, consistency: str = "Strong", other: bool = False
    ) -> list[dict[str, Any]]:
        """The rows of chunks that a condition selects, read by one of the two clients."""
        client = self.other if other else self.client
        return client.query(self.chunks, condition, ["id", *fields], self.until, consistency)

    def remove(self) -> None:
        """Remove the collections of this run, and those that an earlier one has left.

        Raises:
            PlatformError: some remain.
        """
        for name in self.client.call("list_collections", self.until):
            if self._is_removable(name):
                self._remove(name)

    def list_remaining(self) -> Sequence[str]:
        """The collections of this run that exist."""
        return [name for name in self.client.call("list_collections", self.until) if name.startswith(self.name)]

    def _remove(self, name: str) -> None:
        for alias in self.client.call("list_aliases", self.until, name)["aliases"]:
            self.client.call("drop_alias", self.until, alias)
        self.client.call("drop_collection", self.until, name)

    def _is_removable(self, name: str) -> bool:
        found = _NAME.match(name)
        is_old = bool(found) and time.time() - int(found[1] if found else 0) > _ABANDONED_SECONDS
        return is_old or name.startswith(self.name)


def document_id(name: str) -> str:
    """The document of the sample with this name."""
    return digest("document", name)


def find_error(client: Client, method: str, until: Deadline, *arguments: Any, **options: Any) -> PlatformError | None:
    """The error that a call ends with; ``None`` where it succeeds."""
    try:
        client.call(method, until, *arguments, **options)
    except PlatformError as error:
        return error
    return None
