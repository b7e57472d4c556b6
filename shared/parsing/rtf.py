"""Rich text (RTF): headings, paragraphs, lists, tables, notes, text boxes, each header and footer once.

Longer than 300 lines because what a word does depends on all the groups around it, so one reader holds their state.

Words and their meaning are those of Microsoft's RTF Specification 1.9.1:
https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxrtfex/.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import ParsedDocument
from shared.parsing.flow import Flow
from shared.parsing.heading_names import find_level
from shared.parsing.refusing import refuse, report_cut
from shared.parsing.rtf_encoding import find_encoding, read_bytes
from shared.parsing.rtf_words import ASIDES, CHARACTERS, INFORMATION, LABELS, SKIPPED, STARRED
from shared.parsing.symbols import show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits
    from shared.parsing.outline import Outline

MOST_BYTES = 64 << 20
_TOKEN = re.compile(
    rb"\\(?:([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|'([0-9a-fA-F]{2})|([^a-zA-Z]))|([{}])|[\r\n]+|([^\\{}\r\n]{1,65536})|\\"
)
_DEEPEST_GROUP = 5_000
_BREAKS = frozenset({"par", "sect", "page", "column"})
_DEEPEST_TABLE = 16
_NO_BREAK_SPACE, _NO_BREAK_HYPHEN = "\u00a0", "\u2011"


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a rich text file; its property gives the title when no heading does.

    Raises:
        DocumentError: ``too_large``, ``too_deep``, ``broken_file``.
    """
    if path.stat().st_size > MOST_BYTES:
        raise refuse("too_large", f"A file of this format may have at most {MOST_BYTES >> 20} MiB.")
    content = path.read_bytes()
    warnings: list[str] = []
    reader = _Reader(content, limits, warnings)
    # The title stands before the text, in a group that is read on the way to the first paragraph.
    blocks = reader.blocks()
    first = next(blocks, None)
    return ParsedDocument(reader.title.strip(), _chain(first, blocks), warnings=warnings)


def read(content: bytes, limits: Limits, outline: Outline) -> Iterator[Block]:
    """The blocks of rich text inside another document."""
    return _Reader(content, limits, [], outline).blocks()


def _chain(first: Block | None, blocks: Iterator[Block]) -> Iterator[Block]:
    if first is not None:
        yield first
    yield from blocks


def _join(parts: list[str]) -> str:
    """The text of a paragraph; characters beyond the first 65,536 were written as two."""
    text = "".join(parts)
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Group(Struct):
    """What holds up to the end of a group: where its text goes, in which encoding, and whether it is shown."""

    destination: str = "text"
    encoding: str = "cp1252"
    font: str = ""
    fallback: int = 1
    is_hidden: bool = False


class _Story(Struct):
    """A paragraph as far as it was read, and how it stands."""

    text: list[str] = []
    label: list[str] = []
    style: int = 0
    level: int | None = None
    is_in_table: bool = False
    depth: int = 0


class _Cells(Struct):
    """The cells of a row as ``trowd`` defines them: where each ends, and those that continue the one above or left."""

    left: int = 0
    ends: list[int] = []
    below: list[bool] = []
    beside: list[bool] = []
    is_below: bool = False
    is_beside: bool = False
    is_header: bool = False


class _Reader:
    """Reads words, groups and text from the first to the last."""

    def __init__(self, content: bytes, limits: Limits, warnings: list[str], outline: Outline | None = None) -> None:
        self.title = ""
        self._warnings = warnings
        self._content = content
        self._flow = Flow(limits, outline)
        self._limits = limits
        self._group = _Group()
        self._groups: list[_Group] = []
        self._is_starred = False
        self._bytes = bytearray()
        self._to_skip = 0
        self._default_encoding = "cp1252"
        self._story = _Story()
        self._outer: list[tuple[int, _Story, Flow]] = []
        self._asides: list[Block] = []
        self._seen: set[str] = set()
        self._cells = _Cells()
        # Those of the rows around a nested one.
        self._outer_cells: list[_Cells] = []
        # Font number -> (encoding, name); style number -> level of its headings.
        self._fonts: dict[int, tuple[str, str]] = {}
        self._font = self._default_font = 0
        self._levels: dict[int, int] = {}
        self._entry = 0
        self._entry_level = 0
        self._name: list[str] = []

    def blocks(self) -> Iterator[Block]:
        """The blocks, as far as they are complete."""
        place, end = 0, len(self._content)
        while place < end:
            match = _TOKEN.match(self._content, place)
            if match is None:
                break
            place = match.end()
            if match[1]:
                place += self._word(match[1].decode("ascii"), match[2])
            else:
                self._other(match)
            yield from self._flow.take() if not self._outer else ()
        while self._outer:
            self._leave_aside()
        self._end_paragraph()
        self._flow.close()
        yield from self._flow.take()
        yield from self._asides
        if self._groups:
            report_cut(self._warnings)

    def _other(self, match: re.Match[bytes]) -> None:
        if match[3]:
            self._add_bytes(bytes.fromhex(match[3].decode("ascii")))
        elif match[4]:
            self._symbol(match[4], match.start())
        elif match[5] == b"{":
            self._open()
        elif match[5] == b"}":
            self._close()
        elif match[6]:
            self._add_bytes(match[6])

    # -- groups -------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._flush()
        self._to_skip = 0
        if len(self._groups) >= _DEEPEST_GROUP:
            raise refuse("too_deep", f"The file nests its groups more than {_DEEPEST_GROUP} deep.")
        self._groups.append(self._group)
        old = self._group
        self._group = _Group(old.destination, old.encoding, old.font, old.fallback, old.is_hidden)
        self._is_starred = False

    def _close(self) -> None:
        self._flush()
        self._to_skip = 0
        if not self._groups:
            return
        if self._group.destination == "stylesheet":
            self._end_style()
        if self._outer and self._outer[-1][0] == len(self._groups):
            self._leave_aside()
        self._group = self._groups.pop()
        self._is_starred = False

    def _enter(self, word: str) -> None:
        """Begin the destination that the first word of a group names."""
        if word in ASIDES and self._group.destination == "text":
            self._outer.append((len(self._groups), self._story, self._flow))
            self._story, self._flow = _Story(), Flow(self._limits, self._flow.outline)
        elif word in LABELS and self._group.destination == "text":
            self._group.destination = "label"
        elif word in INFORMATION:
            self._group.destination = word
        elif word == "nesttableprops" and len(self._outer_cells) < _DEEPEST_TABLE:
            self._outer_cells.append(self._cells)
            self._cells = _Cells()
        elif word in SKIPPED or self._group.destination == "info":
            self._group.destination = "skip"

    def _leave_aside(self) -> None:
        """Keep the blocks of a note, text box, header or footer until the paragraph around it ends."""
        self._end_paragraph()
        self._flow.close()
        found = self._flow.take()
        _, self._story, self._flow = self._outer.pop()
        for block in found:
            if block.text not in self._seen:
                self._seen.add(block.text)
                self._asides.append(block)

    # -- words --------------------------------------------------------------------------------------------------------

    def _word(self, word: str, given: bytes | None) -> int:
        """Obey a word; returns how many bytes of data follow it."""
        number = int(given) if given else None
        if word == "bin":
            return max(0, min(number or 0, len(self._content)))
        if word == "u":
            self._unicode(number or 0)
            return 0
        if self._to_skip and word not in ("uc",):
            self._to_skip -= 1
            return 0
        self._flush()
        if self._is_starred and word not in STARRED and word not in INFORMATION:
            self._group.destination = "skip"
        self._is_starred = False
        if word in ASIDES or word in LABELS or word in INFORMATION or word in SKIPPED or word in STARRED:
            self._enter(word)
        elif self._group.destination in ("fonttbl", "stylesheet"):
            self._define(word, number)
        elif self._group.destination in ("text", "label"):
            self._act(word, number)
        self._set_encoding(word, number)
        return 0

    def _set_encoding(self, word: str, number: int | None) -> None:
        if word == "uc":
            self._group.fallback = max(0, min(number or 0, 8))
        elif word in ("ansicpg", "mac", "pc", "pca"):
            named = {"mac": 10000, "pc": 437, "pca": 850}.get(word, number or 0)
            self._default_encoding = self._group.encoding = find_encoding(named) or self._group.encoding
        elif word == "deff":
            self._default_font = number or 0

    def _define(self, word: str, number: int | None) -> None:
        """Words of the tables of fonts and styles."""
        if word == "f":
            self._font = number or 0
            self._fonts.setdefault(self._font, ("", ""))
        elif word in ("fcharset", "cpg"):
            encoding = find_encoding(number or 0, is_charset=word == "fcharset")
            self._fonts[self._font] = (encoding, self._fonts.get(self._font, ("", ""))[1])
        elif word == "s":
            self._entry = number or 0
        elif word == "outlinelevel" and number is not None and number < 9:
            self._entry_level = number + 1

    def _end_style(self) -> None:
        level = self._entry_level or find_level("".join(self._name).strip().rstrip(";"))
        if level and self._entry:
            self._levels[self._entry] = level
        self._entry = self._entry_level = 0
        self._name = []

    def _act(self, word: str, number: int | None) -> None:
        """Words of the text itself."""
        if word in CHARACTERS:
            self._add(CHARACTERS[word])
        elif word in _BREAKS:
            self._end_paragraph()
        elif word in ("nestcell", "nestrow"):
            self._act_in_nested_table(word)
        elif word in ("cell", "row", "trowd", "cellx", "clvmrg", "clmrg", "trleft", "trhdr"):
            self._act_in_table(word, number or 0)
        elif word in ("pard", "s", "outlinelevel", "intbl", "itap"):
            self._set_paragraph(word, number)
        elif word in ("v", "deleted"):
            self._group.is_hidden = number != 0
        elif word == "plain":
            self._group.is_hidden = False
            self._set_font(self._default_font)
        elif word == "f":
            self._set_font(number or 0)

    def _set_paragraph(self, word: str, number: int | None) -> None:
        if word == "pard":
            self._story.style, self._story.level, self._story.is_in_table = 0, None, False
            self._story.depth = 0
        elif word == "s":
            self._story.style = number or 0
        elif word == "outlinelevel":
            self._story.level = number + 1 if number is not None and 0 <= number < 9 else 0
        elif word == "itap":
            self._story.depth = min(max(number or 0, 0), _DEEPEST_TABLE)
            self._story.is_in_table = self._story.is_in_table or self._story.depth > 1
        else:
            self._story.is_in_table = number != 0

    def _set_font(self, number: int) -> None:
        encoding, name = self._fonts.get(number, ("", ""))
        self._group.encoding = encoding or self._default_encoding
        self._group.font = name if encoding == "symbol" else ""

    def _act_in_table(self, word: str, number: int) -> None:
        cells = self._cells
        if word == "cell":
            self._story.is_in_table, self._story.depth = True, 1
            self._end_paragraph()
            self._flow.nest(1)
            self._flow.close_cell()
        elif word == "row":
            self._end_row()
        elif word == "trowd":
            self._cells = _Cells()
        elif word == "trleft":
            cells.left = number
        elif word == "cellx" and len(cells.ends) < 1024:
            cells.ends.append(number)
            cells.below.append(cells.is_below)
            cells.beside.append(cells.is_beside)
            cells.is_below = cells.is_beside = False
        else:
            cells.is_below = cells.is_below or word == "clvmrg"
            cells.is_beside = cells.is_beside or word == "clmrg"
            cells.is_header = cells.is_header or word == "trhdr"

    def _act_in_nested_table(self, word: str) -> None:
        """Ends of cells and rows inside a cell; the cells of a nested row are defined after it, in a group."""
        if word == "nestcell":
            self._story.is_in_table, self._story.depth = True, max(2, self._story.depth)
            self._end_paragraph()
            self._flow.close_cell()
        else:
            if self._flow.depth > 1:
                self._end_row()
            self._cells = self._outer_cells.pop() if self._outer_cells else self._cells

    def _end_row(self) -> None:
        if not self._flow.is_in_table:
            return
        cells = self._cells
        left = min(cells.left, cells.ends[0] - 1) if cells.ends else 0
        self._flow.end_row([left, *cells.ends], cells.below, cells.beside, is_header=cells.is_header)

    def _end_paragraph(self) -> None:
        self._flush()
        story, flow = self._story, self._flow
        if story.is_in_table and not flow.is_in_table:
            flow.open_table()
        elif flow.is_in_table and not story.is_in_table and "".join(story.text).strip():
            flow.close_table()
        if story.is_in_table and (story.depth > 1 or (flow.depth > 1 and "".join(story.text).strip())):
            flow.nest(story.depth)
        level = self._levels.get(story.style, 0) if story.level is None else story.level
        flow.add(_join(story.text), level, show("", "".join(story.label)))
        story.text, story.label = [], []
        if not self._outer and not flow.is_in_table:
            for block in self._asides:
                flow.add_block(block)
            self._asides = []

    # -- text ---------------------------------------------------------------------------------------------------------

    def _symbol(self, symbol: bytes, place: int) -> None:
        if self._to_skip:
            self._to_skip -= 1
        elif symbol == b"*":
            # Elsewhere than at the start of a group the sign means nothing.
            self._is_starred = self._content[max(0, place - 3) : place].rstrip().endswith(b"{")
        elif symbol in (b"\n", b"\r"):
            self._flush()
            if self._group.destination == "text":
                self._end_paragraph()
        elif symbol == b"~":
            self._add(_NO_BREAK_SPACE)
        elif symbol == b"_":
            self._add(_NO_BREAK_HYPHEN)
        elif symbol in (b"\\", b"{", b"}"):
            self._add_bytes(symbol)

    def _unicode(self, number: int) -> None:
        self._flush()
        self._add(chr(number & 0xFFFF))
        self._to_skip = self._group.fallback

    def _add_bytes(self, data: bytes) -> None:
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        if self._group.destination != "skip":
            self._bytes += data[skipped:]

    def _flush(self) -> None:
        if self._bytes:
            text = read_bytes(bytes(self._bytes), self._group.encoding, self._group.font)
            self._bytes.clear()
            self._add(text)

    def _add(self, text: str) -> None:
        self._flush()
        group = self._group
        if group.destination == "text" and not group.is_hidden:
            self._story.text.append(text)
        elif group.destination == "label":
            self._story.label.append(text)
        elif group.destination == "title":
            self.title += text
        elif group.destination == "stylesheet":
            self._name.append(text)
        elif group.destination == "fonttbl":
            encoding, name = self._fonts.get(self._font, ("", ""))
            self._fonts[self._font] = (encoding, f"{name}{text}"[:100].rstrip(";"))
