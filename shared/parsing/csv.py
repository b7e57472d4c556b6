"""Comma-, semicolon-, tab- or bar-separated records, streamed."""

from __future__ import annotations

import csv
from itertools import islice
from typing import TYPE_CHECKING

from shared.domain.models import Location, ParsedDocument
from shared.parsing.encoding import lines
from shared.parsing.refusal import refusal
from shared.parsing.table import render

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_DELIMITERS = ",\t;|，"
_SAMPLE_LINES = 50


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The records of a table in text; ``row`` counts records, the header being the first."""
    return ParsedDocument("", _blocks(path, limits))


def _blocks(path: Path, limits: Limits) -> Iterator[Block]:
    for row in render(_records(path, limits)):
        yield row.block(Location(row=row.number))


def _records(path: Path, limits: Limits) -> Iterator[list[str]]:
    reading = (f"{line}\n" for line in lines(path, limits.max_line_characters, cut=False))
    sample = list(islice(lines(path, limits.max_line_characters, cut=False), _SAMPLE_LINES))
    records = csv.reader(reading, delimiter=_delimiter(sample))
    try:
        for number, record in enumerate(records, start=1):
            if number > limits.max_rows:
                raise refusal("too_large", f"The table has more than {limits.max_rows} rows.")
            yield record
    except csv.Error:
        message = f"Line {records.line_num} is not a record: a quotation mark is missing or a field is too long."
        raise refusal("broken_file", message) from None


def _delimiter(sample: list[str]) -> str:
    """The delimiter that splits most lines of the sample into the same number of fields, two or more."""
    return max(_DELIMITERS, key=lambda delimiter: _evenness(sample, delimiter))


def _evenness(sample: list[str], delimiter: str) -> tuple[int, int]:
    try:
        widths = [len(record) for record in csv.reader([f"{line}\n" for line in sample], delimiter=delimiter) if record]
    except csv.Error:
        return 0, 0
    usual = max(set(widths), key=lambda width: (widths.count(width), width), default=0)
    return (widths.count(usual), usual) if usual > 1 else (0, 0)
