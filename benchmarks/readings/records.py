"""Rows of a text with their labels: ``label: value; label: value``, one pair a line, a Markdown table, or JSON."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import Any, Final

Record = list[tuple[str, str]]

_RULE: Final = re.compile(r"[\s|:+-]*-[\s|:+-]*")
_BAR: Final = re.compile(r"(?<!\\)\|")
_BETWEEN_ROWS: Final = re.compile(r"(?<=[^\n])\n\s*\n(?=[^\n]*\|)")
_FIELD: Final = re.compile(r"; ?(?=[^;]{1,200}?: )|; ")


def read_records(text: str) -> list[Record]:
    """The records of ``text``; a table's header is its first line, or what stands above its rule."""
    if text.lstrip().startswith(("{", "[")):
        records = _read_json(text)
        if records:
            return records
    records = []
    # Rows of a table may be paragraphs of their own.
    text = _BETWEEN_ROWS.sub("\n", text)
    for is_table, lines in groupby(text.splitlines(), key=lambda line: "|" in line or "\t" in line):
        own = list(lines)
        records += _read_table(own) if is_table else _read_lines(own)
    return records


def _read_table(lines: list[str]) -> list[Record]:
    rows = [[] if _RULE.fullmatch(line) else _split_cells(line) for line in lines]
    rule = next((at for at, row in enumerate(rows) if not row), 0)
    head = rows[: rule or 1]
    body = [row for row in rows[rule or 1 :] if row]
    records = []
    for at, row in enumerate(body):
        # A second header row is the first row of the body, where a format knows only one.
        above = [*head, body[0]] if at else head
        names = [" ".join(part[column] for part in above if column < len(part)) for column in range(len(row))]
        only = [" ".join(part[column] for part in head if column < len(part)) for column in range(len(row))]
        records += [list(zip(only, row, strict=True)), list(zip(names, row, strict=True))]
    # Without a rule it may be a table without a header: each row is a record without labels too.
    bare = head if rule else [row for row in rows if row]
    return [*records, *([("", cell) for cell in row] for row in bare)]


def _split_cells(line: str) -> list[str]:
    if "|" not in line:
        return [cell.strip() for cell in line.split("\t")]
    line = line.strip().removeprefix("|")
    return [cell.replace("\\|", "|").strip() for cell in _BAR.split(line.removesuffix("|"))]


def _read_lines(lines: list[str]) -> list[Record]:
    """A line of several pairs is a record; lines of one pair are one until a label comes again."""
    records: list[Record] = [[]]
    for line in lines:
        if not line.strip():
            records.append([])
            continue
        pairs = _read_json_line(line) or [_split_pair(field) for field in _FIELD.split(line)]
        if len(pairs) > 1:
            records += [pairs, []]
        elif _begins_record(pairs[0][0], records[-1]):
            records.append(pairs)
        else:
            records[-1] += pairs
    return [record for record in records if record]


def _begins_record(label: str, record: Record) -> bool:
    """Whether a line belongs to the next record: its label comes again, or it has none after lines with labels."""
    labels = {own for own, _ in record}
    return label in labels if label else any(labels)


def _split_pair(field: str) -> tuple[str, str]:
    label, colon, value = field.partition(": ")
    return (label.strip(' "\t-*'), value.strip(' ",')) if colon else ("", field.strip())


def _read_json_line(line: str) -> Record:
    if not line.lstrip().startswith("{"):
        return []
    try:
        return _flatten(json.loads(line))
    except ValueError:
        return []


def _read_json(text: str) -> list[Record]:
    try:
        value = json.loads(text)
    except ValueError:
        return []
    return [_flatten(item) for item in (value if isinstance(value, list) else [value])]


def _flatten(value: Any, label: str = "") -> Record:
    if isinstance(value, dict):
        return [pair for name, item in value.items() for pair in _flatten(item, f"{label} {name}".strip())]
    if isinstance(value, list):
        return [pair for item in value for pair in _flatten(item, label)]
    return [(label, str(value))]
