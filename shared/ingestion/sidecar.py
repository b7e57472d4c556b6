"""The sidecar of an object, ``<key>.metadata.json``: it holds the object's metadata."""

from __future__ import annotations

import urllib.parse
from dataclasses import replace

import msgspec

from shared.domain import metadata
from shared.domain.models import ObjectKey, ObjectState

SIDECAR = ".metadata.json"
# Headers of an object hold up to 8 KB in OSS, on top of its sidecar.
_MAX_BYTES = 2 * metadata.MOST_BYTES


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
