"""What is assumed of Milvus, tried in collections of this run that are always removed."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from ops.verification.milvus.collections import TemporaryCollections
from ops.verification.milvus.searching import list_searching
from ops.verification.milvus.writing import list_writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ops.verification.assumption import Assumption
    from shared.runtime.settings import MilvusSettings
    from shared.store.schema import Space


@contextmanager
def open_milvus(settings: MilvusSettings, space: Space) -> Iterator[Iterable[Assumption]]:
    """The assumptions about Milvus.

    Raises:
        PlatformError: it cannot be reached, or a collection cannot be removed.
    """
    made = TemporaryCollections(settings, space)
    made.store.read_server_version(made.until)
    try:
        yield chain(list_writing(made), list_searching(made))
    finally:
        made.remove()
