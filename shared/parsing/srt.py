"""Subtitles (srt, vtt) joined to sentences, each stretch after the time it begins, ``[00:01:20]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.domain.models import Block, BlockKind, Location, ParsedDocument
from shared.parsing.cue import Cue, read_cues
from shared.parsing.encoding import lines
from shared.parsing.prose import join_all
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_SENTENCE_END = re.compile(r"[.!?。！？…][\"'”’」』)）]{0,3}\Z")
_MOST_SCROLLED_LINES = 4
# A stretch ends with a sentence from this size on, with a pause of so many seconds, and at this size anywhere.
_ENOUGH_CHARACTERS, _PAUSE_SECONDS, _MOST_CHARACTERS = 120, 8, 600


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The subtitles of a file; ``row`` counts them.

    Raises:
        DocumentError: ``format_mismatch``.
    """
    cues = read_cues(lines(path, limits.max_block_characters, cut=True))
    first = next(cues, None)
    if first is None:
        raise refuse("format_mismatch", "The name says that these are subtitles, but the file holds no times.")
    return ParsedDocument("", _blocks(first, cues))


def _blocks(first: Cue, cues: Iterator[Cue]) -> Iterator[Block]:
    group = [first]
    size = _size(first)
    above = [*map(_squeeze, first.lines)]
    for cue in cues:
        shown = [*map(_squeeze, cue.lines)]
        cue.lines = cue.lines[_count_repeated(above, shown) :]
        above = shown
        if _is_ended(group, size, cue):
            yield from _show(group)
            group, size = [], 0
        group.append(cue)
        size += _size(cue)
    yield from _show(group)


def _squeeze(line: str) -> str:
    return " ".join(line.split())


def _count_repeated(above: list[str], shown: list[str]) -> int:
    """How many lines of a subtitle scrolled up from the one before: live captions show each line twice or more."""
    most = min(len(above), len(shown), _MOST_SCROLLED_LINES)
    return next((count for count in range(most, 0, -1) if above[-count:] == shown[:count]), 0)


def _size(cue: Cue) -> int:
    return sum(map(len, cue.lines))


def _is_ended(group: list[Cue], size: int, cue: Cue) -> bool:
    if not size:
        return False
    if size + _size(cue) > _MOST_CHARACTERS or cue.start - group[-1].end > _PAUSE_SECONDS:
        return True
    last = group[-1].lines[-1:] or [""]
    return size >= _ENOUGH_CHARACTERS and _SENTENCE_END.search(last[0].rstrip()) is not None


def _show(group: list[Cue]) -> Iterator[Block]:
    text = join_all([line for cue in group for line in cue.lines])
    if text.strip():
        start = group[0].start
        shown = f"[{start // 3600:02}:{start // 60 % 60:02}:{start % 60:02}] {text}"
        yield Block(shown, Location(row=group[0].row), kind=BlockKind.ITEM)
