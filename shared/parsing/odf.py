"""The text of OpenDocument files: headings, paragraphs, lists, tables, notes, comments, text boxes.

Element names are those of OpenDocument 1.3 part 3: https://docs.oasis-open.org/office/OpenDocument/v1.3/. They are
compared without their namespaces, of which old and new versions have different ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.flow import Flow
from shared.parsing.heading_names import find_level
from shared.parsing.odf_elements import SKIPPED, collapse_spaces, names_picture, read_repeated, read_whole
from shared.parsing.odf_lists import Lists
from shared.parsing.odf_objects import read_formula

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.domain.models import Block
    from shared.parsing.odf_objects import OdfObjects
    from shared.parsing.odf_pictures import OdfPictures
    from shared.parsing.xml_events import Event

_SPACING = {"tab": "\t", "tab-stop": "\t", "line-break": "\n"}
_DESCRIPTIONS = frozenset({"desc", "title"})
_PARAGRAPHS = frozenset({"p", "h"})
_MOST_SPACES = 100


class _Covered(Struct):
    """What cells above cover of a table: by column, rows left and columns; and where the row now open stands."""

    below: dict[int, tuple[int, int]] = {}
    column: int = 0
    beside: int = 0


class Reader:
    """Turns the steps through a part into paragraphs and tables of a flow."""

    def __init__(self, flow: Flow, pictures: OdfPictures | None = None, objects: OdfObjects | None = None) -> None:
        """Begin.

        Args:
            flow: takes what is read.
            pictures: finds pictures; without it they are left out.
            objects: finds formulas and charts; without it they are left out.
        """
        self.flow = flow
        self._pictures = pictures
        self._objects = objects
        self._object: list[Event] = []
        self._waiting_blocks: list[Block] = []
        self.lists = Lists()
        self._hidden: set[str] = set()
        self._style = ""
        # Name of a style -> level of the headings in it.
        self._style_levels: dict[str, int] = {}
        self._skipping, self._inside = 0, ""
        self._texts: list[list[str]] = []
        self._levels: list[int] = []
        self._labels: list[str] = []
        self._waiting: list[str] = []
        self._covered: list[_Covered] = []
        self._header_rows = 0

    def read(self, event: Event) -> None:
        """Take a step."""
        if self._skipping:
            self._pass_over(event)
        elif event.kind == "text":
            if self._texts:
                self._texts[-1].append(collapse_spaces(event.name))
        elif event.kind == "open":
            self._open(event)
        else:
            self._close(event.name)

    def _pass_over(self, event: Event) -> None:
        self._skipping += {"open": 1, "close": -1}.get(event.kind, 0)
        if self._inside == "object" and self._skipping:
            self._object.append(event)
        elif self._inside == "object":
            self._read_object()

    def _read_object(self) -> None:
        """A formula in the line it stands in, or what a chart or sheet holds, after the paragraph."""
        events, self._object = self._object, []
        if formula := read_formula(events):
            if self._texts:
                self._texts[-1].append(f" {formula} ")
            else:
                self.flow.add(formula)
            return
        inner = Reader(Flow(self.flow.limits, self.flow.outline))
        inner.read_all(events)
        inner.flow.close()
        self._waiting_blocks += inner.flow.take()
        if not self._texts:
            self._place_blocks()

    def read_all(self, events: Iterable[Event]) -> None:
        """Take all steps."""
        for event in events:
            self.read(event)

    def _open(self, event: Event) -> None:
        name, given = event.name, event.attributes
        if name in SKIPPED or self._is_hidden(name, given):
            self._skip(name, given)
        elif name in _PARAGRAPHS or name in _DESCRIPTIONS:
            self._begin_paragraph(event)
        elif name == "s" and self._texts:
            self._texts[-1].append(" " * min(read_whole(given.get("c", "1")), _MOST_SPACES))
        elif name in _SPACING and self._texts:
            self._texts[-1].append(_SPACING[name])
        elif name in ("list", "ordered-list", "unordered-list"):
            self.lists.enter(event)
        elif name == "list-item":
            self.lists.begin_item(event)
        elif name.startswith("table"):
            self._open_table(name, given)
        elif name == "covered-table-cell":
            self._cover(read_repeated(given))
        elif name in ("frame", "image"):
            self._show(name, given)
        else:
            self.define(event)

    def _skip(self, name: str, given: dict[str, str]) -> None:
        self._skipping, self._inside = 1, name
        if name == "binary-data" and self._pictures is not None:
            self._pictures.leave_out()
        elif name == "object" and self._objects is not None:
            self._object = self._objects.find(given.get("href", ""))

    def _show(self, name: str, given: dict[str, str]) -> None:
        """A frame, or a picture in it, which stands after the paragraph."""
        if self._pictures is None:
            return
        if name == "frame":
            self._pictures.enter_frame(given)
        else:
            self._waiting_blocks += self._pictures.find(given.get("href", ""))
        if not self._texts:
            self._place_blocks()

    def _place_blocks(self) -> None:
        waiting, self._waiting_blocks = self._waiting_blocks, []
        for block in waiting:
            self.flow.add_block(block)

    def _is_hidden(self, name: str, given: dict[str, str]) -> bool:
        if name == "span":
            return given.get("style-name", "") in self._hidden
        return (name == "section" and given.get("display") == "none") or (
            name == "hidden-paragraph" and given.get("is-hidden") == "true"
        )

    def define(self, event: Event) -> None:
        """Styles, as far as they decide what is shown."""
        if event.name == "style":
            self._style = event.attributes.get("name", "")
            parent = event.attributes.get("parent-style-name", "")
            for name in (parent, self._style):
                if level := self._style_levels.get(name, 0) or find_level(name.replace("_20_", " ")):
                    self._style_levels[self._style] = level
        elif event.name == "text-properties" and event.attributes.get("display") == "none":
            self._hidden.add(self._style)
        else:
            self.lists.define(event)

    def _begin_paragraph(self, event: Event) -> None:
        level = 0
        label = ""
        if event.name == "h":
            level = max(1, read_whole(event.attributes.get("outline-level", event.attributes.get("level", "1"))))
            label = "" if event.attributes.get("is-list-header") == "true" else self.lists.heading(level)
        elif event.name == "p" and not self._texts:
            label = self.lists.label()
            level = self._style_levels.get(event.attributes.get("style-name", ""), 0)
        self._texts.append([])
        self._levels.append(level)
        self._labels.append(label)

    def _close(self, name: str) -> None:
        if (name in _PARAGRAPHS or name in _DESCRIPTIONS) and self._texts:
            self._end_paragraph(name)
        elif name in ("list", "ordered-list", "unordered-list"):
            self.lists.leave()
        elif name == "table":
            self.flow.close_table()
            self._covered = self._covered[:-1]
        elif name == "table-row":
            self._end_row()
        elif name == "table-cell":
            self.flow.close_cell()
        elif name == "table-header-rows":
            self._header_rows -= 1

    def _end_paragraph(self, name: str) -> None:
        text = "".join(self._texts.pop())
        level, label = self._levels.pop(), self._labels.pop()
        if name in _DESCRIPTIONS and names_picture(text.strip()):
            return
        if self._texts:
            # A note, a comment or a text box inside a paragraph: it comes after it.
            self._waiting.append(text)
            return
        self.flow.add(text.strip(" "), level, label)
        waiting, self._waiting = self._waiting, []
        for note in waiting:
            self.flow.add(note)
        self._place_blocks()

    # -- tables -------------------------------------------------------------------------------------------------------

    def _open_table(self, name: str, given: dict[str, str]) -> None:
        if name == "table":
            self.flow.open_table()
            self._covered.append(_Covered())
        elif name == "table-row":
            self.flow.open_row(is_header=self._header_rows > 0)
            if self._covered:
                self._covered[-1].column = self._covered[-1].beside = 0
        elif name == "table-header-rows":
            self._header_rows += 1
        elif name == "table-cell":
            self._open_cell(given)

    def _open_cell(self, given: dict[str, str]) -> None:
        columns = min(read_whole(given.get("number-columns-spanned", "1")), 1024) or 1
        rows = read_whole(given.get("number-rows-spanned", "1"))
        for _ in range(read_repeated(given) - 1):
            self.flow.open_cell()
        self.flow.open_cell(columns, is_merged=rows > 1)
        if self._covered:
            covered = self._covered[-1]
            covered.column += read_repeated(given) - 1
            if rows > 1:
                covered.below[covered.column] = (rows, columns)
            covered.column += columns
            covered.beside = columns - 1

    def _cover(self, count: int) -> None:
        """Cells that others cover: those beside a wide one are part of it, those below a tall one continue it."""
        if not self._covered:
            return
        covered = self._covered[-1]
        for _ in range(count):
            if covered.beside:
                covered.beside -= 1
                continue
            rows, columns = covered.below.get(covered.column, (0, 1))
            self.flow.open_cell(columns, continues=rows > 0)
            covered.column += columns
            covered.beside = columns - 1

    def _end_row(self) -> None:
        self.flow.close_row()
        if self._covered:
            below = self._covered[-1].below
            self._covered[-1].below = {
                column: (rows - 1, columns) for column, (rows, columns) in below.items() if rows > 1
            }
