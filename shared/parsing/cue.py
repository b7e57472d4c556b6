"""The single subtitles of a file (srt, vtt): their times and lines, without markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TIME = r"(?:([0-9]{1,4}):)?([0-9]{1,2}):([0-9]{2})[.,][0-9]{1,3}"
_TIMES = re.compile(rf"\s{{0,20}}{_TIME}\s{{1,20}}-->\s{{1,20}}{_TIME}")
_SPEAKER = re.compile(r"<v(?:\.[^\s>]{1,50})?\s([^<>]{1,100})>")
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]{0,200}\}")


class Cue(Struct):
    """A subtitle: when it is shown, in seconds, its number and its lines."""

    start: int
    end: int
    row: int
    lines: list[str] = []


def read_cues(found: Iterable[str]) -> Iterator[Cue]:
    """The subtitles in the lines of a file; what stands before the first time is left out."""
    cue: Cue | None = None
    count = 0
    for line in found:
        if match := _TIMES.match(line):
            if cue is not None:
                yield cue
            count += 1
            cue = Cue(_seconds(match, 1), _seconds(match, 4), count)
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
