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
# Blocks of WebVTT that no player shows.
_UNSHOWN = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|\Z)")
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]{0,200}\}")


class Cue(Struct):
    """A subtitle: when it is shown, in seconds, its number and its lines."""

    start: int
    end: int
    row: int
    lines: list[str] = []


def read_cues(found: Iterable[str]) -> Iterator[Cue]:
    """The subtitles in the lines of a file; what stands before the first time is left out.

    A subtitle goes on after an empty line, as in players, up to the number or name above the next time.
    """
    cue: Cue | None = None
    part: list[str] = []
    is_first, is_vtt, count = True, False, 0
    for line in found:
        if match := _TIMES.match(line):
            if cue is not None:
                cue.lines += _plain_lines(_leave_out_name(part, may_be_word=is_vtt and not is_first))
                yield cue
            count += 1
            cue, part, is_first = Cue(_seconds(match, 1), _seconds(match, 4), count), [], True
        elif cue is None:
            is_vtt = is_vtt or line.startswith("WEBVTT")
        elif line.strip():
            part.append(line)
        else:
            cue.lines += _shown_lines(part, may_be_note=is_vtt and not is_first)
            part, is_first = [], False
    if cue is not None:
        cue.lines += _shown_lines(part, may_be_note=is_vtt and not is_first)
        yield cue


def _leave_out_name(part: list[str], *, may_be_word: bool) -> list[str]:
    """The lines above a time without the number of its subtitle, or its name, which stands alone."""
    is_name = bool(part) and (part[-1].strip().isdecimal() or (may_be_word and len(part) == 1))
    return part[:-1] if is_name else part


def _shown_lines(part: list[str], *, may_be_note: bool) -> list[str]:
    return [] if part and may_be_note and _UNSHOWN.match(part[0]) else _plain_lines(part)


def _plain_lines(part: list[str]) -> list[str]:
    return [_plain(line) for line in part]


def _seconds(match: re.Match[str], group: int) -> int:
    return int(match[group] or 0) * 3600 + int(match[group + 1]) * 60 + int(match[group + 2])


def _plain(line: str) -> str:
    from html import unescape

    line = _TAG.sub("", _SPEAKER.sub(r"\1: ", line))
    return unescape(line) if "&" in line else line
