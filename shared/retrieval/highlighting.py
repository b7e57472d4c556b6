"""The stretches of a chunk's text that match a query, to be highlighted.

Words count whatever their case and light inflection, numbers as a whole, Chinese, which has no spaces, by runs of at
least two characters that query and chunk share. Words that say nothing about the subject do not count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.language.stemming import stem
from shared.language.stopwords import FILLER_WORDS, STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

# Chinese; a number with its points and colons; a word, which may hold digits.
_CHINESE = "[\u3400-\u9fff]"
_LETTER = r"[^\W_\u3400-\u9fff]"
_TOKEN = re.compile(rf"({_CHINESE}+)|\d+(?:[.,:]\d+)+|{_LETTER}+")
_CHINESE_TEXT = re.compile(f"{_CHINESE}{{2,}}")
_INSIDE_NUMBERS = frozenset(".,:")
_STOPS = frozenset((*STOP_WORDS, *FILLER_WORDS))
_STOP_CHARACTERS = "".join(stop for stop in STOP_WORDS if len(stop) == 1)
# Of those, the ones that begin or end no word.
_PARTICLES = "的了着吗呢吧啊"


class Highlighter:
    """Finds the words of one query in any number of chunks."""

    def __init__(self, query: str) -> None:
        self._wanted: set[str] = set()
        self._pairs: set[str] = set()
        for match in _TOKEN.finditer(_lower(query)):
            if match.group(1):
                self._pairs.update(_pairs(match.group()))
            elif match.group() not in _STOPS and not _lone_letter(match.group()):
                self._wanted.add(stem(match.group()))
        # Most of a chunk matches no beginning; the y of a stem may have become an i.
        beginnings = _any_of({wanted.removesuffix("y") or wanted for wanted in self._wanted})
        self._beginnings = re.compile(beginnings) if beginnings else None

    def find(self, text: str) -> list[tuple[int, int]]:
        """The stretches of ``text``, in order and without overlap, as start and exclusive end."""
        lower = _lower(text)
        found: list[tuple[int, int]] = []
        for start, end in sorted([*self._words(lower), *self._runs(lower)]):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], end)
            else:
                found.append((start, end))
        return found

    def _words(self, text: str) -> Iterator[tuple[int, int]]:
        for match in self._beginnings.finditer(text) if self._beginnings else ():
            start = match.start()
            token = None if _within(text, start) else _TOKEN.match(text, start)
            if token and stem(token.group()) in self._wanted:
                yield token.span()

    def _runs(self, text: str) -> Iterator[tuple[int, int]]:
        for match in _CHINESE_TEXT.finditer(text) if self._pairs else ():
            chinese, offset, place = match.group(), match.start(), 0
            while place < len(chinese) - 1:
                start = place
                while chinese[place : place + 2] in self._pairs:
                    place += 1
                # The pairs of a run overlap: the last one reaches a character further.
                if place > start and (run := _trim(chinese[start : place + 1])):
                    begin = offset + chinese.index(run, start)
                    yield begin, begin + len(run)
                place += 1


def _lone_letter(word: str) -> bool:
    """Whether a word is one Latin letter, such as I, which nearly every other word holds."""
    return len(word) == 1 and word.isascii() and word.isalpha()


def _within(text: str, start: int) -> bool:
    """Whether ``start`` lies inside a word or a number."""
    before = text[start - 1] if start else ""
    if before.isalnum():
        return not _CHINESE_TEXT.match(before + before)
    return before in _INSIDE_NUMBERS and start > 1 and text[start - 2].isdecimal()


def _any_of(texts: set[str]) -> str:
    return "|".join(map(re.escape, sorted(texts)))


def _lower(text: str) -> str:
    """``text`` in lower case with every character in its place; a few would become two."""
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(character.lower() if len(character.lower()) == 1 else character for character in text)


def _pairs(chinese: str) -> Iterator[str]:
    for stop in _LONG_STOPS:
        chinese = chinese.replace(stop, " ")
    for part in chinese.split():
        yield from (part[i : i + 2] for i in range(len(part) - 1))


def _trim(run: str) -> str:
    """``run`` without particles at its ends; nothing, if two characters that mean something do not remain."""
    return run.strip(_PARTICLES) if len(run.strip(_STOP_CHARACTERS)) > 1 else ""


_LONG_STOPS = sorted((stop for stop in _STOPS if len(stop) > 1 and not stop.isascii()), key=len, reverse=True)
