"""Lets two collections answer the same queries, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Usage  # noqa: TC001 - msgspec reads the annotation
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.embedding.embedder import Embedder
    from shared.retrieval.result import SearchResult
    from shared.runtime.retrying import Deadline
    from shared.store.schema import Space
    from shared.store.store import Store

_HITS = 10
_SHOWN_CHARACTERS = 160


class Hit(Struct, frozen=True):
    """A hit, in short.

    Attributes:
        key: of its document.
        start: of the chunk in the document's text.
        text: its beginning.
    """

    key: str
    start: int
    text: str


class Answer(Struct, frozen=True):
    """What one collection answers.

    Attributes:
        hits: best first.
        milliseconds: it took.
        usage: it cost.
    """

    hits: tuple[Hit, ...]
    milliseconds: float
    usage: Usage


class Answers(Struct, frozen=True):
    """What both collections answer to a query."""

    query: str
    current: Answer
    other: Answer


class Comparison:
    """Asks two collections: thread-safe.

    Args:
        find_embedder: finds the embedder of a space.
    """

    def __init__(self, find_embedder: Callable[[Space], Embedder]) -> None:
        self._find_embedder = find_embedder

    def ask(self, current: Store, other: Store, queries: Sequence[str], deadline: Deadline) -> tuple[Answers, ...]:
        """Ask both collections each query; errors as `Retrieval.search`."""
        first, second = (Retrieval(self._find_embedder(store.space), store) for store in (current, other))
        return tuple(Answers(text, _ask(first, text, deadline), _ask(second, text, deadline)) for text in queries)


def _ask(retrieval: Retrieval, text: str, deadline: Deadline) -> Answer:
    began = clock.monotonic()
    found = retrieval.search(SearchQuery(text, top_k=_HITS, mode=Mode.HYBRID), deadline)
    return Answer(_shorten(found), round((clock.monotonic() - began) * 1_000, 1), found.usage)


def _shorten(found: SearchResult) -> tuple[Hit, ...]:
    hits = (item.hit for group in found.groups for item in group.items)
    return tuple(Hit(hit.key, hit.location.start, hit.text[:_SHOWN_CHARACTERS]) for hit in hits)
