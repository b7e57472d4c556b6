"""Plain text: paragraphs between blank lines, or one to a line where lines are long or indented; underlined titles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import Block, BlockKind, Location, ParsedDocument
from shared.parsing import content_lines
from shared.parsing.encoding import clean, decode, split_lines
from shared.parsing.grid_table import read_grid
from shared.parsing.prose import WIDEST_WRAPPED_COLUMNS, columns, unwrap
from shared.parsing.table import render
from shared.parsing.underlined import UnderlinedTitles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_INDENT = "\u3000"
_PAGE_BREAK = "\x0c"
_CHUNK_BYTES = 1 << 20
_LONGEST_FIRST_LINE = 100
_ITEM = re.compile(
    r"\A\s*(?:[-*+•●▪◦‣·–—]\s|\(?[0-9]{1,3}[.)、．]\s?(?![0-9])|[（(][一二三四五六七八九十]{1,3}[）)]|[a-z][.)]\s)"
)
_QUESTION = re.compile(
    r"\A\s*(?:Q(?:uestion)?[ 0-9]{0,6}|F(?:rage)?[ 0-9]{0,6}|问题?[ 0-9]{0,6}|問題?[ 0-9]{0,6})[:：.、]\s*\S",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"\A\s*(?:A(?:nswer)?[ 0-9]{0,6}|A(?:ntwort)?[ 0-9]{0,6}|答案?[ 0-9]{0,6}|解答[ 0-9]{0,6})[:：.、]\s*\S",
    re.IGNORECASE,
)


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The paragraphs of a text file of any size; a file of one long line comes in pieces."""
    texts = decode(path)
    if content_lines.is_begun(_first_line(texts)):
        return ParsedDocument("", content_lines.read(split_lines(decode(path), limits.max_block_characters, cut=True)))
    has_pages = _has_pages(path)
    return ParsedDocument(
        "", _blocks(decode(path, pages=has_pages, strings=True), limits.max_block_characters, has_pages=has_pages)
    )


def read(text: str, limits: Limits) -> Iterator[Block]:
    """The paragraphs of a text inside another document, as of a file."""
    return _blocks([clean(text)], limits.max_block_characters, has_pages=False)


def _first_line(texts: Iterator[str]) -> str:
    return next(texts, "").lstrip("\n").partition("\n")[0][:_LONGEST_FIRST_LINE]


def _blocks(texts: Iterable[str], longest: int, *, has_pages: bool) -> Iterator[Block]:
    """Blocks of each page; a question and its answer in two paragraphs are one block."""
    asked: Block | None = None
    for block in _paragraphs(texts, longest, 1 if has_pages else None):
        if asked is not None and asked.location == block.location and _ANSWER.match(block.text):
            yield replace(asked, text=f"{asked.text}\n{block.text}")
            asked = None
            continue
        if asked is not None:
            yield asked
        asked = block if block.kind is BlockKind.ROW and "\n" not in block.text else None
        if asked is None:
            yield block
    if asked is not None:
        yield asked


def _paragraphs(texts: Iterable[str], longest: int, page: int | None) -> Iterator[Block]:
    titles = UnderlinedTitles()
    gathered: list[str] = []
    size = 0
    for line in split_lines(texts, longest, cut=True):
        first, *others = line.split(_PAGE_BREAK)
        for number, part in enumerate((first, *others)):
            if not number and (title := titles.take(gathered, part)):
                yield replace(title, location=titles.locate(page))
                gathered, size = [], 0
                continue
            if gathered and (number or not part.strip() or part.startswith(_INDENT) or size + len(part) > longest):
                yield from _shaped(gathered, titles.locate(page))
                gathered, size = [], 0
            page = page + 1 if number and page is not None else page
            if part.strip():
                gathered.append(part)
                size += len(part)
    yield from _shaped(gathered, titles.locate(page))


def _has_pages(path: Path) -> bool:
    """Whether the file holds form feeds, of which the last may only end it."""
    with path.open("rb") as stream:
        while data := stream.read(_CHUNK_BYTES):
            if b"\x0c" in data.rstrip(b"\x0c\r\n\x00 "):
                return True
    return False


def _shaped(gathered: list[str], location: Location) -> Iterator[Block]:
    """The blocks of lines without an empty one between them: drawn tables by row, and what stands around them."""
    rest = gathered
    while True:
        start = next((place for place, line in enumerate(rest) if line.lstrip().startswith("+-")), len(rest))
        end = next((place for place in range(start, len(rest)) if rest[place].lstrip()[:1] not in "+|"), len(rest))
        grid = read_grid("\n".join(rest[start:end]))
        if grid is None:
            break
        yield from _written(rest[:start], location)
        yield from (row.block(location) for row in render(grid[0], header_rows=grid[1]))
        rest = rest[end:]
    yield from _written(rest, location)


def _written(gathered: list[str], location: Location) -> Iterator[Block]:
    """Lines that end on purpose stay lines of one block unless each is a paragraph, an item or an answer."""
    if any(columns(line) > WIDEST_WRAPPED_COLUMNS for line in gathered):
        lines = [line.strip() for line in gathered]
        grouped = _paired(lines) if any(map(_QUESTION.match, lines)) else ([line] for line in lines)
    else:
        lines = [line for run in _runs(gathered) for line in unwrap(run)]
        grouped = _paired(lines) if any(map(_QUESTION.match, lines)) else _items(lines)
    for group in grouped:
        text = "\n".join(group)
        if _QUESTION.match(text):
            yield Block(text, location, kind=BlockKind.ROW, keys=group[0][:200])
        else:
            yield Block(text, location, kind=BlockKind.ITEM if _ITEM.match(text) and len(lines) > 1 else BlockKind.TEXT)


def _runs(lines: list[str]) -> Iterator[list[str]]:
    """The lines up to each that begins a question or an answer, which no line before it runs into."""
    run: list[str] = []
    for line in lines:
        if run and (_QUESTION.match(line) or _ANSWER.match(line)):
            yield run
            run = []
        run.append(line)
    yield run


def _paired(lines: list[str]) -> Iterator[list[str]]:
    """Each question with the lines below it; the lines before the first question together."""
    group: list[str] = []
    for line in lines:
        if _QUESTION.match(line) and group:
            yield group
            group = []
        group.append(line)
    if group:
        yield group


def _items(lines: list[str]) -> Iterator[list[str]]:
    """The items of a list one by one, with their indented lines; lines that are no list together."""
    group: list[str] = []
    if sum(1 for line in lines if _ITEM.match(line)) < 2:
        if lines:
            yield lines
        return
    for line in lines:
        if _ITEM.match(line) and group:
            yield group
            group = []
        group.append(line)
    yield group
