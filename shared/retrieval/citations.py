"""Which sources each sentence of a written answer cites, and whether those sources were given at all.

Models put numbers into brackets, before or after the end of a sentence: [1], [1][2], [1, 3], [[2]] or 【1】. A number
that names no source was made up: it is taken out and counted.
"""

from __future__ import annotations

import re

from msgspec import Struct

# Digits and separators within one pair of brackets are bounded, so that no text takes long.
_MARK = re.compile(r" ?(?:\[{1,2}|【|［)\^?(\d{1,4}(?: ?[,，、;；] ?\d{1,4}){0,15})(?:\]{1,2}|】|］)")
_NUMBER = re.compile(r"\d+")
# The end of a sentence and what closes it; a point ends one only before a space, and not after a single letter.
_END = re.compile(
    r"(?:[。！？!?…]+|(?<![ .][A-Za-z])(?<!\d)\.(?=[\s\"'”’)\]]|$)|(?<=\d)\.(?=\s+[^\s\d]|$))[\"'”’」』）)*_]*|\n"
)
_CLOSED = ("。", "！", "？", "!", "?", "…", ".", "\n")
_CLOSERS = "\"'”’」』）)*_ "
# What may stand between a mark and the end of its sentence.
_ONLY_PUNCTUATION = re.compile(r"[\s.。!！?？,，;；:：…\"'”’」』）)*_]*")


class Sentence(Struct, frozen=True):
    """A sentence of an answer.

    Attributes:
        sources: numbers of the sources it cites, counted from 1.
    """

    text: str
    sources: tuple[int, ...] = ()


class CitedText(Struct, frozen=True):
    """An answer with checked citations.

    Attributes:
        text: the answer with its marks in one form, such as [1], and without those that named no source.
        dropped: number of marks that named no source.
    """

    text: str
    sentences: tuple[Sentence, ...]
    dropped: int = 0


class _Draft(Struct):
    """A sentence that is being read; ``end`` is the white space after it."""

    text: str = ""
    sources: list[int] = []
    end: str = ""

    @property
    def is_closed(self) -> bool:
        is_quoting = self.text.count("“") > self.text.count("”")
        return self.text.rstrip(_CLOSERS).endswith(_CLOSED) and not is_quoting


def read_citations(text: str, count: int) -> CitedText:
    """Read an answer that may cite ``count`` sources."""
    drafts = [_Draft(sources=[])]
    dropped = 0
    at = 0
    for mark in _MARK.finditer(text):
        _add_text(drafts, text[at : mark.start()])
        at = mark.end()
        numbers = [int(number) for number in _NUMBER.findall(mark[1])]
        known = [number for number in numbers if 1 <= number <= count]
        dropped += len(numbers) - len(known)
        _find_cited(drafts).sources += [number for number in known if number not in _find_cited(drafts).sources]
    _add_text(drafts, text[at:])
    written = [draft for draft in drafts if draft.text.strip()]
    sentences = tuple(Sentence(draft.text.strip(), tuple(draft.sources)) for draft in written)
    return CitedText(_MARK.sub(lambda mark: _write_mark(mark, count), text).strip(), sentences, dropped)


def _write_mark(mark: re.Match[str], count: int) -> str:
    """The mark in its plain form, with the numbers of sources that were given."""
    known = [number for number in map(int, _NUMBER.findall(mark[1])) if 1 <= number <= count]
    space = " " if mark[0].startswith(" ") else ""
    return space + "".join(f"[{number}]" for number in dict.fromkeys(known)) if known else ""


def _find_cited(drafts: list[_Draft]) -> _Draft:
    """The sentence that a mark at this place belongs to: the last one that has words."""
    return next((draft for draft in reversed(drafts) if draft.text.strip()), drafts[-1])


def _add_text(drafts: list[_Draft], text: str) -> None:
    at = 0
    while at < len(text):
        end = _END.search(text, at)
        stop = end.end() if end else len(text)
        _add_part(drafts, text[at:stop])
        at = stop


def _add_part(drafts: list[_Draft], part: str) -> None:
    last = drafts[-1]
    if _ONLY_PUNCTUATION.fullmatch(part):
        if "\n" in part or part.isspace():
            last.end += part
        else:
            last.text += part
        return
    if last.is_closed or "\n" in last.end:
        drafts.append(last := _Draft(sources=[]))
    body = part.rstrip()
    last.text += last.end + body
    last.end = part[len(body) :]
