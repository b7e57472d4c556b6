"""Workbooks: headers of every kind, merged cells, number formats, and the places text hides in."""

from __future__ import annotations

import datetime
import io
from typing import TYPE_CHECKING, Any, Final

from benchmarks.readings import archive
from benchmarks.readings.truth import Table, Truth

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.readings.truth import Label
    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "xlsx"
_YEARS: Final = ("2022", "2023", "2024", "2025")


def plain(words: Vocabulary) -> Made:
    """A header and rows; the sheet's name is text too."""
    table = words.table(12, 6)
    name = words.title()[:30]
    return _write(table.cells, name), table.truth(name)


def sparse(words: Vocabulary) -> Made:
    """Empty cells inside rows."""
    table = words.table(14, 6, empty=0.3)
    return _write(table.cells), table.truth()


def large(words: Vocabulary) -> Made:
    """300 rows of nine columns."""
    table = words.table(300, 9)
    return _write(table.cells), table.truth()


def duplicate_labels(words: Vocabulary) -> Made:
    """A label that occurs twice."""
    table = words.table(6, 6)
    table = Table((*table.header[:4], table.header[2], table.header[5]), table.rows)
    return _write(table.cells), table.truth()


def long_labels(words: Vocabulary) -> Made:
    """A questionnaire: its labels are sentences."""
    table = words.table(6, 4)
    table = Table((table.header[0], *(words.sentence().rstrip(".。") + "?" for _ in range(3))), table.rows)
    return _write(table.cells), table.truth()


def year_labels(words: Vocabulary) -> Made:
    """Years as labels."""
    table = _numbers(words, _YEARS)
    return _write(_typed(table)), table.truth()


def date_labels(words: Vocabulary) -> Made:
    """Dates as labels."""
    days = tuple(datetime.date(2026, month, 1) for month in range(1, 5))
    table = _numbers(words, tuple(map(str, days)))
    cells = [[table.header[0], *days], *_typed(table)[1:]]
    return _write(cells), table.truth()


def number_labels(words: Vocabulary) -> Made:
    """Numbers as labels over text."""
    numbers = tuple(str(number) for number in range(101, 105))
    rows = tuple((words.name(), *(words.phrase() for _ in numbers)) for _ in range(5))
    table = Table(("房间" if words.is_chinese else "Room", *numbers), rows)
    return _write([[table.header[0], *map(int, numbers)], *rows]), table.truth()


def two_header_rows(words: Vocabulary) -> Made:
    """Groups over columns, merged; the label of a column has two parts."""
    groups = ("2025年", "2026年") if words.is_chinese else ("Year 2025", "Year 2026")
    parts = ("数量", "金额") if words.is_chinese else ("Units", "Amount")
    first = words.labels(1)[0]
    table = Table(("", "", "", "", ""), _numbers(words, _YEARS).rows)
    cells = [[first, groups[0], None, groups[1], None], [None, *parts, *parts], *_typed(table)[1:]]
    labels: list[Label] = [first, *((group, part) for group in groups for part in parts)]
    content = _write(cells, merged=("B1:C1", "D1:E1", "A1:A2"))
    shown = (first, *groups, *parts, *parts, *(cell for row in table.rows for cell in row))
    return content, Truth(shown, rows=table.records(labels), is_repeating=True)


def preamble(words: Vocabulary) -> Made:
    """Notes above the header."""
    notes = words.sentences(4)
    table = words.table(8, 5)
    return _write([*([note] for note in notes), [], *table.cells]), table.truth(sentences=notes)


def second_table(words: Vocabulary) -> Made:
    """Two tables with other labels on one sheet, an empty row between them."""
    above, below = words.table(5, 4), words.table(5, 4)
    other = ("机器", "序列号", "保养人", "厂房") if words.is_chinese else ("Machine", "Serial", "Operator", "Hall")
    below = Table(other, below.rows)
    both = Truth(above.truth().words + below.truth().words, (), (), above.records() + below.records(), True)
    return _write([*above.cells, [], *below.cells]), both


def form(words: Vocabulary) -> Made:
    """Labels beside their values, twice in a row."""
    labels = words.labels(8)
    values = [words.code(), *(words.name() for _ in range(7))]
    pairs = list(zip(labels, values, strict=True))
    cells = [[*pairs[at], *pairs[at + 1]] for at in range(0, 8, 2)]
    return _write(cells), Truth((*labels, *values), rows=tuple((pair,) for pair in pairs), is_repeating=True)


def headerless(words: Vocabulary) -> Made:
    """No header: no row is one."""
    rows = tuple((words.name(), words.phrase(), words.pick("who")) for _ in range(8))
    truth = Truth(tuple(cell for row in rows for cell in row), rows=Table((), rows).records((None, None, None)))
    return _write(rows), truth


def merged_rows(words: Vocabulary) -> Made:
    """A cell merged over rows counts for each of them."""
    table = words.table(9, 4)
    region = "大区" if words.is_chinese else "Region"
    names = [words.name() for _ in range(3)]
    rows = [(names[at // 3], *row) for at, row in enumerate(table.rows)]
    cells = [[region, *table.header], *([row[0] if at % 3 == 0 else None, *row[1:]] for at, row in enumerate(rows))]
    content = _write(cells, merged=("A2:A4", "A5:A7", "A8:A10"))
    records = tuple(
        ((head, code), (region, name), *rest)
        for (name, *_), ((head, code), *rest) in zip(rows, table.records(), strict=True)
    )
    return content, Truth((region, *names, *table.truth().words), rows=records, is_repeating=True)


def number_formats(words: Vocabulary) -> Made:
    """Numbers are shown as the sheet shows them."""
    made: list[tuple[Any, str, str]] = [
        (0.075, "0.0%", "7.5%"),
        (1199.5, '"$"#,##0.00', "$1,199.50"),
        (417, "00000", "00417"),
        (1.295138888888889, "[h]:mm", "31:05"),
        (434.9999999999999, "General", "435"),
        (2026112700012340, "0", "2026112700012340"),
        (datetime.date(2026, 3, 5), "yyyy-mm-dd", "2026-03-05"),
        (datetime.time(8, 30), "h:mm", "8:30"),
        (12.5, '0.0" kg"', "12.5 kg"),
        (12345678, "#,##0", "12,345,678"),
        (datetime.date(2026, 3, 5), 'yyyy"年"m"月"d"日"', "2026年3月5日"),
        (-2500, "#,##0;(#,##0)", "(2,500)"),
    ]
    labels = words.labels(2)
    keys = [words.code() for _ in made]
    table = Table(labels, tuple((key, shown) for key, (_, _, shown) in zip(keys, made, strict=True)))
    cells = [labels, *((key, value) for key, (value, _, _) in zip(keys, made, strict=True))]
    formats = {(at + 2, 2): code for at, (_, code, _) in enumerate(made)}
    raw = ("2500 1199.5 417 12345678 0.075",)
    truth = table.truth()
    return _write(cells, formats=formats), Truth(truth.words, raw, (), truth.rows, True)


def comments(words: Vocabulary) -> Made:
    """Comments on cells."""
    table = words.table(5, 4)
    notes = words.sentences(2)
    truth = table.truth(*notes)
    return _write(table.cells, notes=dict(zip(("B2", "C4"), notes, strict=True))), Truth(
        truth.words, (words.name(), "B2 C4"), (), truth.rows, True
    )


def empty_column(words: Vocabulary) -> Made:
    """A label over an empty column."""
    table = words.table(6, 4)
    label = words.title()
    return _write([[*table.header, label], *table.rows]), table.truth(label)


def old_dates(words: Vocabulary) -> Made:
    """The calendar that begins in 1904."""
    labels = words.labels(2)
    days = [datetime.date(2026, 1 + at, 7 + at) for at in range(6)]
    rows = tuple((words.code(), str(day)) for day in days)
    cells = [labels, *((row[0], day) for row, day in zip(rows, days, strict=True))]
    return _write(cells, is_1904=True), Table(labels, rows).truth()


def drawings(words: Vocabulary) -> Made:
    """A text box and a chart with a title, by another writer."""
    import xlsxwriter

    table = _numbers(words, ("Alpha", "Beta", "Gamma", "Delta"))
    box, title = words.sentence(), words.title()
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    sheet = book.add_worksheet()
    for at, row in enumerate(_typed(table)):
        sheet.write_row(at, 0, row)
    sheet.insert_textbox("G2", box)
    chart = book.add_chart({"type": "column"})
    chart.add_series({"name": "=Sheet1!$B$1", "categories": "=Sheet1!$A$2:$A$7", "values": "=Sheet1!$B$2:$B$7"})
    chart.set_title({"name": title})
    sheet.insert_chart("G9", chart)
    book.close()
    return stream.getvalue(), table.truth(box, title)


def default_password(words: Vocabulary) -> Made:
    """Encrypted with the password that Excel tries by itself."""
    from msoffcrypto.format.ooxml import OOXMLFile

    content, truth = plain(words)
    stream = io.BytesIO()
    OOXMLFile(io.BytesIO(content)).encrypt("VelvetSweatshop", stream)
    return stream.getvalue(), truth


def renamed(rename: Callable[[bytes], bytes]) -> Callable[[Vocabulary], Made]:
    """A plain workbook with its parts under other names."""

    def make(words: Vocabulary) -> Made:
        content, truth = plain(words)
        return rename(content), truth

    return make


def _numbers(words: Vocabulary, labels: tuple[str, ...]) -> Table:
    rows = tuple((words.code(), *(str(words.chance.randrange(100, 9999)) for _ in labels)) for _ in range(6))
    return Table((words.labels(1)[0], *labels), rows)


def _typed(table: Table) -> list[list[str | int]]:
    return [[int(cell) if cell.isdigit() else cell for cell in row] for row in table.cells]


def _write(
    cells: Iterable[Any],
    name: str = "Sheet1",
    *,
    merged: tuple[str, ...] = (),
    formats: dict[tuple[int, int], str] | None = None,
    notes: dict[str, str] | None = None,
    is_1904: bool = False,
) -> bytes:
    import openpyxl
    from openpyxl.comments import Comment
    from openpyxl.utils.datetime import CALENDAR_MAC_1904

    book = openpyxl.Workbook()
    if is_1904:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    sheet.title = name
    for row in cells:
        sheet.append([_value(cell) for cell in row])
    for place in merged:
        sheet.merge_cells(place)
    for (row_number, column), code in (formats or {}).items():
        sheet.cell(row_number, column).number_format = code
    for place, note in (notes or {}).items():
        sheet[place].comment = Comment(note, "")
    return archive.save(book.save)


def _value(cell: Any) -> Any:
    return None if cell == "" else int(cell) if isinstance(cell, str) and cell.isdecimal() else cell


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "plain": plain,
    "empty cells": sparse,
    "300 rows": large,
    "duplicate labels": duplicate_labels,
    "long labels": long_labels,
    "year labels": year_labels,
    "date labels": date_labels,
    "number labels": number_labels,
    "two header rows": two_header_rows,
    "preamble": preamble,
    "second table": second_table,
    "form": form,
    "no header": headerless,
    "merged rows": merged_rows,
    "number formats": number_formats,
    "comments": comments,
    "empty column": empty_column,
    "1904 dates": old_dates,
    "text box and chart": drawings,
    "default password": default_password,
    "backslash names": renamed(archive.use_backslashes),
    "leading slash names": renamed(archive.use_leading_slashes),
    "macros.xlsm": renamed(archive.declare_macros),
    "parts elsewhere": renamed(lambda content: archive.move_folder(content, "xl", "book")),
}
