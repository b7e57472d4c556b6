"""Running text: joining hard-wrapped lines in Chinese and English, and cutting what is too long."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Text is not wrapped wider by hand: a longer line is a whole paragraph. In columns, a Chinese character taking two.
WIDEST_WRAPPED_COLUMNS = 120
# Text is not wrapped narrower either: such lines are a list, an address, a poem.
_NARROWEST_WRAPPED_COLUMNS = 32
# A wrapped line ends where the next word did not fit; one that leaves more of the width empty ended on purpose.
_FILLED = 0.75

_WIDE = r"\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef\U00020000-\U0003ffff"
_ENDS_WIDE = re.compile(rf"[{_WIDE}“”‘’—…·]$")
_STARTS_WIDE = re.compile(rf"[{_WIDE}“”‘’—…·]")
_MARKER = re.compile(
    r"\A\s*(?:[-*+•●▪◦‣·–—]\s|\(?[0-9]{1,3}[.)、．]\s?(?![0-9])|[（(]?[一二三四五六七八九十百]{1,4}[、)）.]"
    r"|第[0-9一二三四五六七八九十百千]{1,6}[章节条篇部回]|\[|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ])"
)
_LOG_RECORD = re.compile(
    r"\s{0,8}[\[(<]?(?:[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}|[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"|[A-Z][a-z]{2} {1,2}[0-9]{1,2} [0-9]{2}:|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b)"
)
_INDENT = re.compile(r"\u3000|\t| {4}")
_SENTENCE_END = re.compile(r"[。！？；!?…]+[”’」』）)]*|[.;][”’\"')]*(?=\s)|\n")
_ENDS_SENTENCE = re.compile(r"[。！？；!?.;:：](?=\s{0,100}\Z)")
_HYPHENATED = re.compile(r"[a-z]{2}-$")


def columns(line: str) -> int:
    """Width of ``line`` on a fixed grid, East Asian wide characters taking two columns.

    A line wider than any wrapped one is not counted: that would cost more than reading it.
    """
    if line.isascii() or len(line) > WIDEST_WRAPPED_COLUMNS:
        return len(line)
    return len(line) + sum(1 for character in line if east_asian_width(character) in "WF")


def starts_item(line: str) -> bool:
    """Whether ``line`` begins a list item, a numbered section or a log record, which nothing before it runs into."""
    return _MARKER.match(line) is not None


def join_all(lines: Sequence[str]) -> str:
    """The wrapped lines of one paragraph as one line: a space between words, none beside a Chinese character."""
    parts: list[str] = []
    for line in lines:
        stripped = line.strip()
        if parts and stripped:
            parts[-1], glue = _seam(parts[-1], stripped)
            parts.append(glue)
        if stripped:
            parts.append(stripped)
    return "".join(parts)


def _seam(first: str, second: str) -> tuple[str, str]:
    """How ``first`` ends and what stands between it and ``second`` once they are one line."""
    if _ENDS_WIDE.search(first[-1:]) or _STARTS_WIDE.match(second):
        return first, ""
    if _HYPHENATED.search(first[-3:]) and second[:1].islower():
        return first[:-1], ""
    return first, " "


def unwrap(lines: Sequence[str]) -> list[str]:
    """The paragraphs and lines that ``lines`` were before they were wrapped to a width.

    A line goes on in the next one when it fills the width and the next starts neither an item nor an indent.
    """
    full = max((columns(line.rstrip()) for line in lines), default=0)
    # Lines that all end a sentence are sentences, and records of a log may be of one width.
    wrapped = _NARROWEST_WRAPPED_COLUMNS <= full <= WIDEST_WRAPPED_COLUMNS and not all(
        map(_ENDS_SENTENCE.search, lines)
    )
    groups: list[list[str]] = []
    goes_on = False
    for line in lines:
        if goes_on and not _INDENT.match(line) and not starts_item(line):
            groups[-1].append(line)
        else:
            groups.append([line])
        goes_on = wrapped and columns(line.rstrip()) >= _FILLED * full and not _LOG_RECORD.match(line)
    return [joined for group in groups if (joined := join_all(group))]


def pieces(text: str, longest: int) -> Iterator[str]:
    """``text`` in stretches of at most ``longest`` characters, cut after a sentence, else a space, else anywhere."""
    start = 0
    while len(text) - start > longest:
        window = text[start : start + longest]
        cut = _cut(window)
        yield window[:cut]
        start += cut
    if start < len(text):
        yield text[start:]


def _cut(window: str) -> int:
    """Where to end a stretch of text that must not be longer than ``window``."""
    tail = len(window) * 3 // 4
    end = 0
    for match in _SENTENCE_END.finditer(window, tail):
        end = match.end()
    return end or window.rfind(" ", tail) + 1 or len(window)
