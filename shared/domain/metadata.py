"""What the owner of a document says about it: names with plain values, by which a search may filter."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import msgspec

MOST_BYTES = 16_384
# What every Milvus holds as a whole number.
_INTEGERS = range(-(1 << 63), 1 << 63)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

RULE = (
    f"metadata is a JSON object of at most {MOST_BYTES} bytes: names of letters, digits and underscores; texts, "
    "numbers, true, false or lists of texts as values"
)
Value: TypeAlias = str | int | float | bool | list[str]


def parse(content: bytes) -> dict[str, Any]:
    """Metadata from JSON.

    Raises:
        ValueError: it breaks `RULE`.
    """
    try:
        return check(msgspec.json.decode(content))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError(RULE) from None


def check(said: Any) -> dict[str, Any]:
    """``said``, if it is metadata.

    Raises:
        ValueError: it breaks `RULE`.
    """
    try:
        metadata = msgspec.convert(said, dict[str, Value])
    except msgspec.ValidationError:
        raise ValueError(RULE) from None
    named = all(map(_NAME.fullmatch, metadata))
    whole = all(value in _INTEGERS for value in metadata.values() if isinstance(value, int))
    if not named or not whole or len(msgspec.json.encode(metadata)) > MOST_BYTES:
        raise ValueError(RULE)
    return metadata
