"""Fonts of Type 3, whose codes may be numbers of glyphs though they are letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from tests.unit.parsing.test_damage import read
from tests.unit.parsing.test_pdf_damage import CATALOG, END, plain

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEXT = (
    "The pumps are late because of the weather in the harbour.\n"
    "We expect them on Tuesday and call before the driver leaves."
)
CHARACTERS = sorted(set(TEXT) - {"\n"})
ORDER = "aeyHbrTfcmWnlpgxvdh.usto i" + "".join(sorted(set(CHARACTERS) - set("aeyHbrTfcmWnlpgxvdh.usto i")))


def pdf_of(codes: Mapping[str, int], names: Mapping[int, str]) -> bytes:
    """A page in a font without a name: its codes, and the names of their glyphs."""
    drawings = "".join(f"/{name} 9 0 R " for name in set(names.values()))
    named = " ".join(f"{code} /{name}" for code, name in sorted(names.items()))
    font = (
        f"<</Type/Font/Subtype/Type3/FontBBox[0 0 10 10]/FontMatrix[.1 0 0 .1 0 0]/FirstChar 0/LastChar 255"
        f"/Widths[{'6 ' * 256}]/CharProcs<<{drawings}>>/Encoding<</Differences[{named}]>>/Resources<<>>>>"
    )
    shown = " 0 -20 Td ".join(f"<{bytes(codes[mark] for mark in line).hex()}> Tj" for line in TEXT.split("\n"))
    drawn = f"BT /F1 12 Tf 50 400 Td {shown} ET".encode()
    glyph = b"6 0 0 0 5 10 d1 0 0 5 10 re f"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 900 500]/Contents 4 0 R/Resources<</Font<</F1 7 0 R>>>>>>"
    objects = {1: CATALOG, 2: b"<</Type/Pages/Count 1/Kids[3 0 R]>>", 3: page, 7: font.encode()}
    streams = {
        number: b"<</Length %d>>stream\n%b\nendstream" % (len(it), it) for number, it in ((4, drawn), (9, glyph))
    }
    return plain(objects | streams) + END


def test_glyphs_whose_codes_are_their_characters_are_text(tmp_path: Path) -> None:
    content = pdf_of({mark: ord(mark) for mark in CHARACTERS}, {ord(mark): f"g{ord(mark)}" for mark in CHARACTERS})
    assert read(tmp_path, "a.pdf", content) == (TEXT.split("\n"), [])


@pytest.mark.parametrize("order", [CHARACTERS, ORDER], ids=["in the order of the alphabet", "in the order of use"])
def test_glyphs_in_the_order_of_a_subset_are_unreadable(tmp_path: Path, order: str) -> None:
    codes = {mark: 65 + place for place, mark in enumerate(order)}
    content = pdf_of(codes, {code: f"g{code}" for code in codes.values()})
    with pytest.raises(DocumentError, match="do not tell which characters"):
        read(tmp_path, "a.pdf", content)
