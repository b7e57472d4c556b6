"""A Markdown file of any size in parts that can be parsed one after another.

A part ends before a heading or a paragraph, not inside a fence, a comment or a list. Where a fence, comment or table
is longer than a part may be, its opening lines are repeated at the top of the next part.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A part ends at the first good place after this size, at any line that is not indented after the second.
SOFT_CHARACTERS = 1 << 13
HARD_CHARACTERS = 1 << 15

_FENCE = re.compile(r"\A(?>(?:[ \t>]|[-*+][ \t]|[0-9]{1,9}[.)][ \t])*)(`{3,}+|~{3,}+)([^`]*)$")
_HEADING = re.compile(r"\A {0,3}#{1,6}(?:[ \t]|$)")
_STARTS_BLOCK = re.compile(r"[^\s\-*+0-9<>|]")
_DELIMITERS = frozenset("|-: \t>")
_CJK = r"\u2e80-\u2fdf\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff"
# As Chinese editors show it; in Latin script "#word" is a tag or a directive, and "#12" an issue.
_NUMBER = rf"[0-9]{{1,4}}(?>(?:[.．、][0-9]{{1,4}})*)(?:[.．、][ \t]*\S|[ \t]*[{_CJK}]|(?<=[.．][0-9])[ \t])"
_UNSPACED_HEADING = re.compile(rf"( {{0,3}})(#{{1,6}})(?=[{_CJK}（【《“]|{_NUMBER}|(?<=##)[A-Z0-9])")
_TAG = re.compile(r"#[^\s#]")
_FOOTNOTE = re.compile(r"\A {0,3}\[\^[^\]\s]{1,100}\]:")
_LABEL = re.compile(r"\A {0,3}\[((?>(?:[^\[\]\\\n]|\\.){1,200}))\]:[ \t]*\S")
_DATA_URI = re.compile(r"data:[a-zA-Z0-9.+-]{1,60}/[a-zA-Z0-9.+-]{1,60}(?:;[a-zA-Z0-9.=_-]{1,60}){0,4};base64,")
_BASE64 = re.compile(r"[A-Za-z0-9+/=_-]+")
_LONGEST_DATA_PREFIX = 400


def without_data(texts: Iterable[str]) -> Iterator[str]:
    """``texts`` without the content of base64 ``data:`` addresses, of which ``data:`` remains."""
    held, inside = "", False
    for text in texts:
        held += text
        kept: list[str] = []
        at = 0
        while at < len(held):
            if inside:
                run = _BASE64.match(held, at)
                at = run.end() if run else at
                inside = at == len(held)
                continue
            match = _DATA_URI.search(held, at)
            if match is None:
                break
            kept += (held[at : match.start()], "data:")
            at, inside = match.end(), True
        # An address may begin at the end of this text and go on in the next.
        rest = held[at:]
        yield "".join(kept) + rest[:-_LONGEST_DATA_PREFIX]
        held = rest[-_LONGEST_DATA_PREFIX:]
    yield held


def labels(lines: Iterable[str]) -> Iterator[str]:
    """Labels of link definitions, which may be in another part than the links that use them."""
    for line in lines:
        if "]:" in line and not _FOOTNOTE.match(line) and (match := _LABEL.match(line)):
            yield match[1]


def parts(lines: Iterable[str]) -> Iterator[str]:
    """The file in parts, each a whole number of lines."""
    state = _State()
    part: list[str] = []
    size = 0
    for line in lines:
        if size >= SOFT_CHARACTERS and state.may_end(line, size):
            yield "\n".join(part)
            part = state.repeated()
            size = sum(map(len, part))
        line = state.follow(line)
        part.append(line)
        size += len(line) + 1
    if part:
        yield "\n".join(part)


class _State:
    """What is open after the lines read so far."""

    def __init__(self) -> None:
        self._fence = ""
        self._fence_line = ""
        self._comment = False
        self._table: list[str] = []
        self._previous = ""

    def may_end(self, line: str, size: int) -> bool:
        """Whether a part of ``size`` characters may end before ``line``."""
        if size >= 2 * HARD_CHARACTERS:
            return True
        if self._fence or self._comment:
            return False
        if size >= HARD_CHARACTERS:
            return line[:1] not in (" ", "\t")
        if _HEADING.match(line):
            return True
        return not self._previous.strip() and _STARTS_BLOCK.match(line) is not None

    def repeated(self) -> list[str]:
        """The lines that open the next part, because what they open goes on there."""
        if self._comment:
            return ["<!--"]
        return [self._fence_line] if self._fence else list(self._table)

    def follow(self, line: str) -> str:
        """Take note of ``line`` and return it as CommonMark expects it."""
        if self._fence:
            bare = line.strip(" \t>")
            if bare.startswith(self._fence) and not bare.strip(self._fence[0]):
                self._fence = ""
        elif self._comment:
            self._comment = "-->" not in line
        else:
            line = self._opened(line)
        self._previous = line
        return line

    def _opened(self, line: str) -> str:
        if (match := _FENCE.match(line)) and (match[1][0] == "`" or match[2] is not None):
            self._fence, self._fence_line = match[1], line
        elif line.lstrip().startswith("<!--") and "-->" not in line:
            self._comment = True
        elif not line.strip():
            self._table = []
        elif "|" in self._previous and "-" in line and _DELIMITERS.issuperset(line) and not self._table:
            self._table = [self._previous, line]
        elif _FOOTNOTE.match(line):
            # As a definition of a link it would vanish where it is one word.
            escaped = line.replace("[", "\\[", 1)
            return f"\n{escaped}" if self._previous.strip() else escaped
        elif _is_heading(line):
            return _UNSPACED_HEADING.sub(r"\1\2 ", line, count=1).rstrip("# ")
        return line


def _is_heading(line: str) -> bool:
    """Whether ``line`` is a heading but for a missing space; ``#标签 #标签`` and ``#话题# text`` are tags."""
    match = _UNSPACED_HEADING.match(line)
    if match is None or len(line) > 300:
        return False
    rest = line[match.end() :]
    if len(match[2]) > 1:
        return True
    return _TAG.search(rest) is None and "#" not in rest.rstrip("#")
