"""Counts of documents among the best hits of a search, by format, tenant or what their owners say about them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

from msgspec import Struct

from shared.domain import metadata
from shared.domain.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.domain.models import SearchHit
    from shared.store.rows import ChunkDetails

MAX_FACETS = 10
_FIELDS = ("format", "tenant")
_METADATA = "metadata."
_MOST_VALUES = 50
# Longer values are no facets.
_MOST_CHARACTERS = 200


class FacetCount(Struct, frozen=True):
    """How many documents have a value."""

    value: str | int | float | bool
    count: int


def check_facets(facets: Sequence[str]) -> None:
    """Check the fields to count by.

    Raises:
        RequestError: ``invalid_request``: too many, or a field that cannot be counted.
    """
    if len(facets) > MAX_FACETS:
        raise RequestError("invalid_request", f"facets may hold {MAX_FACETS} fields at most.")
    for name in facets:
        is_metadata = name.startswith(_METADATA) and metadata.is_name(normalize("NFC", name.removeprefix(_METADATA)))
        if name not in _FIELDS and not is_metadata:
            raise RequestError("invalid_request", "facets takes format, tenant and metadata.NAME.")


def count_facets(
    facets: Sequence[str], hits: Iterable[SearchHit], details: Mapping[str, ChunkDetails]
) -> dict[str, tuple[FacetCount, ...]]:
    """Count the documents of ``hits`` by each field; the most frequent values first.

    Args:
        details: of chunks, by id; hits without are left out.
    """
    documents = {hit.document_id: hit for hit in hits if hit.id in details}
    counted = {}
    for name in facets:
        counts: Counter[tuple[str, Any]] = Counter()
        for hit in documents.values():
            # Within JSON true and 1 are two values.
            counts.update({(type(value).__name__, value) for value in _read(name, hit, details[hit.id])})
        ranked = sorted(counts.items(), key=lambda item: (-item[1], str(item[0][1])))
        counted[name] = tuple(FacetCount(value, count) for (_, value), count in ranked[:_MOST_VALUES])
    return counted


def _read(name: str, hit: SearchHit, details: ChunkDetails) -> Iterator[str | int | float | bool]:
    if name == "format":
        yield details.format
    elif name == "tenant":
        yield hit.tenant
    else:
        value = hit.metadata.get(normalize("NFC", name.removeprefix(_METADATA)))
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, str | int | float) and len(str(one)) <= _MOST_CHARACTERS:
                yield one
