"""What a model wrote about a page, as blocks: Markdown, HTML tables or LaTeX, which models mix.

Read in the function's own process, so in plain Python and by patterns that take linear time: a model writes 64 kB at
most, but what it writes is as untrusted as the page.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shared.domain.models import Block, BlockKind, Location
from shared.parsing import html_table, table
from shared.parsing.encoding import clean
from shared.parsing.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CHARACTERS: Final = 1 << 17
_FENCE: Final = re.compile(r"\A\s*```[A-Za-z]{0,20}\s*\Z")
_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,9})((?:\s[^<>]{0,300})?)/?>")
_SPAN: Final = re.compile(r"(rowspan|colspan)\s{0,3}=\s{0,3}[\"']?([0-9]{1,4})")
_HEADING: Final = re.compile(r"\A\s{0,3}(#{1,6})\s+(.*)\Z")
_BULLET: Final = re.compile(r"\A\s*[-*+•]\s+(?=\S)")
_ITEM: Final = re.compile(r"\A\s*(?:[-*+•]\s+|\(?[0-9]{1,3}[.)]\s+)\S")
_DELIMITER: Final = re.compile(r"\A[\s|:\-]{3,}\Z")
_PICTURE: Final = re.compile(r"!\[([^\[\]\n]{0,200})\]\([^()\s]{0,500}\)")
_EMPHASIS: Final = re.compile(r"(\*\*|__)(?=\S)([^*_\n]{1,2000})(?<=\S)\1")
# Blocks of LaTeX that are read, and commands that only say how something looks.
_SECTIONS: Final = {"title": 1, "chapter": 1, "section": 2, "subsection": 3, "subsubsection": 4}
_SECTION: Final = re.compile(r"\A\s*\\(title|chapter|section|subsection|subsubsection)\*?\{([^{}]{1,300})\}\s*\Z")
_TABULAR: Final = re.compile(r"\\(begin|end)\{tabular[xy*]?\}")
_LATEX_LINE: Final = re.compile(
    r"\A\s*\\(?:documentclass|usepackage|begin|end|maketitle|hline|cline|toprule|midrule|bottomrule|centering|date|author"
    r"|newpage|pagestyle|noindent|label|setlength)\b[^\n]*\Z"
)
_RULE: Final = re.compile(r"\\(?:hline|toprule|midrule|bottomrule|cline\{[^{}]{0,20}\})")
_MULTICOLUMN: Final = re.compile(r"\\multi(?:column|row)\{([0-9]{1,3})\}\{[^{}]{0,40}\}\{([^{}]{0,500})\}")
_STYLED: Final = re.compile(
    r"\\(?:textbf|textit|emph|underline|text|textrm|mathrm|large|Large|LARGE)\{([^{}]{0,2000})\}"
)
_ESCAPED: Final = re.compile(r"\\([%&$#_{}])")
_CJK_START: Final = "\u2e80"
# Tags between paragraphs; others stand within one and are left out.
_BREAKS: Final = frozenset({"p", "div", "br", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "tr", "table"})


def read_page_text(text: str, location: Location) -> Iterator[Block]:
    """The blocks of a page, each at ``location`` with the headings of the page above it."""
    reader = _Reader(location)
    for line in _cut_tables(clean(text[:MAX_CHARACTERS])):
        yield from reader.take(line)
    yield from reader.end()


def _cut_tables(text: str) -> Iterator[str | list[html_table.Row]]:
    """The lines of ``text``, and each HTML table whole."""
    start, depth, opened = 0, 0, 0
    for tag in _TAG.finditer(text):
        if tag[2].lower() != "table":
            continue
        if not tag[1]:
            if depth == 0:
                yield from text[start : tag.start()].split("\n")
                opened = tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield _read_rows(text[opened : tag.end()])
                start = tag.end()
    if depth:  # the model was cut off inside a table
        yield _read_rows(text[opened:])
    else:
        yield from text[start:].split("\n")


def _read_rows(source: str) -> list[html_table.Row]:
    """The rows of a table; a table inside a cell is text of that cell."""
    rows: list[html_table.Row] = []
    cell: html_table.Cell | None = None
    begun, is_head = 0, False
    for tag in _TAG.finditer(source):
        name, closes = tag[2].lower(), bool(tag[1])
        if name not in ("td", "th", "tr", "thead", "tbody", "table"):
            continue
        if cell is not None:
            rows[-1].cells.append(replace(cell, text=_plain(source[begun : tag.start()])))
            cell = None
        if name == "thead":
            is_head = not closes
        elif name == "tr" and not closes:
            rows.append(html_table.Row([], head=is_head))
        elif name in ("td", "th") and not closes:
            if not rows:
                rows.append(html_table.Row([], head=is_head))
            spans = {kind: int(count) for kind, count in _SPAN.findall(tag[3])}
            cell = html_table.Cell("", spans.get("rowspan", 1), spans.get("colspan", 1) or 1, name == "th")
            begun = tag.end()
    if cell is not None:
        rows[-1].cells.append(replace(cell, text=_plain(source[begun:])))
    return [row for row in rows if row.cells]


def _plain(text: str) -> str:
    """``text`` without tags, emphasis and commands, in one line."""
    text = html.unescape(_TAG.sub(" ", text))
    text = _PICTURE.sub(r"\1", text)
    text = _EMPHASIS.sub(r"\2", text)
    if "\\" in text:
        text = _ESCAPED.sub(r"\1", _STYLED.sub(r"\1", _STYLED.sub(r"\1", text)))
    return " ".join(text.replace("\\\\", " ").split())


class _Reader:
    """Gathers the lines of paragraphs and tables."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._outline = Outline()
        self._copies = html_table.Copies()
        self._paragraph: list[str] = []
        self._pipes: list[list[str]] = []
        self._has_header = False
        self._tabular: list[str] | None = None

    def take(self, line: str | list[html_table.Row]) -> Iterator[Block]:
        """The blocks that end before ``line``, or are it."""
        if isinstance(line, list):
            yield from self._flush()
            yield from html_table.blocks(line, self._place(), self._copies)
        elif self._tabular is not None or _TABULAR.search(line):
            yield from self._take_tabular(line)
        elif line.strip().startswith("|") and line.count("|") >= 2:
            yield from self._flush_paragraph()
            self._take_pipes(line)
        else:
            yield from self._take_text(line)

    def end(self) -> Iterator[Block]:
        """The blocks that are not ended yet."""
        if self._tabular is not None:
            yield from self._end_tabular()
        yield from self._flush()

    def _take_text(self, line: str) -> Iterator[Block]:
        yield from self._flush_pipes()
        if _FENCE.match(line) or not line.strip() or _LATEX_LINE.match(line):
            yield from self._flush_paragraph()
        elif section := _SECTION.match(line):
            yield from self._head(_SECTIONS[section[1]], _plain(section[2]))
        elif heading := _HEADING.match(line):
            yield from self._head(len(heading[1]), _plain(heading[2].rstrip("# ")))
        elif _ITEM.match(line):
            yield from self._flush_paragraph()
            yield self._block(_plain(_BULLET.sub("", line)), BlockKind.ITEM)
        else:
            yield from self._take_prose(line)

    def _take_prose(self, line: str) -> Iterator[Block]:
        start = 0
        for tag in _TAG.finditer(line):
            if tag[2].lower() in _BREAKS:
                self._paragraph.append(_plain(line[start : tag.start()]))
                yield from self._flush_paragraph()
                start = tag.end()
        self._paragraph.append(_plain(line[start:]))

    def _head(self, level: int, title: str) -> Iterator[Block]:
        yield from self._flush()
        if title:
            block = self._outline.heading(level, title)
            yield replace(block, location=self._place())

    def _take_pipes(self, line: str) -> None:
        if _DELIMITER.match(line) and "-" in line:
            self._has_header = len(self._pipes) == 1
            return
        cells = line.strip().removeprefix("|").removesuffix("|").replace("\\|", "\x00").split("|")
        self._pipes.append([_plain(cell.replace("\x00", "|")) for cell in cells])

    def _take_tabular(self, line: str) -> Iterator[Block]:
        if self._tabular is None:
            yield from self._flush()
            self._tabular = []
            begun = _TABULAR.search(line)
            # The columns of the table follow in braces.
            line = re.sub(r"\A(?:\{[^{}]{0,200}\}){0,2}", "", line[begun.end() :]) if begun else line
        ended = _TABULAR.search(line)
        self._tabular.append(line[: ended.start()] if ended else line)
        if ended:
            yield from self._end_tabular()

    def _end_tabular(self) -> Iterator[Block]:
        source = _RULE.sub(" ", "\n".join(self._tabular or ()))
        self._tabular = None
        rows = [_read_tabular_row(row) for row in re.split(r"\\\\|\\tabularnewline", source)]
        yield from html_table.blocks([row for row in rows if row.cells], self._place(), self._copies)

    def _flush(self) -> Iterator[Block]:
        yield from self._flush_paragraph()
        yield from self._flush_pipes()

    def _flush_paragraph(self) -> Iterator[Block]:
        text = ""
        for line in filter(None, self._paragraph):
            is_wide = not text or text[-1] >= _CJK_START or line[0] >= _CJK_START
            text += line if is_wide else f" {line}"
        self._paragraph.clear()
        if text:
            yield self._block(text, BlockKind.TEXT)

    def _flush_pipes(self) -> Iterator[Block]:
        grid, self._pipes = self._pipes, []
        if grid:
            for row in table.render(grid, header_rows=1 if self._has_header else None):
                yield row.block(self._place())
        self._has_header = False

    def _block(self, text: str, kind: BlockKind) -> Block:
        return Block(text, self._place(), kind=kind)

    def _place(self) -> Location:
        return replace(self._location, headings=(*self._location.headings, *self._outline.path))


def _read_tabular_row(source: str) -> html_table.Row:
    cells: list[html_table.Cell] = []
    for part in source.replace("\\&", "\x00").split("&"):
        spanned = _MULTICOLUMN.search(part)
        columns = int(spanned[1]) if spanned and "multicolumn" in part else 1
        text = _plain((spanned[2] if spanned else part).replace("\x00", "&"))
        cells.append(html_table.Cell(text, columns=columns or 1))
    return html_table.Row(cells if len(cells) > 1 or cells[0].text else [])
