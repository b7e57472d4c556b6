"""JSON: records of every shape, as one value or one a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks.readings.truth import Table, Truth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "json"


def records(words: Vocabulary) -> Made:
    """A list of records."""
    table = words.table(12, 5)
    return _dump(_records(table)), table.truth()


def nested(words: Vocabulary) -> Made:
    """Records in a record, with a title."""
    table, title = words.table(10, 5), words.title()
    value = {"title": title, "items": [{"fields": record} for record in _records(table)]}
    truth = table.truth(title)
    return _dump(value), Truth(truth.words, ("title items fields",), (), truth.rows, True)


def lines(words: Vocabulary) -> Made:
    """One record a line."""
    table = words.table(12, 5)
    return _lines(_records(table)), table.truth()


def marked_lines(words: Vocabulary) -> Made:
    """One record a line after a byte order mark, with empty lines."""
    table = words.table(12, 5)
    return b"\xef\xbb\xbf" + _lines(_records(table)).replace(b"\n", b"\n\n"), table.truth()


def large_lines(words: Vocabulary) -> Made:
    """300 records of nine fields."""
    table = words.table(300, 9)
    return _lines(_records(table)), table.truth()


def faq(words: Vocabulary) -> Made:
    """A question and its answer stay together."""
    labels = ("问题", "回答") if words.is_chinese else ("question", "answer")
    rows = tuple((words.sentence().rstrip(".。") + "?", " ".join(words.sentences(3))) for _ in range(120))
    shown = tuple(text for row in rows for text in row)
    # The labels say nothing that the texts do not show.
    records = tuple(((None, asked), (None, answer)) for asked, answer in rows)
    return _lines(_records(Table(labels, rows))), Truth(shown, labels, (), records, True)


def not_numbers(words: Vocabulary) -> Made:
    """NaN, as Python writes it, and null."""
    table = words.table(6, 4)
    content = json.dumps([{**record, "x": float("nan"), "y": None} for record in _records(table)]).encode()
    truth = table.truth()
    return content, Truth(truth.words, ("x NaN y null None",), (), truth.rows, True)


def vectors(words: Vocabulary) -> Made:
    """Lists of numbers say nothing."""
    table = words.table(4, 4)
    content = [{**record, "vector": [words.chance.random() for _ in range(400)]} for record in _records(table)]
    truth = table.truth()
    return _dump(content), Truth(truth.words, ("vector",), (), truth.rows, True)


def _records(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _lines(values: Sequence[Any]) -> bytes:
    return "\n".join(json.dumps(value, ensure_ascii=False) for value in values).encode()


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "records": records,
    "nested": nested,
    "lines in json": lines,
    "lines.jsonl": lines,
    "lines with a mark.jsonl": marked_lines,
    "300 records.jsonl": large_lines,
    "questions and answers.jsonl": faq,
    "not a number": not_numbers,
    "vectors": vectors,
}
