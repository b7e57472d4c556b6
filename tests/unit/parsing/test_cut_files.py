"""Files that were cut off are read as far as they go, with a warning."""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from shared.domain.errors import DocumentError
from shared.parsing.cut_json import complete
from tests.unit.parsing.files import container_of
from tests.unit.parsing.test_damage import CUT, read

ITEMS = [{"name": f"number {n}", "price": n, "tags": ["a", 'b "c"']} for n in range(1, 9)]


def mail(text: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Offer"
    message.set_content(text)
    rows = "".join(f"pump {n},{n}\n" for n in range(200))
    message.add_attachment(f"name,price\n{rows}".encode(), maintype="text", subtype="csv", filename="a.csv")
    return message.as_bytes()


@pytest.mark.parametrize("length", range(-7, -3))
@pytest.mark.parametrize("name", ["a.eml", "a.mbox"])
def test_the_parts_of_a_message_before_the_cut_are_read(tmp_path: Path, name: str, length: int) -> None:
    start = b"From a@b.example Fri May  8 09:30:00 2026\n" if name == "a.mbox" else b""
    whole = start + mail("See the list.\n")
    texts, warnings = read(tmp_path, name, whole)
    assert not warnings
    at = whole.index(b"LDEyMAp")  # ",120\n" in the attachment
    found, warnings = read(tmp_path, name, whole[: at + length])
    assert "See the list." in found
    assert 100 < len(found) < len(texts)
    # The last row may be cut, in the middle of a group of four characters too.
    assert found[:-1] == texts[: len(found) - 1]
    assert warnings == [CUT]


def test_a_boundary_that_is_cut_is_no_text(tmp_path: Path) -> None:
    whole = mail("See the list.\n")
    at = whole.index(b"\n--", whole.index(b"See the list.")) + len("\n--===")
    found, warnings = read(tmp_path, "a.eml", whole[:at])
    assert found[1:] == ["See the list."]
    assert warnings == [CUT]


def test_a_message_whose_program_wrote_no_last_boundary_is_whole(tmp_path: Path) -> None:
    whole = mail("See the list.\n")
    _, warnings = read(tmp_path, "a.eml", whole[: whole.rindex(b"--=")])
    assert warnings == []


BODY = "<h1>Title</h1><div><p>One</p><p>Two &amp; three</p><table><tr><td>four</td></tr></table></div>"


@pytest.mark.parametrize(
    ("page", "warnings"),
    [
        (f"<html><body>{BODY}</body></html>", []),
        (f"<html><body>{BODY}", []),  # end tags that may be left out
        (f"{BODY}<div>", []),  # a part of a page
        (f"<html><body>{BODY}<div>", [CUT]),
        (f"<html><body>{BODY}<p cla", [CUT]),
        (f"<html><body>{BODY}<!-- a > b", [CUT]),
        (f"<html><body>{BODY}<script>if (a > b", [CUT]),
        (f"<html><body>{BODY}<script>x</script>", []),
    ],
)
def test_a_page_is_read_up_to_the_cut(tmp_path: Path, page: str, warnings: list[str]) -> None:
    assert read(tmp_path, "a.html", page.encode()) == (["Title", "One", "Two & three", "four"], warnings)


def test_rich_text_is_read_up_to_the_cut(tmp_path: Path) -> None:
    whole = r"{\rtf1\ansi First\par Second{\footnote The note\par}\par Third\par}"
    assert read(tmp_path, "a.rtf", whole.encode())[1] == []
    assert read(tmp_path, "a.rtf", whole[: whole.index("note") + 12].encode()) == (
        ["First", "Second", "The not"],
        [CUT],
    )


@pytest.mark.parametrize(
    ("table", "last", "warnings"),
    [
        ('name,note\na,"one"\nb,"two\nlines', "name: b; note: two lines", [CUT]),
        ('name,note\na,"one"\nb,"two, an', "name: b; note: two, an", [CUT]),
        ('name,note\na,"one"\nb,"two ""an', 'name: b; note: two "an', [CUT]),
        ('name,note\na,one\nb,5" disk\n', 'name: b; note: 5" disk', []),
    ],
)
def test_a_table_that_ends_in_a_quotation_is_read(tmp_path: Path, table: str, last: str, warnings: list[str]) -> None:
    found, given = read(tmp_path, "a.csv", table.encode())
    assert (found[-1], given) == (last, warnings)


def test_a_stray_quotation_mark_is_no_cut(tmp_path: Path) -> None:
    found, (warning,) = read(tmp_path, "a.csv", b'name,note\na,"one\nb,two\nc,three\n')
    assert found[-1] == "name: c; note: three"
    assert "never ends" in warning


@pytest.mark.parametrize("indent", [None, 1])
def test_every_value_of_json_before_the_cut_is_read(tmp_path: Path, indent: int | None) -> None:
    whole = json.dumps({"title": "List", "items": ITEMS}, indent=indent)
    expected, _ = read(tmp_path, "a.json", whole.encode())
    for end in range(whole.index("number 2"), len(whole) - 3):
        found, warnings = read(tmp_path, "a.json", whole[:end].encode())
        assert warnings == [CUT]
        complete_items = whole[:end].count("}")
        assert found[: 1 + complete_items] == expected[: 1 + complete_items]
        assert len(found) <= 2 + complete_items


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        ('{"a": [1, 23', '{"a": [1]}'),
        ('{"a": "te', '{"a": "te"}'),
        ('{"a": "te\\', '{"a": "te"}'),
        ('{"a": "te\\\\', '{"a": "te\\\\"}'),
        ('{"a": "te\\u00e', '{"a": "te"}'),
        ('{"a": "te\\u00e4', '{"a": "te\\u00e4"}'),
        ('{"a": "x", "b', '{"a": "x"}'),
        ('{"a": "x", "b":', '{"a": "x"}'),
        ('[{"a": ["x"', '[{"a": ["x"]}]'),
        ('{"a": tru', "{}"),
        ('{"a": 1}', ""),
        ('{"a": 1]', ""),
        ('{"a": "x" y', ""),
        ('{"a": "x"\ny', ""),
        ("[1, what", ""),
        ("text", ""),
    ],
)
def test_what_was_cut_off_is_closed(cut: str, whole: str) -> None:
    assert complete(cut) == whole


def test_the_whole_lines_of_records_are_read(tmp_path: Path) -> None:
    lines = "\n".join(map(json.dumps, ITEMS))
    whole, _ = read(tmp_path, "a.jsonl", lines.encode())
    assert read(tmp_path, "a.jsonl", lines[:-9].encode()) == (whole[:-1], [CUT])
    found, warnings = read(tmp_path, "a.jsonl", f"{lines}\nend of list".encode())
    assert (found, len(warnings)) == (whole, 1)
    assert "line 9" in warnings[0]


def test_the_cells_of_a_notebook_before_the_cut_are_read(tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "metadata": {}, "source": [f"Text {n}"]} for n in range(9)]
    whole = json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}, indent=1)
    found, warnings = read(tmp_path, "a.ipynb", whole[: whole.index("Text 7") + 4].encode())
    assert found[:7] == [f"Text {n}" for n in range(7)]
    assert warnings == [CUT]


@pytest.mark.parametrize("name", ["handbook.doc", "prices.xls"])
def test_an_old_office_file_that_lost_its_end_says_so_or_is_refused(tmp_path: Path, name: str) -> None:
    whole = (Path(__file__).parent / "written" / name).read_bytes()
    expected, warnings = read(tmp_path, name, whole)
    assert warnings == []
    outcomes: set[str] = set()
    for size in range(1024, len(whole) - 512, 512):
        try:
            texts, warnings = read(tmp_path, name, whole[:size])
        except DocumentError as error:
            outcomes.add(error.code)
        else:
            outcomes.add("whole" if texts == expected else "less")
            assert texts == expected or warnings == [CUT]
    assert outcomes <= {"broken_file", "unsupported_format", "whole", "less"}


def test_streams_beyond_the_end_of_a_container_are_missing(tmp_path: Path) -> None:
    streams = {"__properties_version1.0": bytes(4096), "__substg1.0_1000001F": "Body. ".encode("utf-16-le") * 900}
    streams["__substg1.0_0037001F"] = "Subject".encode("utf-16-le")
    content = container_of(streams)
    assert read(tmp_path, "a.msg", content)[1] == []
    # The tables of the container stand in front of what is cut.
    torn = bytearray(content)
    table = 512 * (1 + int.from_bytes(content[76:80], "little"))
    torn[table + 4 * 9 : table + 4 * 10] = (5_000).to_bytes(4, "little")
    assert read(tmp_path, "a.msg", bytes(torn))[1] == [CUT]
