"""A JSON file: one block for each item of a list or each field of an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.encoding import decode_whole
from shared.parsing.record import decoded, readable, title_of
from shared.parsing.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The values of a JSON file; ``row`` counts the items when it is a list.

    Raises:
        DocumentError: ``too_large``, ``too_deep``, ``broken_file``.
    """
    text = decode_whole(path, limits.max_whole_bytes)
    if not text.strip():
        return ParsedDocument("", iter(()))
    if sum(text.count(mark) for mark in "[{,") > limits.max_values:
        raise refusal("too_large", f"The file holds more than {limits.max_values} values; as jsonl it would stream.")
    try:
        value = decoded(text)
    except ValueError:
        raise refusal("broken_file", "The file is not valid JSON.") from None
    return ParsedDocument(title_of(value), _blocks(value, limits.max_nesting))


def _blocks(value: object, max_nesting: int) -> Iterator[Block]:
    if isinstance(value, list):
        for row, item in enumerate(value, start=1):
            yield Block(readable(item, max_nesting), Location(row=row))
    else:
        yield from _fields(value, max_nesting)


def _fields(value: object, max_nesting: int) -> Iterator[Block]:
    """A flat object is one record; one that holds lists or objects is a document, read field by field."""
    if not isinstance(value, dict):
        yield Block(readable(value, max_nesting))
        return
    nested = {name: field for name, field in value.items() if isinstance(field, (dict, list))}
    flat = {name: field for name, field in value.items() if name not in nested}
    yield Block(readable(flat, max_nesting))
    for name, field in nested.items():
        if isinstance(field, list) and any(isinstance(item, dict) for item in field):
            for row, item in enumerate(field, start=1):
                yield Block(readable(item, max_nesting), Location(row=row, headings=(str(name),)))
        else:
            yield Block(readable({name: field}, max_nesting))
