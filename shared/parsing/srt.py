"""Subtitles (srt, vtt) joined to sentences, each stretch after the time it begins, ``[00:01:20]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.models import Block, BlockKind, Location, ParsedDocument
from shared.parsing.encoding import lines
from shared.parsing.prose import join_all
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_TIME = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{2})[.,][0-9]{1,3}"
_TIMES = re.compile(rf"\s{{0,20}}{_TIME}\s{{1,20}}-->\s{{1,20}}{_TIME}")
_SPEAKER = re.compile(r"<v(?:\.[^\s>]{1,50})?\s([^<>]{1,100})>")
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]{0,200}\}")
_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’」』)）]{0,3}\Z")
# A stretch ends with a sentence from this size on, with a pause of so many seconds, and at this size anywhere.
_ENOUGH_CHARACTERS, _PAUSE_SECONDS, _MOST_CHARACTERS = 120, 8, 600


class _Cue(Struct):
    """A subtitle: when it is shown, in seconds, its number and its lines."""

    start: int
    end: int
    row: int
    lines: list[str] = []


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The subtitles of a file; ``row`` counts them.

    Raises:
        DocumentError: ``format_mismatch``.
    """
    cues = _cues(lines(path, limits.max_block_characters, cut=True))
    first = next(cues, None)
    if first is None:
        raise refuse("format_mismatch", "The name says that these are subtitles, but the file holds no times.")
    return ParsedDocument("", _blocks(first, cues))


def _cues(found: Iterable[str]) -> Iterator[_Cue]:
    cue: _Cue | None = None
    count = 0
    for line in found:
        if match := _TIMES.match(line):
            if cue is not None:
                yield cue
            count += 1
            cue = _Cue(_seconds(match, 1), _seconds(match, 4), count)
        elif not line.strip():
            if cue is not None and cue.lines:
                yield cue
                cue = None
        elif cue is not None:
            cue.lines.append(_plain(line))
    if cue is not None:
        yield cue


def _seconds(match: re.Match[str], group: int) -> int:
    return int(match[group] or 0) * 3600 + int(match[group + 1]) * 60 + int(match[group + 2])


def _plain(line: str) -> str:
    from html import unescape

    line = _TAG.sub("", _SPEAKER.sub(r"\1: ", line))
    return unescape(line) if "&" in line else line


def _blocks(first: _Cue, cues: Iterator[_Cue]) -> Iterator[Block]:
    group = [first]
    size = _size(first)
    for cue in cues:
        if _is_ended(group, size, cue):
            yield from _show(group)
            group, size = [], 0
        # Live captions repeat the line before in each subtitle.
        if group and cue.lines[:1] == group[-1].lines[-1:]:
            cue.lines = cue.lines[1:]
        group.append(cue)
        size += _size(cue)
    yield from _show(group)


def _size(cue: _Cue) -> int:
    return sum(map(len, cue.lines))


def _is_ended(group: list[_Cue], size: int, cue: _Cue) -> bool:
    if not size:
        return False
    if size + _size(cue) > _MOST_CHARACTERS or cue.start - group[-1].end > _PAUSE_SECONDS:
        return True
    last = group[-1].lines[-1:] or [""]
    return size >= _ENOUGH_CHARACTERS and _SENTENCE_END.search(last[0].rstrip()) is not None


def _show(group: list[_Cue]) -> Iterator[Block]:
    text = join_all([line for cue in group for line in cue.lines])
    if text.strip():
        start = group[0].start
        shown = f"[{start // 3600:02}:{start // 60 % 60:02}:{start % 60:02}] {text}"
        yield Block(shown, Location(row=group[0].row), kind=BlockKind.ITEM)
