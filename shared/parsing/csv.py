"""Comma-, semicolon-, tab- or bar-separated records, streamed."""

from __future__ import annotations

import csv
import re
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from shared.domain.models import Location, ParsedDocument
from shared.parsing.encoding import lines
from shared.parsing.refusing import refuse, report_cut
from shared.parsing.table import render
from shared.parsing.tableline import Across

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

# Of two that split equally well the first one wins: figures and sentences hold commas, but seldom tabs.
_DELIMITERS = "\t;|,，"
_SAMPLE_LINES, _SAMPLE_CHARACTERS = 1000, 1 << 20
_FEWEST_ROWS = 3
_FEWEST_COLUMNS = 2
# Excel's first line that names the delimiter and is no record.
_NAMED_DELIMITER = re.compile(r"\A\s*\"?sep=(.)\"?\s*", re.IGNORECASE)
# Excel's way to keep zeros at the front of a number: a formula that is only a text.
_TEXT_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
# Escapes of MySQL: https://dev.mysql.com/doc/refman/8.4/en/load-data.html
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": " ", "r": " ", "t": " ", "0": "", "b": "", "Z": "", "N": ""}
_ESCAPED_QUOTE_INSIDE = re.compile(r'\\"(?=[^",;|\t])')
_NULL = re.compile(r'(?:^|[,;|\t])"?\\N"?(?=[,;|\t]|$)')
_OPEN_WARNING = "A quotation in the table begins and never ends; its quotation mark was read as text."
# In place of an escaped quotation mark or delimiter while fields are split: no text holds these after cleaning.
_QUOTE_MARK, _DELIMITER_MARK = "\ufdd0", "\ufdd1"


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The records of a table in text; ``row`` counts records, the header being the first."""
    warnings: list[str] = []
    return ParsedDocument("", _blocks(path, limits, warnings), warnings=warnings)


def _blocks(path: Path, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    for row in render(_records(path, limits, warnings)):
        yield row.block(Location(row=row.number))


def _records(path: Path, limits: Limits, warnings: list[str]) -> Iterator[list[str]]:
    # The reader's own bound, 131,072 characters, is shorter than fields that people export.
    csv.field_size_limit(limits.max_line_characters)
    reading = lines(path, limits.max_line_characters, cut=False, records=True)
    sample = list(_sample(reading))
    named = _NAMED_DELIMITER.fullmatch(sample[0]) if sample else None
    sample = sample[1:] if named else sample
    delimiter = named[1] if named else _delimiter(sample)
    has_escapes = _has_escapes(sample, delimiter)
    spaced = _has_spaced_quotations(sample, delimiter)
    whole: Iterator[str] = chain(sample, reading)
    if has_escapes:
        whole = (_unescaped(line, delimiter) for line in _joined(whole, limits.max_line_characters))
    for number, record in enumerate(_split(whole, delimiter, warnings, spaced=spaced), start=1):
        if number > limits.max_rows:
            raise refuse("too_large", f"The table has more than {limits.max_rows} rows.")
        values = [_value(field, delimiter) for field in record] if has_escapes else [*map(_plain, record)]
        # A comment between records stands over all columns, so that it gets the label of none.
        yield [*values, Across(values[0])] if len(values) == 1 and values[0].startswith("#") else values


def _split(whole: Iterator[str], delimiter: str, warnings: list[str], *, spaced: bool) -> Iterator[list[str]]:
    """The records in lines; the mark of a quotation that never ends is a character like any other."""
    read = partial(csv.reader, delimiter=delimiter, skipinitialspace=spaced)
    taken: list[str] = []
    width = _FEWEST_COLUMNS

    def take() -> Iterator[str]:
        for line in whole:
            taken.append(f"{line}\n")
            yield taken[-1]

    records = read(take())
    while True:
        try:
            record = next(records, None)
        except csv.Error:  # a field is longer than a line may be
            records, record, is_open = read(take()), None, True
        else:
            if record is None:
                return
            is_open = bool(record) and record[-1].endswith("\n") and "".join(taken).count('"') % 2 == 1
        if (
            is_open
            and record is not None
            and all(len(line) < width for line in read(taken[1:], quoting=csv.QUOTE_NONE))
        ):
            report_cut(warnings)  # no line after the quotation mark is a record: the file ends in a quotation
            yield [*record[:-1], record[-1].removesuffix("\n")]
        elif is_open:
            warnings += [] if _OPEN_WARNING in warnings else [_OPEN_WARNING]
            yield from read(taken, quoting=csv.QUOTE_NONE)
        elif record is not None:
            width = len(record)
            yield record
        taken.clear()


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


def _has_spaced_quotations(sample: list[str], delimiter: str) -> bool:
    """Whether quotations begin after a delimiter and a space; the delimiters inside them separate nothing."""
    if not any(f'{delimiter} "' in line for line in sample):
        return False
    return _evenness(sample, delimiter, spaced=True) >= _evenness(sample, delimiter)


def _evenness(sample: list[str], delimiter: str, *, spaced: bool = False) -> tuple[int, int]:
    try:
        lines_of_sample = [f"{line}\n" for line in sample]
        reader = csv.reader(lines_of_sample, delimiter=delimiter, skipinitialspace=spaced)
        widths = [len(record) for record in reader if record and not record[0].startswith("#")]
    except csv.Error:
        return 0, 0
    # Notes above and below do not count, however many there are; a sentence or two with commas is no table.
    table = _strip_notes(widths)
    widths = table if len(table) >= _FEWEST_ROWS else widths
    usual = max(set(widths), key=lambda width: (widths.count(width), width), default=0)
    return (widths.count(usual), usual) if usual > 1 else (0, 0)


def _strip_notes(widths: list[int]) -> list[int]:
    """``widths`` without the lines of one field at both ends."""
    wide = [place for place, width in enumerate(widths) if width > 1]
    return widths[wide[0] : wide[-1] + 1] if wide else []
