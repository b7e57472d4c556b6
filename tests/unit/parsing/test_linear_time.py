"""Reading takes time in proportion to size, whatever a file repeats."""

# ruff: noqa: E501 - the lists of units
from __future__ import annotations

import gc
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from shared.parsing import Limits, parse
from shared.parsing.header_fields import decode_field
from shared.parsing.svg_text import read_texts
from tests.growth import grows_linearly
from tests.profile import sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# fmt: off
MARKS = ["*", "_", "[", "](", "(", "`", "~", "#", " ", "|", "-", "<", "&", "\\", "$", "![", "=", "\t", "中", "1", "a", ".", "\x1b[", "\x1b]", "\x08", "\x0c"]
UNITS = {
    "md": [*MARKS, "a*", "**a", "`a", "[a](", "<a ", "<!--", "> ", "- ", "1. ", "||\n|-|\n", "[a]: ", "~~", "$a", "![", "[[]", "data:", "data:image/png;base64,", "+++\n", "---\n", "a: \n", "- a\n", "- - ", "a\n", "<b>", "</", "**中", "```\n", "[^a]", "    a\n"],
    "html": [*MARKS, "<", "<a ", '<a b="', "<a b=", "<!--", "<script>", "<script></script ", "<textarea>", "</", "<p>", "<table>", "<tr><td>", "<li>", "&#9", "<style", "=", '"', "'", "中\n", "<sup>1</sup>", "<td rowspan=9 colspan=9>", "<math>", "<ruby>a<rt>", "<option>", '<iframe srcdoc="', "<dt>a<dd>", "<h1>", "<pre>", '<a style="', "<input>", "<svg>", "<svg><text>a", "<div role=grid>", "<div role=row>", "<pre><div>"],
    "ics": ["BEGIN:VCALENDAR\n", "BEGIN:VCARD\nA;ENCODING=QUOTED-PRINTABLE:=\n"],
    "txt": [*MARKS, "+-", "+--+\n", "+--+\n| a", "+--+\n+--+\n+--+\nx\n", "- ", "Q: a\n", "问：a\n", "答：", "(1", "第1", "。", "a-\n", "2020-", "\u3000", "…", "a\n", "中\n"],
}
# fmt: on
@pytest.fixture(autouse=True, scope="module")
def _few_objects_to_collect() -> Iterator[None]:
    """The collector would look through all objects of the test process each time, which are many."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
    gc.collect()  # else the collector takes what it finds now for new, and runs too often


@pytest.fixture(autouse=True)
def _without_garbage_collection(_few_objects_to_collect: None) -> Iterator[None]:
    """How often the collector runs depends on the objects of the test process, which says nothing about the parser."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("suffix", "unit"), sample((suffix, unit) for suffix, units in UNITS.items() for unit in units)
)
def test_no_parser_takes_more_than_linear_time(tmp_path: Path, suffix: str, unit: str) -> None:
    path = tmp_path / f"a.{suffix}"

    def read(text: str) -> None:
        path.write_text(text)
        try:
            for _ in parse(path, path.name, Limits()).blocks:
                pass
        except DocumentError:
            pass  # a refusal is quick enough too

    assert grows_linearly(read, lambda size: unit * (size // len(unit)))


@pytest.mark.parametrize(
    "unit", ["<text", "<text>", "a<b>", "<tspan x ", "</", "<tspan", " x", "<title>", "&", "</text>"]
)
def test_the_labels_of_a_drawing_take_no_more_than_linear_time(unit: str) -> None:
    assert grows_linearly(read_texts, lambda size: "<text>" + unit * (size // len(unit)))


@pytest.mark.parametrize("unit", ["=?utf-8?b?", "=?utf-8?b?QQ?= ", "=?", "?=", "=?utf-8?q?=", "utf-8''%", " "])
def test_a_header_field_takes_no_more_than_linear_time(unit: str) -> None:
    assert grows_linearly(decode_field, lambda size: "=?utf-8?b?QQ?=" + unit * (10 * size // len(unit)))


@pytest.mark.parametrize(
    "unit", [" a\n", "a\n", "=\n", ";", "A;B=", 'A;"', "A:\\n", "A:;", "A;ENCODING=QUOTED-PRINTABLE:=\n", "N:;"]
)
def test_fields_of_a_calendar_take_no_more_than_linear_time(tmp_path: Path, unit: str) -> None:
    path = tmp_path / "a.ics"

    def read(text: str) -> None:
        path.write_text(text)
        with suppress(DocumentError):
            for _ in parse(path, path.name, Limits()).blocks:
                pass

    assert grows_linearly(
        read, lambda size: "BEGIN:VCARD\nN;ENCODING=QUOTED-PRINTABLE:=\n" + unit * (size // len(unit))
    )
