"""The words of a PDF page with their places, in the order pdfium gives them."""

from __future__ import annotations

import ctypes
import re
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from shared.parsing.pdf_glyphs import guess_shift, normalize, unshift
from shared.parsing.pdf_turn import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator

# pdfium writes U+0002 (U+FFFE in its text) for a hyphen at the end of a line, and no line break after it.
BROKEN: Final = "\x02"
_MARKED: Final = re.compile("(?<=[\x02\ufffe])")
_WORD: Final = re.compile("[^ \t\r\n\u00a0\u2000-\u200a\u3000]+")
# Characters of one page; a page of a book has 3,000, a dense one of a timetable 20,000.
_MOST_CHARACTERS: Final = 400_000
_HAN: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
# In sizes of the font.
_SET_APART: Final = 0.3
RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_LATIN: Final = re.compile("[0-9A-Za-z]")
# Alef and lam: there is no such ligature, so that one glyph for both is lam and alef.
_TURNED_LIGATURE: Final = re.compile("([\u0622\u0623\u0625\u0627\u0671])(\u0644)")
_BOLD: Final = re.compile("bold|black|heavy|semib|demi|simhei|heiti|黑体", re.IGNORECASE)
_BOLD_WEIGHT: Final = 600
_NAME_BYTES: Final = 128
# A copy of a word that lies closer than this share of its height is its shadow.
_SHADOW: Final = 0.3
# Characters of glyph numbers in a row that are text, not a symbol of a formula.
_LONG_RUN: Final = 8
_MOST_COPIES: Final = 16
# In sizes of the font: narrower gaps are spaces, those between the cells of a narrow table may be little more.
_CELL_GAP: Final = 0.6


class Word(Struct):
    """A run of characters without a space.

    Attributes:
        left, bottom, right, top: its box in points, from the lower left corner of the page.
        size: height of the font's box: the size of the font as it is seen.
        line: number of the line it is in, as pdfium counts.
        bold: whether its font is.
        upright: false where it runs from top to bottom or is rotated.
        mapped: false where the file does not tell which characters its glyphs are.
        glued: whether no space stands before it.
        font: name of its font; known only where that does not tell its characters.
    """

    text: str
    left: float
    bottom: float
    right: float
    top: float
    size: float
    line: int
    bold: bool = False
    upright: bool = True
    mapped: bool = True
    glued: bool = False
    font: str = ""

    @property
    def middle(self) -> float:
        """Height of its middle on the page."""
        return (self.bottom + self.top) / 2


class Reader:
    """Reads the words of a page by pdfium's API ``raw``; the buffers are reused."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._turn = Turn()
        self._box = raw.FS_RECTF()
        self._box_pointer = ctypes.byref(self._box)
        self._flags = ctypes.c_int()
        self._name = ctypes.create_string_buffer(_NAME_BYTES)

    def words(self, layer: Any, turn: Turn) -> tuple[list[Word], bool]:
        """The words of the text page ``layer`` after ``turn``, and whether that is all of them."""
        self._turn = turn
        count = max(0, self._raw.FPDFText_CountChars(layer))
        text = self._text(layer, min(count, _MOST_CHARACTERS))
        found = [word for word in self._words(layer, text) if word.text]
        return list(_without_shadows(found)), count <= _MOST_CHARACTERS

    def _text(self, layer: Any, count: int) -> str:
        """One character for each index of pdfium's."""
        buffer = ctypes.create_string_buffer(2 * count + 2)
        self._raw.FPDFText_GetText(layer, 0, count, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)))
        text = buffer.raw[: 2 * count].decode("utf-16-le", "replace")
        # Shorter or other than asked for where pdfium leaves out a character or takes two units for one.
        if len(text) == count and "\0" not in text:
            return text
        get = self._raw.FPDFText_GetUnicode
        codes = (get(layer, index) for index in range(count))
        return "".join(chr(code) if 0 < code < 0x110000 else "\ufffd" for code in codes)

    def _words(self, layer: Any, text: str) -> Iterator[Word]:
        line = end = 0
        # A line is bold where all its words are: the others are asked only after bold ones.
        is_bold = True
        before: Word | None = None
        for match in _WORD.finditer(text):
            between = text[end : match.start()]
            if "\n" in between or "\r" in between:
                line += 1
                is_bold = True
            glued = False
            start = match.start()
            for piece in _pieces(match.group()):
                is_bold = is_bold and self._is_bold(layer, start)
                word = self._word(layer, piece, start, line, bold=is_bold, glued=glued)
                if between == " " and before is not None and _is_set_apart(before, word):
                    word.glued = bool(self._raw.FPDFText_IsGenerated(layer, start - 1))
                yield word
                before, between = word, ""
                start += len(piece)
                glued = True
                if piece[-1] in "\x02\ufffe":
                    line += 1
                    glued, is_bold = False, True
            end = match.end()

    def _word(self, layer: Any, text: str, start: int, line: int, *, bold: bool, glued: bool) -> Word:
        raw = self._raw
        last = start + len(text) - 1
        broken, upright = text[-1] in "\x02\ufffe", True
        left, bottom, right, top = self._bounds(layer, start)
        size = top - bottom
        mapped = not raw.FPDFText_HasUnicodeMapError(layer, start)
        if broken and last > start:
            last -= 1
        if last > start:
            x0, y0, x1, y1 = self._bounds(layer, last)
            across, down = abs(x0 + x1 - left - right), abs(y0 + y1 - bottom - top)
            upright = down < size or across > down
            left, right = (left, x1) if left <= x0 else (x0, right)
            if y0 != bottom or y1 != top:
                bottom, top = min(bottom, y0), max(top, y1)
            if not upright and last > start + 1 and self._is_beside(layer, start):
                upright, right = True, max(self._bounds(layer, index)[2] for index in range(start, last + 1))
        if RIGHT_TO_LEFT.search(text):
            text = self._turn_ligatures(layer, text, start)
            if _LATIN.search(text):  # runs from both ends to the middle
                boxes = [self._bounds(layer, index) for index in range(start, last + 1)]
                left, right = min(box[0] for box in boxes), max(box[2] for box in boxes)
        shown = normalize(text[:-1]) + BROKEN if broken else text if text.isascii() else normalize(text)
        font = "" if mapped else self._font(layer, start)
        return Word(shown, left, bottom, right, top, size, line, bold, upright, mapped, glued, font)

    def _is_beside(self, layer: Any, index: int) -> bool:
        """Whether the character after that at ``index`` stands right of it, as in a word that a narrow cell cuts."""
        left, bottom, right, top = self._bounds(layer, index)
        x0, y0, _, y1 = self._bounds(layer, index + 1)
        return 2 * (x0 - left) > right - left and abs(y0 + y1 - bottom - top) < top - bottom

    def _turn_ligatures(self, layer: Any, text: str, start: int) -> str:
        """``text`` with the letters of each ligature in order: pdfium turns a line around, and them with it."""

        def turn(match: re.Match[str]) -> str:
            first = start + match.start()
            is_one = self._bounds(layer, first) == self._bounds(layer, first + 1)
            return match[2] + match[1] if is_one else match[0]

        return _TURNED_LIGATURE.sub(turn, text)

    def _bounds(self, layer: Any, index: int) -> tuple[float, float, float, float]:
        self._raw.FPDFText_GetLooseCharBox(layer, index, self._box_pointer)
        box = self._box
        edges = box.left, box.bottom, box.right, box.top
        return self._turn(*edges) if self._turn.quarters else edges

    def _is_bold(self, layer: Any, index: int) -> bool:
        if self._raw.FPDFText_GetFontWeight(layer, index) >= _BOLD_WEIGHT:
            return True
        return _BOLD.search(self._font(layer, index)) is not None

    def _font(self, layer: Any, index: int) -> str:
        size = self._raw.FPDFText_GetFontInfo(layer, index, self._name, _NAME_BYTES, ctypes.byref(self._flags))
        return self._name.value.decode("utf-8", "replace") if size > 0 else ""


def _is_set_apart(first: Word, second: Word) -> bool:
    """Whether programs put the little space between two words: they part Chinese from letters and digits so."""
    ends = first.text[-1], second.text[0]
    if first.line != second.line or not 0 < second.left - first.right < _SET_APART * second.size:
        return False
    return sum(_HAN.match(end) is not None for end in ends) == sum(end.isascii() and end.isalnum() for end in ends) == 1


def _pieces(text: str) -> list[str]:
    """``text`` cut after marks of a hyphen at the end of a line."""
    if "\x02" not in text and "\ufffe" not in text:
        return [text]
    return [piece for piece in _MARKED.split(text) if piece]


def _without_shadows(words: list[Word]) -> Iterator[Word]:
    """``words`` without copies drawn a little beside the first, for a shadow or for bold."""
    seen: dict[str, list[Word]] = {}
    for word in words:
        places = seen.get(word.text)
        if places is None:
            seen[word.text] = [word]
            yield word
            continue
        near = _SHADOW * word.size
        if any(
            abs(word.left - other.left) < near and abs(word.bottom - other.bottom) < near
            for other in places[-_MOST_COPIES:]
        ):
            continue
        places.append(word)
        yield word


def drop_unreadable(words: list[Word]) -> list[Word]:
    """``words`` without runs of glyph numbers that make no words; a symbol between words stays."""
    if all(word.mapped for word in words):
        return words
    for font in {word.font for word in words if not word.mapped}:
        own = [word for word in words if not word.mapped and word.font == font]
        shift = guess_shift(" ".join(word.text for word in own))
        for word in own if shift is not None else ():
            word.text, word.mapped = normalize(unshift(word.text, shift or 0)), True
    words = [word for word in words if word.text]
    most = 2 * sum(1 for word in words if not word.mapped) > len(words)
    kept: list[Word] = []
    for mapped, run in groupby(words, key=lambda word: word.mapped):
        found = list(run)
        if mapped or not (most or sum(len(word.text) for word in found) >= _LONG_RUN):
            kept += found
    return kept


def has_cells(words: list[Word]) -> bool:
    """Whether a line has a gap that may part two cells, or the next line begins on its right and not below."""
    return any(
        (
            second.left - first.right > _CELL_GAP * first.size
            and (first.line == second.line or second.top > first.bottom)
        )
        or (
            first.left - second.right > _CELL_GAP * first.size
            and second.top > first.middle > second.bottom
            and RIGHT_TO_LEFT.search(first.text + second.text) is not None
        )
        for first, second in pairwise(words)
    )
