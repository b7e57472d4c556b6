"""The stretches of a chunk's text that match a query, to be highlighted.

Words count whatever their case, accents and light inflection, numbers as a whole, Chinese and other scripts
without spaces by runs of at least two characters that query and chunk share. What is written in another way
counts too: 1,280.50 for 1280.5, 2026年5月8日 for 2026-05-08, max_retry_count for maxRetryCount. Words that say
nothing about the subject do not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.language.analysis import DENSE
from shared.language.joined import SPACED_HAN
from shared.language.normalizing import normalize_in_place
from shared.language.stemming import stem
from shared.language.stopwords import FILLER_WORDS, STOP_WORDS
from shared.retrieval.forms import Kind, find_forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.retrieval.forms import Form

# A script without spaces; a number with its points and colons; a word, which may hold digits.
_TOKEN = re.compile(rf"([{DENSE}]+)|\d+(?:[.,:]\d+)+|[^\W_{DENSE}]+")
_DENSE_TEXT = re.compile(f"[{DENSE}]{{2,}}")
# Words of an identifier, letters apart from digits: maxRetryCount, SO2026.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\dA-Za-z_]+")
_SIMPLE = re.compile(r"[A-Za-z]?[a-z]*\Z|[A-Z]+\Z|\d+\Z")
_INSIDE_NUMBERS = frozenset(".,:")
_STOPS = frozenset((*STOP_WORDS, *FILLER_WORDS))
_STOP_CHARACTERS = "".join(stop for stop in STOP_WORDS if len(stop) == 1)
# Of those, the ones that begin or end no word.
_PARTICLES = "的了着吗呢吧啊"


class Highlighter:
    """Finds the words of one query in any number of chunks."""

    def __init__(self, query: str) -> None:
        text = SPACED_HAN.sub(lambda spaced: spaced.group().replace(" ", ""), normalize_in_place(query)[0])
        forms = list(find_forms(text))
        self._forms = {key for form in forms for key in form.keys} - _STOPS
        self._wanted: set[str] = {key for key in self._forms if key.isalpha() or key.isdecimal()}
        self._pairs: set[str] = set()
        runs: list[str] = []
        for match in _TOKEN.finditer(text):
            word = match.group().lower()
            if match.group(1):
                runs.append(word)
                self._pairs.update(_pairs(word))
            elif not (word in _STOPS or _is_lone_letter(word) or _is_part(match, forms)):
                self._wanted.add(stem(word))
        if not (self._wanted or self._pairs or runs):
            self._wanted = {word.lower() for word in text.split() if _is_lone_letter(word)}
        self._forms |= self._wanted
        self._kinds = {form.kind for form in forms} | {Kind.COMPOUND}
        # Stretches of words that were seen: the chunks of an answer have most words in common.
        self._known: dict[str, tuple[tuple[int, int], ...]] = {}
        # A query of single characters has no pairs.
        is_single = not self._forms and not self._pairs and all(len(run) == 1 for run in runs)
        self._characters = "".join(runs) if is_single else ""

    def find(self, text: str) -> list[tuple[int, int]]:
        """The stretches of ``text``, in order and without overlap, as start and exclusive end."""
        plain, places = normalize_in_place(text)
        stretches = [*self._find_words(plain), *self._find_forms(plain), *self._find_runs(plain)]
        found: list[tuple[int, int]] = []
        for start, end in sorted(stretches):
            if found and start <= found[-1][1]:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            else:
                found.append((start, end))
        return found if places is None else list(_join(_restore(found, places, len(text))))

    def _find_words(self, text: str) -> Iterator[tuple[int, int]]:
        known = self._known
        for match in _TOKEN.finditer(text) if self._wanted else ():
            word = match.group()
            spans = known.get(word)
            if spans is None:
                spans = known[word] = tuple(self._match_word(word))
            if spans and not _is_within_number(text, match.start()):
                yield from ((match.start() + start, match.start() + end) for start, end in spans)

    def _match_word(self, word: str) -> Iterator[tuple[int, int]]:
        """The stretches of a word that match: all of it, or words of an identifier."""
        if stem(word.lower()) in self._wanted:
            yield 0, len(word)
        elif not _SIMPLE.match(word):
            for part in _PART.finditer(word):
                if len(part.group()) > 1 and stem(part.group().lower()) in self._wanted:
                    yield part.span()

    def _find_forms(self, text: str) -> Iterator[tuple[int, int]]:
        """What is written in another way, each once: a number alone or with its unit."""
        marked = -1
        for form in find_forms(text, self._kinds) if self._forms else ():
            if form.start != marked and not self._forms.isdisjoint(form.wholes):
                marked = form.start
                yield form.start, form.end

    def _find_runs(self, text: str) -> Iterator[tuple[int, int]]:
        if self._characters:
            yield from ((place, place + 1) for place, one in enumerate(text) if one in self._characters)
        for spaced in SPACED_HAN.finditer(text) if self._pairs else ():
            if not self._pairs.isdisjoint(_pairs(spaced.group().replace(" ", ""))):
                yield spaced.span()
        for match in _DENSE_TEXT.finditer(text) if self._pairs else ():
            run, offset, place = match.group(), match.start(), 0
            while place < len(run) - 1:
                start = place
                while run[place : place + 2] in self._pairs:
                    place += 1
                # The pairs of a run overlap: the last one reaches a character further.
                if place > start and (shared := _trim(run[start : place + 1])):
                    begin = offset + run.index(shared, start)
                    yield begin, begin + len(shared)
                place += 1


def _restore(found: Iterable[tuple[int, int]], places: list[int], length: int) -> Iterator[tuple[int, int]]:
    """Stretches of a normalised text in the original one, each with the marks that belong to its last character."""
    for start, end in found:
        last = places[end - 1] + 1
        yield places[start], max(last, places[end] if end < len(places) else length)


def _join(found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Stretches, those that touch as one."""
    held: tuple[int, int] | None = None
    for start, end in found:
        if held and start <= held[1]:
            held = (held[0], max(held[1], end))
        else:
            if held:
                yield held
            held = (start, end)
    if held:
        yield held


def _is_lone_letter(word: str) -> bool:
    """Whether a word is one Latin letter, such as I, which nearly every other word holds."""
    return len(word) == 1 and word.isascii() and word.isalpha()


def _is_part(word: re.Match[str], forms: Sequence[Form]) -> bool:
    """Whether a word of a query is a part of something longer that is looked for as a whole."""
    start, end = word.span()
    around = [form for form in forms if form.is_one and form.start <= start and end <= form.end]
    return any(form.end - form.start > end - start for form in around)


def _is_within_number(text: str, start: int) -> bool:
    """Whether ``start`` follows the point of a number: the 40 of v2.40."""
    return start > 1 and text[start - 1] in _INSIDE_NUMBERS and text[start].isdecimal() and text[start - 2].isdecimal()


def _pairs(run: str) -> Iterator[str]:
    for stop in _LONG_STOPS:
        run = run.replace(stop, " ")
    for part in run.split():
        yield from (part[i : i + 2] for i in range(len(part) - 1))


def _trim(run: str) -> str:
    """``run`` without particles at its ends; nothing, if two characters that mean something do not remain."""
    return run.strip(_PARTICLES) if len(run.strip(_STOP_CHARACTERS)) > 1 else ""


_LONG_STOPS = sorted((stop for stop in _STOPS if len(stop) > 1 and not stop.isascii()), key=len, reverse=True)
