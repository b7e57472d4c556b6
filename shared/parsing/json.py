"""A JSON file: one block for each item of a list or each field of an object."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shared.domain.models import Block, BlockKind, Location, ParsedDocument
from shared.parsing.cut_json import complete
from shared.parsing.encoding import decode_whole
from shared.parsing.json_markup import show_markup
from shared.parsing.record import decode, decode_all, find_title, make_block, render_value
from shared.parsing.refusing import refuse, report_cut
from shared.parsing.table import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

# Names of fields that become headings, outermost first; deeper ones stay in the text.
_DEEPEST_HEADINGS, _LONGEST_HEADING = 4, 100


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The values of a JSON file; ``row`` counts the items when it is a list, or the values when it holds several.

    Raises:
        DocumentError: ``too_large``, ``too_deep``, ``broken_file``.
    """
    text = decode_whole(path, limits.max_whole_bytes, records=True)
    if not text.strip():
        return ParsedDocument("", iter(()))
    if sum(text.count(mark) for mark in "[{,") > limits.max_values:
        raise refuse("too_large", f"The file holds more than {limits.max_values} values; as jsonl it would stream.")
    warnings: list[str] = []
    value = _value(text, warnings)
    if "<" in text:
        value = show_markup(value, limits, warnings)
    return ParsedDocument(find_title(value), read(value, limits, warnings), warnings=warnings)


def read(value: object, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    """The blocks of a decoded value; ``warnings`` takes what was left out.

    Raises:
        DocumentError: ``too_deep``; while blocks are read.
    """
    return _Reader(limits.max_nesting, warnings).blocks(value, ())


def _value(text: str, warnings: list[str]) -> Any:
    """The file's value; of several, one after the other, a list of them. Of a file that was cut off, what is left."""
    with suppress(ValueError):
        return decode(text)
    with suppress(ValueError):
        return decode_all(text)
    with suppress(ValueError):
        values = decode_all(complete(text))
        if values:
            report_cut(warnings)
            return values[0] if len(values) == 1 else values
    raise refuse("broken_file", "The file is not valid JSON.")


class _Reader:
    """Turns a value into blocks."""

    def __init__(self, max_nesting: int, warnings: list[str]) -> None:
        self._max_nesting = max_nesting
        self._warnings = warnings

    def blocks(self, value: object, headings: tuple[str, ...]) -> Iterator[Block]:
        if isinstance(value, list):
            yield from self._items(value, headings)
        elif isinstance(value, dict):
            yield from self._fields(value, headings)
        else:
            yield Block(render_value(value, self._max_nesting, self._warnings), Location(headings=headings))

    def _items(self, items: list[Any], headings: tuple[str, ...]) -> Iterator[Block]:
        if len(items) > 1 and all(_is_flat_list(item) for item in items):
            yield from (row.block(Location(row=row.number, headings=headings)) for row in render(items))
            return
        for row, item in enumerate(items, start=1):
            yield self._record(item, Location(row=row, headings=headings))

    def _record(self, value: object, at: Location) -> Block:
        return make_block(value, at, self._max_nesting, self._warnings)

    def _fields(self, value: dict[str, Any], headings: tuple[str, ...]) -> Iterator[Block]:
        """A flat object is one record; one that holds lists or objects is a document, read field by field."""
        at = Location(headings=headings)
        nested = {name: field for name, field in value.items() if isinstance(field, (dict, list))}
        yield self._record({name: field for name, field in value.items() if name not in nested}, at)
        for name, field in nested.items():
            if len(headings) < _DEEPEST_HEADINGS and _holds_records(field):
                yield from self.blocks(field, (*headings, " ".join(name[:_LONGEST_HEADING].split())))
            else:
                text = render_value({name: field}, self._max_nesting, self._warnings)
                yield Block(text, at, kind=BlockKind.ROW, keys=name[:_LONGEST_HEADING])


def _is_flat_list(value: object) -> bool:
    return (
        isinstance(value, list) and 0 < len(value) < 100 and not any(isinstance(item, (dict, list)) for item in value)
    )


def _holds_records(value: object) -> bool:
    """Whether a field is a list of objects or rows, or an object that holds one."""
    if isinstance(value, list):
        return any(isinstance(item, dict) for item in value) or (len(value) > 1 and all(map(_is_flat_list, value)))
    return isinstance(value, dict) and any(
        isinstance(field, list) and any(isinstance(item, dict) for item in field) for field in value.values()
    )
