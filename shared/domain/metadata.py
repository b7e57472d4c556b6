"""Metadata of a document: names with plain values that its owner sets and that a search can filter by."""

from __future__ import annotations

import codecs
from typing import Any, TypeAlias
from unicodedata import category, normalize

import msgspec

MOST_BYTES = 16_384
MOST_NAME_CHARACTERS = 64
# What every Milvus stores as a whole number.
_INTEGERS = range(-(1 << 63), 1 << 63)
_SHOWN_CHARACTERS = 40
# Notepad and PowerShell save JSON with a byte order mark, or as UTF-16.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))

RULE = (
    f"metadata is a JSON object of at most {MOST_BYTES} bytes: names of letters, digits and underscores of any "
    "language; texts, numbers, true, false or lists of texts as values"
)
Value: TypeAlias = str | int | float | bool | list[str]


def parse(content: bytes) -> dict[str, Any]:
    """Metadata from JSON in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        ValueError: it breaks `RULE`; the message names the field, where it is one field.
    """
    if len(content) > MOST_BYTES:
        raise _error(f"it is larger than {MOST_BYTES} bytes")
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        decoded = msgspec.json.decode(content.decode(encoding).encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _error("it is not valid JSON") from None
    return check(decoded)


def check(given: Any) -> dict[str, Any]:
    """``given`` as metadata, without fields and list entries that are null.

    Names are normalized to NFC, so that a filter finds them however they were typed.

    Raises:
        ValueError: it breaks `RULE`; the message names the field, where it is one field.
    """
    if not isinstance(given, dict):
        raise _error("it is not a JSON object")
    metadata = {_name(name): _value(name, value) for name, value in given.items() if value is not None}
    if len(msgspec.json.encode(metadata)) > MOST_BYTES:
        raise _error(f"it is larger than {MOST_BYTES} bytes")
    return metadata


def is_name(text: str) -> bool:
    """Whether ``text`` can name a field: letters, marks, digits and underscores of any script, no digit first."""
    if not 1 <= len(text) <= MOST_NAME_CHARACTERS or not (text[0] == "_" or category(text[0])[0] == "L"):
        return False
    return all(character == "_" or category(character)[0] in "LMN" for character in text)


def _name(name: Any) -> str:
    normal = normalize("NFC", name) if isinstance(name, str) else ""
    if not is_name(normal):
        raise _error(f"the name {_shown(name)} is not a letter or underscore and up to 63 letters, digits, underscores")
    return normal


def _value(name: str, value: Any) -> Value:
    if isinstance(value, str | bool) or (isinstance(value, int) and value in _INTEGERS):
        return value
    if isinstance(value, float) and value - value == 0:
        return value
    if isinstance(value, list):
        entries = [entry for entry in value if entry is not None]
        if all(isinstance(entry, str) for entry in entries):
            return entries
    raise _error(f"the value of {_shown(name)} is {_kind(value)}")


def _kind(value: Any) -> str:
    """What ``value`` is, and what to write in its place."""
    if isinstance(value, dict):
        return "an object; give each of its fields a name of its own, such as address_city"
    if isinstance(value, list):
        return "a list that holds something else than texts; write its entries as texts"
    if isinstance(value, int):
        return "a whole number of more than 64 bits; write it as a text"
    return "not a text, number, true, false or list of texts; write a date as a text, such as 2026-05-08"


def _shown(name: Any) -> str:
    text = str(name)
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…")


def _error(reason: str) -> ValueError:
    return ValueError(f"{RULE}; {reason}")
