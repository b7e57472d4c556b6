"""PDF files: what a reader sees of each page, as paragraphs, rows of tables and headings."""

from __future__ import annotations

import re
from collections import deque
from itertools import chain, count, groupby
from typing import TYPE_CHECKING, Final

from shared.domain.errors import DocumentError
from shared.domain.models import Block, ParsedDocument
from shared.parsing.encoding import clean
from shared.parsing.pdf_columns import arrange
from shared.parsing.pdf_file import open_file
from shared.parsing.pdf_form_values import find_notes, find_values, place_values
from shared.parsing.pdf_headings import Headings
from shared.parsing.pdf_layout import Row, find_rows, is_plain, split_segments
from shared.parsing.pdf_page import Page
from shared.parsing.pdf_paragraphs import Paragraph, find_paragraphs, join, split_text
from shared.parsing.pdf_running_lines import REACH, RunningLines, Sheet, make_sheet
from shared.parsing.pdf_scans import Scans
from shared.parsing.pdf_tables import Table, split_tables, take_tables
from shared.parsing.pdf_vertical import arrange_vertical, is_vertical, stack_words
from shared.parsing.pdf_words import drop_unreadable
from shared.parsing.pictures import refuse_without_ocr
from shared.parsing.refusing import has_damage, refuse, refuse_empty, report_damage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits
    from shared.parsing.pdf_file import Pdfium
    from shared.parsing.pdf_layout import Segment
    from shared.parsing.pdf_pypdf import Pypdf
    from shared.parsing.pdf_words import Word

_PRODUCER_TITLE: Final = re.compile(
    r"\A(?:microsoft (?:word|powerpoint|excel) - .*|untitled.*|\(?anonymous\)?|\(?unspecified\)?|无标题"
    r"|[^\s]*\.(?:docx?|pptx?|xlsx?|indd|qxd|pdf|rtf|odt|tex|dvi|wpd|wps))",
    re.IGNORECASE,
)
_HYPHENATED: Final = re.compile(r"(?<![^\W\d_])[^\W\d_]+(?:-[^\W\d_]+)+")
_MOST_HYPHENATED: Final = 20_000
_MOST_NAMED_PAGES: Final = 10


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """Read a PDF page by page.

    Raises:
        DocumentError: ``encrypted``, ``broken_file``, ``too_many_pages``; while read: ``needs_ocr`` when no page has
            text that can be read, ``empty_document`` when there is none at all.
    """
    warnings: list[str] = []
    document = open_file(path, limits, warnings)
    pages = document.pages
    if pages > limits.max_pages:
        document.close()
        raise refuse("too_many_pages", f"The PDF has {pages} pages; at most {limits.max_pages} are read.")
    title = document.title()
    return ParsedDocument(
        "" if _PRODUCER_TITLE.fullmatch(title) else title,
        _Reading(document, limits, warnings).blocks(),
        warnings=warnings,
    )


class _Reading:
    """One document while it is read; holds a few pages, enough to recognise a running header."""

    def __init__(self, document: Pdfium | Pypdf, limits: Limits, warnings: list[str]) -> None:
        self._document = document
        self._limits = limits
        self._scans = Scans(document, limits)
        self._warnings = warnings
        self._hyphenated: set[str] = set()
        self._pictures: list[int] = []
        self._unmapped: list[int] = []
        self._damaged: list[int] = []
        self._has_fields = False
        self._is_blank = True
        self._width = 0.0

    def blocks(self) -> Iterator[Block]:
        """The blocks of all pages; then the warnings are complete."""
        found = False
        try:
            headings = Headings(self._document.bookmarks())
            for page, parts in self._pages():
                for block in chain(headings.blocks(page, parts), self._scans.blocks(page)):
                    found = True
                    yield block
            self._warn()
        finally:
            self._document.close()
        if not found:
            raise self._refusal()

    def _pages(self) -> Iterator[tuple[int, list[Paragraph | Table]]]:
        """The parts of each page, without running headers and footers."""
        running_lines = RunningLines()
        window: deque[tuple[Sheet, list[Paragraph | Table]]] = deque()
        numbers = iter(range(1, self._document.pages + 1))
        for current in count():
            while (number := next(numbers, None)) is not None:
                window.append(self._sheet(number))
                if number > current + REACH:
                    break
            here = next((place for place, (page, _) in enumerate(window) if page.number == current + 1), None)
            if here is None:
                return
            page, more = window[here]
            others = [other for other, _ in window if other is not page]
            yield page.number, [*self._parts(running_lines.clear(page, others)), *more]
            if page.number > REACH:
                window.popleft()

    def _sheet(self, number: int) -> tuple[Sheet, list[Paragraph | Table]]:
        """The rows of a page, and what belongs after them."""
        page = self._read(number)
        words = page.words
        self._note(number, page)
        if self._scans.take(number, words, page):
            return make_sheet(number, []), []
        if page.has_images and number not in self._scans.left_out[-1:]:
            self._pictures.append(number)
        values = find_values(page.words, page.drawn, page.entries)
        page.words = stack_words(page.words)
        if page.text or not is_plain(page.words):
            after = list(self._unarranged(page, values))
            found = []
        else:
            after = list[Paragraph | Table]()
            found = self._arranged(page, values)
            self._width = max(self._width, page.width)
        for row in found:
            self._remember(row.text)
        found = place_values(found, values)
        text = "\n".join(
            [row.text for row in found] + [cell for row in found for line in row.grid or () for cell in line]
        )
        after += [Paragraph(note, []) for note in find_notes(page.entries, text)]
        return make_sheet(number, found, page.area / page.width if page.width else 0.0), after

    def _read(self, number: int) -> Page:
        """The page; one that is damaged is blank."""
        try:
            return self._document.page(number, with_images=self._limits.ocr == "all")
        except DocumentError as error:
            if error.code != "broken_file":
                raise
            self._damaged.append(number)
            return Page()

    def _unarranged(self, page: Page, values: list[Segment]) -> Iterator[Paragraph | Table]:
        """The parts of a page in the order of its text, such as one from right to left: lines and ruled tables."""
        if page.text or is_vertical(page.words):
            yield from split_text(clean(page.text or _lines(page.words)), self._hyphenated)
            return
        tables = take_tables(page.words, values, page.rules, lambda lines: join(lines, self._hyphenated))
        for number, group in groupby(page.words, key=lambda word: id(word) if id(word) in tables else 0):
            words = list(group)
            if number:
                yield Table(tables[number], places=[(words[0].left, words[0].right)])
            else:
                yield from split_text(clean(_lines(words)), self._hyphenated)

    def _arranged(self, page: Page, values: list[Segment]) -> list[Row]:
        """The rows of a page; those of ruled tables, and the values in them, as one row each."""
        tables = take_tables(page.words, values, page.rules, lambda lines: join(lines, self._hyphenated))
        found = arrange(page.words)
        for row in found if tables else ():
            row.grid = tables.get(id(row.segments[0].words[0]))
        return found

    def _remember(self, text: str) -> None:
        if "-" in text and len(self._hyphenated) < _MOST_HYPHENATED:
            self._hyphenated.update(word.lower() for word in _HYPHENATED.findall(text))

    def _note(self, number: int, page: Page) -> None:
        """Drop the words that cannot be read, and keep in mind what to warn of."""
        self._has_fields |= bool(page.entries)
        self._is_blank &= page.is_blank
        if not page.is_whole:
            self._warnings.append(f"Page {number} has too many characters; the rest of it was left out.")
        read = drop_unreadable(page.words)
        if len(read) < len(page.words):
            self._unmapped.append(number)
        page.words, page.drawn = read, drop_unreadable(page.drawn)

    def _parts(self, found: list[Row]) -> Iterator[Paragraph | Table]:
        left = min((row.left for row in found), default=0.0)
        width = max((row.right for row in found), default=0.0) - left
        # The margin on the right is seldom wider than that on the left.
        width = max(width, self._width - 2 * left)
        for part in split_tables(found):
            if isinstance(part, Table):
                yield part
            else:
                yield from find_paragraphs(part, self._hyphenated, width)

    def _warn(self) -> None:
        if self._damaged:
            report_damage(self._warnings, f"page {_shorten(self._damaged)}")
        if self._unmapped:
            self._warnings.append(
                f"{_named(self._unmapped)} text in a font that does not tell its characters; it was left out."
            )
        if self._pictures:
            self._warnings.append(f"{_named(self._pictures)} pictures but no text; they need OCR (OCR=auto).")
        if self._scans.left_out:
            self._warnings.append(f"{_named(self._scans.left_out)} pictures beyond OCR_MAX_PAGES; they were left out.")
        if attached := self._document.attachments():
            self._warnings.append(f"Files attached to the PDF are not read: {attached}.")

    def _refusal(self) -> Exception:
        if self._unmapped:
            return refuse_without_ocr(
                "The fonts of the PDF do not tell which characters their glyphs are, so its text cannot be read; to "
                "export it again with embedded Unicode maps may help."
            )
        if has_damage(self._warnings) and not self._pictures:
            return refuse_empty(self._warnings)
        if self._has_fields and not self._pictures:
            return refuse("empty_document", "The PDF has form fields or notes, but none of them holds text.")
        if self._is_blank or (self._scans.count and not self._pictures):
            return refuse("empty_document", "The pages of the PDF are blank.")
        return refuse_without_ocr("The PDF has no text layer: it holds pictures of text.")


def _lines(words: list[Word]) -> str:
    """The lines of a page in the order in which they are drawn, or from right to left where they are vertical."""
    found = arrange_vertical(words) if is_vertical(words) else find_rows(split_segments(words))
    groups = groupby(found, key=lambda row: row.segments[0].upright)
    return "\n\n".join("\n".join(row.text for row in group) for _, group in groups)


def _named(pages: list[int]) -> str:
    return f"Page {_shorten(pages)} holds" if len(pages) == 1 else f"Pages {_shorten(pages)} hold"


def _shorten(pages: list[int]) -> str:
    more = len(pages) - _MOST_NAMED_PAGES
    return ", ".join(map(str, pages[:_MOST_NAMED_PAGES])) + (f" and {more} more" if more > 0 else "")
