"""Comma-, semicolon-, tab- or bar-separated records, streamed."""

from __future__ import annotations

import csv
import re
from itertools import chain, islice
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

# Of two that split equally well the first one wins: figures and sentences hold commas, but seldom tabs.
_DELIMITERS = "\t;|,，"
_SAMPLE_LINES, _SAMPLE_CHARACTERS = 1000, 1 << 20
# Excel's first line that names the delimiter and is no record.
_NAMED_DELIMITER = re.compile(r"\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
# Excel's way to keep zeros at the front of a number: a formula that is only a text.
_TEXT_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
# Escapes of MySQL: https://dev.mysql.com/doc/refman/8.4/en/load-data.html
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": " ", "r": " ", "t": " ", "0": "", "b": "", "Z": "", "N": ""}
_ESCAPED_QUOTE_INSIDE = re.compile(r'\\"(?=[^",;|\t])')
_NULL = re.compile(r'(?:^|[,;|\t])"?\\N"?(?=[,;|\t]|$)')
# In place of an escaped quotation mark or delimiter while fields are split: no text holds these after cleaning.
_QUOTE_MARK, _DELIMITER_MARK = "\ufdd0", "\ufdd1"


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The records of a table in text; ``row`` counts records, the header being the first."""
    return ParsedDocument("", _blocks(path, limits))


def _blocks(path: Path, limits: Limits) -> Iterator[Block]:
    for row in render(_records(path, limits)):
        yield row.block(Location(row=row.number))


def _records(path: Path, limits: Limits) -> Iterator[list[str]]:
    reading = lines(path, limits.max_line_characters, cut=False)
    sample = list(_sample(reading))
    named = _NAMED_DELIMITER.fullmatch(sample[0]) if sample else None
    sample = sample[1:] if named else sample
    delimiter = named[1] if named else _delimiter(sample)
    has_escapes = _has_escapes(sample, delimiter)
    whole: Iterator[str] = chain(sample, reading)
    if has_escapes:
        whole = (_unescaped(line, delimiter) for line in _joined(whole, limits.max_line_characters))
    records = csv.reader((f"{line}\n" for line in whole), delimiter=delimiter)
    try:
        for number, record in enumerate(records, start=1):
            if number > limits.max_rows:
                raise refusal("too_large", f"The table has more than {limits.max_rows} rows.")
            yield [_value(field, delimiter) for field in record] if has_escapes else [*map(_plain, record)]
    except csv.Error:
        message = f"Line {records.line_num} is not a record: a quotation mark is missing or a field is too long."
        raise refusal("broken_file", message) from None


def _sample(reading: Iterator[str]) -> Iterator[str]:
    """The first lines; they are taken from ``reading``."""
    characters = 0
    for line in islice(reading, _SAMPLE_LINES):
        yield line
        characters += len(line)
        if characters > _SAMPLE_CHARACTERS:
            return


def _plain(field: str) -> str:
    if field.startswith("=") and (text := _TEXT_FORMULA.fullmatch(field.strip())):
        return text[1].replace('""', '"')
    return field


def _value(field: str, delimiter: str) -> str:
    return _plain(field.replace(_QUOTE_MARK, '"').replace(_DELIMITER_MARK, delimiter))


def _has_escapes(sample: list[str], delimiter: str) -> bool:
    """Whether backslashes escape, as in dumps of MySQL, and are not part of paths."""
    if not any("\\" in line for line in sample):
        return False
    plain = _evenness(sample, delimiter)
    unescaped = _evenness([_unescaped(line, delimiter) for line in sample], delimiter)
    if unescaped != plain:
        return unescaped > plain and any(f"\\{mark}" in line for line in sample for mark in ('"', delimiter))
    return any(_ESCAPED_QUOTE_INSIDE.search(line) or _NULL.search(line) for line in sample)


def _unescaped(line: str, delimiter: str) -> str:
    def replace(match: re.Match[str]) -> str:
        if match[1] == '"':
            return _QUOTE_MARK
        return _DELIMITER_MARK if match[1] == delimiter else _ESCAPED.get(match[1], match[1])

    return _ESCAPE.sub(replace, line) if "\\" in line else line


def _joined(whole: Iterator[str], longest: int) -> Iterator[str]:
    """Lines, those that end in an escape joined with the next one."""
    kept = ""
    for line in whole:
        kept += line
        if (len(kept) - len(kept.rstrip("\\"))) % 2 and len(kept) < longest:
            kept = f"{kept[:-1]} "
        else:
            yield kept
            kept = ""
    if kept:
        yield kept


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
