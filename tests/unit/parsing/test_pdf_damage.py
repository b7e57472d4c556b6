"""PDF files that were cut off, or whose directory is damaged, are read as far as their pages are whole."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from tests.unit.parsing.files import pdf_of
from tests.unit.parsing.test_damage import CUT, name_damage, read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

END = b"trailer\n<</Size 99/Root 1 0 R>>\nstartxref\n0\n%%EOF\n"
CATALOG, TREE = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 2/Kids[4 0 R 3 0 R]>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def page(content: int, font: int = 7) -> bytes:
    return b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 500]/Contents %d 0 R/Resources<</Font<</F1 %d 0 R>>>>>>" % (
        content,
        font,
    )


def content(text: str) -> bytes:
    drawn = zlib.compress(f"BT /F1 12 Tf 50 400 Td ({text}) Tj ET".encode())
    return b"<</Filter/FlateDecode/Length %d>>stream\n%b\nendstream" % (len(drawn), drawn)


OBJECTS = {3: page(5), 4: page(6), 5: content("second page"), 6: content("first page"), 7: FONT}


def plain(objects: Mapping[int, bytes]) -> bytes:
    return b"%PDF-1.5\n" + b"".join(b"%d 0 obj\n%b\nendobj\n" % item for item in objects.items())


def packed(objects: Mapping[int, bytes], number: int = 50) -> bytes:
    """The object that holds others."""
    head, body = b"", b""
    for own, text in objects.items():
        head += b"%d %d " % (own, len(body))
        body += text + b"\n"
    data = zlib.compress(head + body)
    given = b"<</Type/ObjStm/N %d/First %d/Filter/FlateDecode/Length %d>>" % (len(objects), len(head), len(data))
    return b"%d 0 obj\n%bstream\n%b\nendstream\nendobj\n" % (number, given, data)


def test_the_pages_of_a_file_without_its_directory_are_read(tmp_path: Path) -> None:
    whole = pdf_of([["The first page."], ["The second page."], ["The third page."]], title="Name")
    expected, warnings = read(tmp_path, "a.pdf", whole)
    assert (len(expected), warnings) == (3, [])
    assert read(tmp_path, "b.pdf", whole[: whole.rindex(b"xref\n0")]) == (expected, [CUT])


def test_pages_come_in_the_order_of_their_tree_where_it_is_there(tmp_path: Path) -> None:
    objects = plain({1: CATALOG, 2: TREE, **OBJECTS})
    assert read(tmp_path, "a.pdf", objects) == (["first page", "second page"], [CUT])
    assert read(tmp_path, "a.pdf", plain(OBJECTS)) == (["second page", "first page"], [CUT])


def test_a_file_with_an_end_and_a_wrong_directory_is_whole(tmp_path: Path) -> None:
    objects = plain({**OBJECTS, 1: b"<</Type/Catalog/Pages 90 0 R>>"})
    assert read(tmp_path, "a.pdf", objects + END) == (["second page", "first page"], [])


def test_pages_that_are_packed_into_a_stream_are_read(tmp_path: Path) -> None:
    apart = {number: OBJECTS[number] for number in (5, 6)}
    inside = packed({1: CATALOG, 2: TREE, **{number: OBJECTS[number] for number in (3, 4, 7)}})
    assert read(tmp_path, "a.pdf", plain(apart) + inside) == (["first page", "second page"], [CUT])
    torn = plain(apart) + packed({7: FONT, 3: page(5), 4: page(6)})
    # The last bytes of the stream hold its last object.
    assert read(tmp_path, "a.pdf", torn[:-25]) == (["second page"], [CUT])


def test_packed_objects_that_overlap_are_not_copied_again_and_again(tmp_path: Path) -> None:
    count, body = 20_000, b"<</Type/Page>>" * 20_000
    head = b"".join(b"%d %d " % (100 + number, number % 2 * len(body)) for number in range(count))
    data = zlib.compress(head + body)
    given = b"<</Type/ObjStm/N %d/First %d/Filter/FlateDecode>>" % (count, len(head))
    packed_again = plain({3: page(5), 5: content("text"), 7: FONT}) + b"50 0 obj\n%bstream\n%b\nendstream" % (
        given,
        data,
    )
    assert read(tmp_path, "a.pdf", packed_again)[0] == ["text"]


def test_a_stream_that_is_cut_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    shown = b"BT /F1 12 Tf 50 400 Td (first) Tj 0 -50 Td (second) Tj 0 -50 Td (third)"
    objects = {3: page(5), 7: FONT, 5: b"<</Length 900>>stream\n%b" % shown}
    assert read(tmp_path, "a.pdf", plain(objects).removesuffix(b"\nendobj\n")) == (["first", "second"], [CUT])


@pytest.mark.parametrize(
    "font",
    [
        b"<</Type/Font/Subtype/Type1/BaseFont/AAAAAA+Own/FontDescriptor 80 0 R>>",
        b"<</Type/Font/Subtype/Type0/BaseFont/AAAAAA+Own/ToUnicode 80 0 R>>",
    ],
)
def test_a_page_is_left_out_that_lost_what_tells_its_characters(tmp_path: Path, font: bytes) -> None:
    objects = {**OBJECTS, 3: page(5, 8), 8: font}
    assert read(tmp_path, "a.pdf", plain(objects)) == (["first page"], [CUT])
    objects = {**OBJECTS, 3: page(5, 81)}
    assert read(tmp_path, "a.pdf", plain(objects)) == (["first page"], [CUT])


def test_a_cut_file_that_was_encrypted_or_lost_its_pages_is_broken(tmp_path: Path) -> None:
    secret = pdf_of([["Text"]], password="open")
    for cut in (secret[: secret.rindex(b"xref\n0")], plain({5: content("text"), 7: FONT})):
        with pytest.raises(DocumentError) as caught:
            read(tmp_path, "a.pdf", cut)
        assert caught.value.code == "broken_file"


def test_pages_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    tree = TREE.replace(b"/Count 2", b"/Count 15").replace(b"]", b" 60 0 R" * 13 + b"]")
    objects = plain({1: CATALOG, 2: tree, **OBJECTS})
    named = "page 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 3 more"
    assert read(tmp_path, "a.pdf", objects + END) == (["first page", "second page"], [name_damage(named)])


def test_a_damaged_file_after_an_encrypted_one_is_not_encrypted(tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, "a.pdf", pdf_of([["Text"]], password="open"))
    assert caught.value.code == "encrypted"
    tree = b"<</Type/Pages/Count 0/Kids[]>>"
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, "b.pdf", plain({1: CATALOG, 2: tree}) + END)
    assert caught.value.code == "empty_document"
