"""Tables as text: separators, encodings, and the ways programs write odd values."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Final

from benchmarks.readings.truth import Table, Truth

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "csv"


def separated(delimiter: str, english: str = "utf-8", chinese: str = "utf-8") -> Callable[[Vocabulary], Made]:
    """A table with empty cells."""

    def make(words: Vocabulary) -> Made:
        table = words.table(12, 6, empty=0.2)
        return _write(table, delimiter).encode(chinese if words.is_chinese else english), table.truth()

    return make


def large(words: Vocabulary) -> Made:
    """300 rows of nine columns."""
    table = words.table(300, 9)
    return _write(table).encode(), table.truth()


def mysql(words: Vocabulary) -> Made:
    """Backslash escapes, as MySQL writes them."""
    table = words.table(5, 4)
    name = words.name()
    lines = [",".join(f'"{cell}"' for cell in row) for row in table.cells]
    code = words.code()
    lines.append(f'"{code}","{name} \\"wait\\"\\, please","x","y"')
    last = tuple(zip(table.header, (code, f'{name} "wait", please', "x", "y"), strict=True))
    truth = table.truth()
    shown = (*truth.words, code, name, "wait please x y")
    return "\n".join(lines).encode(), Truth(shown, rows=(*truth.rows, last), is_repeating=True)


def formulas(words: Vocabulary) -> Made:
    """``="00123"``: how a spreadsheet keeps zeros."""
    table = words.table(6, 3)
    rows = tuple((row[0], f"00{at}417", row[2]) for at, row in enumerate(table.rows))
    shown = Table(table.header, rows)
    lines = [",".join(table.header), *(f'{row[0]},="{row[1]}",{row[2]}' for row in rows)]
    return "\n".join(lines).encode(), shown.truth()


def years(words: Vocabulary) -> Made:
    """Years as labels."""
    rows = tuple((words.name(), *(str(words.chance.randrange(100, 999)) for _ in range(4))) for _ in range(6))
    table = Table((words.labels(2)[1], "2022", "2023", "2024", "2025"), rows)
    return _write(table).encode(), table.truth()


def headerless(words: Vocabulary) -> Made:
    """No header: no row is one."""
    rows = tuple((words.name(), words.phrase(), words.pick("who")) for _ in range(8))
    text = _write(Table(rows[0], rows[1:]))
    truth = Truth(tuple(cell for row in rows for cell in row), rows=Table((), rows).records((None, None, None)))
    return text.encode(), truth


def quoted(words: Vocabulary) -> Made:
    """Line breaks and separators inside a cell."""
    table = words.table(6, 4)
    rows = tuple((row[0], f"{row[1]}\n{words.name()}, {words.name()}", *row[2:]) for row in table.rows)
    made = Table(table.header, rows)
    return _write(made).encode(), made.truth()


def _write(table: Table, delimiter: str = ",") -> str:
    stream = io.StringIO()
    writer: Any = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
    writer.writerows(table.cells)
    return stream.getvalue()


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "commas": separated(","),
    "semicolons": separated(";"),
    "tabs.tsv": separated("\t"),
    "national encoding": separated(",", "windows-1252", "gb18030"),
    "utf-16": separated("\t", "utf-16", "utf-16"),
    "300 rows": large,
    "backslash escapes": mysql,
    "text formulas": formulas,
    "year labels": years,
    "no header": headerless,
    "quoted line breaks": quoted,
}
