"""The sidecar of an object, ``<key>.metadata.json``: it holds the object's metadata."""

from __future__ import annotations

import urllib.parse
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from shared.domain import metadata
from shared.domain.models import ObjectKey, ObjectState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SIDECAR = ".metadata.json"
# Headers of an object hold up to 8 KB in OSS, on top of its sidecar.
_MAX_BYTES = 2 * metadata.MOST_BYTES
# Documents that wait for a sidecar that may follow in a listing; then it is asked for.
_MAX_WAITING = 4_000


def document_of(key: ObjectKey) -> ObjectKey:
    """The document an object belongs to: itself, or the one it is the sidecar of."""
    return ObjectKey(key.bucket, key.key.removesuffix(SIDECAR)) if len(key.key) > len(SIDECAR) else key


def list_readings(key: ObjectKey) -> tuple[ObjectKey, ...]:
    """The documents an event may mean: its key as it came, and with percent-encoding undone."""
    plain = document_of(ObjectKey(key.bucket, urllib.parse.unquote(key.key)))
    return (key,) if plain == key else (key, plain)


def read_headers(headers: dict[str, str]) -> dict[str, str]:
    """Metadata in the ``x-oss-meta-`` headers: they may have hyphens but no underscores, names in filters not."""
    return {name.lower().replace("-", "_"): value for name, value in headers.items()}


def add_sidecar(state: ObjectState, sidecar: ObjectState | None) -> ObjectState:
    """An object together with its sidecar, as far as a listing tells."""
    if sidecar is None:
        return state
    return replace(state, modified=max(state.modified, sidecar.modified), sidecar_etag=sidecar.etag)


def join_listing(
    pages: Iterable[list[ObjectState]], find: Callable[[ObjectKey], ObjectState | None]
) -> Iterator[list[ObjectState]]:
    """Yield the documents of a listing in the order of their keys, each with its sidecar, in bounded memory.

    Between a document and its sidecar may lie others: ``report``, ``report-1``, ``report.metadata.json``. All of them
    begin with the document's key, so that few documents wait for a sidecar at any place of the listing.

    Args:
        pages: objects in the order of their keys.
        find: looks for a sidecar by its key.
    """
    waiting: list[ObjectState] = []
    known: set[str] = set()
    for page in pages:
        waiting = _join(waiting, page)
        last = page[-1].key.key if page else ""
        if len(waiting) > _MAX_WAITING:
            for at, state in enumerate(waiting):
                if _awaits_sidecar(state, last, known) and state.key.key < page[0].key.key:
                    waiting[at] = add_sidecar(state, find(ObjectKey(state.key.bucket, state.key.key + SIDECAR)))
                    known.add(state.key.key)
        ends = (at for at, state in enumerate(waiting) if _awaits_sidecar(state, last, known))
        end = next(ends, len(waiting))
        yield waiting[:end]
        waiting = waiting[end:]
        known = {key for key in known if key + SIDECAR > last}
    yield waiting


def _join(documents: list[ObjectState], objects: list[ObjectState]) -> list[ObjectState]:
    """Append the documents among objects that follow in a listing, and add the sidecars among them."""
    joined = list(documents)
    keys = [state.key.key for state in joined]
    for state in objects:
        document = document_of(state.key)
        if document == state.key:
            joined.append(state)
            keys.append(state.key.key)
        elif (at := bisect_left(keys, document.key)) < len(keys) and keys[at] == document.key:
            joined[at] = add_sidecar(joined[at], state)
    return joined


def _awaits_sidecar(state: ObjectState, last: str, known: set[str]) -> bool:
    """Whether the sidecar of a document may still follow after the key ``last`` of a listing."""
    return state.key.key + SIDECAR > last and state.key.key not in known


def add_metadata(state: ObjectState, content: bytes) -> ObjectState:
    """An object with the metadata its sidecar holds, which wins over its headers; or with why it cannot be used."""
    try:
        return replace(state, metadata={**state.metadata, **metadata.parse(content)})
    except ValueError as error:
        return replace(state, problem=f"Its {SIDECAR} cannot be used: {error}.")


def check_size(state: ObjectState) -> ObjectState:
    """An object with metadata of a size that the index stores, or with why it cannot be used."""
    if state.problem or len(msgspec.json.encode(state.metadata)) <= _MAX_BYTES:
        return state
    return replace(state, metadata={}, problem=f"Its metadata is larger than {_MAX_BYTES} bytes")
