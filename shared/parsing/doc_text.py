"""The characters of a Word document, from the pieces that it is stored in; without fields, hidden and deleted text."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from shared.parsing.doc_file import read_number, read_pieces
from shared.parsing.doc_styles import read_runs, read_settings
from shared.parsing.symbols import show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.doc_file import Header

_PIECES, _CHARACTER_PAGES = 33, 12
_HIDDEN, _DELETED, _SYMBOL = 0x083C, 0x0800, 0x6A09
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys(map(chr, (*range(9), *range(0x0F, 0x20), 0x0D)), None),
        "\x0b": "\n",
        "\x1e": "\u2011",
        "\x07": None,
        "\x0c": None,
        "\x0e": None,
    }
)
_BEGIN, _SEPARATE, _END = "\x13", "\x14", "\x15"
# Filler for characters that are not shown, so that places still count.
_NOTHING = "\x00"


class Text:
    """The text of all stories, one after the other."""

    def __init__(self, header: Header, table: bytes) -> None:
        """Read it.

        Raises:
            DocumentError: ``broken_file``.
        """
        self._pieces = sorted(read_pieces(header.cut(table, _PIECES)))
        self._starts = [piece[0] for piece in self._pieces]
        total = sum(size for _, size in header.stories)
        parts: list[str] = []
        for first, count, offset, is_narrow in self._pieces:
            if first < total:
                parts.append(_decode(header.main, offset, min(count, total - first), is_narrow=is_narrow))
        self._text = "".join(parts)
        self._hide(header, table)

    def _hide(self, header: Header, table: bytes) -> None:
        """Blank what is hidden or deleted, and put in the characters of symbol fonts."""
        changes: list[tuple[int, int, str]] = []
        for start, end, settings in read_runs(header, table, _CHARACTER_PAGES):
            filler = ""
            for code, operand in read_settings(settings):
                if code in (_HIDDEN, _DELETED):
                    filler = _NOTHING if operand[:1] == b"\x01" else ""
                elif code == _SYMBOL:
                    filler = show("", chr(read_number(operand, 2, "<H"))) or "\u25a1"
            if filler:
                changes += [(first, last, filler) for first, last in self._places(start, end)]
        if not changes:
            return
        characters = list(self._text)
        for first, last, filler in changes:
            for place in range(first, min(last, len(characters))):
                if characters[place] not in "\r\x07\x0c":
                    characters[place] = filler[:1]
        self._text = "".join(characters)

    def _places(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The characters stored between two offsets of the file."""
        for first, count, offset, is_narrow in self._pieces:
            width = 1 if is_narrow else 2
            low, high = max(start, offset), min(end, offset + count * width)
            if low < high:
                yield first + (low - offset) // width, first + (high - offset + width - 1) // width

    def offset(self, place: int) -> int:
        """The offset in the file of the character at ``place``."""
        number = bisect_right(self._starts, place) - 1
        if number < 0:
            return 0
        first, _, offset, is_narrow = self._pieces[number]
        return offset + (place - first) * (1 if is_narrow else 2)

    def paragraphs(self, start: int, end: int, marks: str) -> Iterator[tuple[int, int, str]]:
        """The first place of each paragraph, that of its mark, and the mark."""
        end = min(end, len(self._text))
        first = start
        for place in range(start, end):
            character = self._text[place]
            if character in marks:
                yield first, place, character
                first = place + 1
        if first < end:
            yield first, end - 1, self._text[end - 1]

    def shown(self, first: int, last: int) -> str:
        """The text between two places as it is shown, the last one left out where it is a mark."""
        text = self._text[first : last + 1]
        if _BEGIN in text or _END in text or _SEPARATE in text:
            text = _without_instructions(text)
        text = text.translate(_CHARACTERS)
        if any("\ud800" <= character <= "\udfff" for character in text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text


def _decode(main: bytes, offset: int, count: int, *, is_narrow: bool) -> str:
    if is_narrow:
        data = main[offset : offset + count]
        return data.decode("cp1252", "replace").ljust(count, _NOTHING)
    data = main[offset : offset + 2 * count]
    text = data.decode("utf-16-le", "surrogatepass") if len(data) % 2 == 0 else ""
    if len(text) != count:
        # One place for each half of a character beyond the first 65,536.
        text = "".join(map(chr, memoryview(data[: len(data) // 2 * 2]).cast("H")))
    return text.ljust(count, _NOTHING)


def _without_instructions(text: str) -> str:
    shown: list[str] = []
    # For each field that is open: whether its result has begun.
    fields: list[bool] = []
    for character in text:
        if character == _BEGIN:
            fields.append(False)
        elif character == _SEPARATE and fields:
            fields[-1] = True
        elif character == _END and fields:
            fields.pop()
        elif character == _SEPARATE:
            shown.clear()  # the instruction began in the paragraph before
        elif all(fields):
            shown.append(character)
    return "".join(shown)
