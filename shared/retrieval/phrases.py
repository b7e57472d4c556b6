"""Quoted phrases of a query, which ask for a text that holds exactly these words, in whatever characters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.language.analysis import DENSE, is_dense
from shared.language.normalizing import normalize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.models import SearchHit

# Quotation marks of one kind, with something between them that is no quotation mark.
_QUOTED = re.compile(
    r'"([^"“”]{2,200})"|“([^"“”]{2,200})”|„([^"„“”]{2,200})[“”]|«([^«»]{2,200})»|「([^「」]{2,200})」|『([^『』]{2,200})』'
    r"|＂([^＂]{2,200})＂|〝([^〝〞]{2,200})〞"
)
_MOST_PHRASES = 5
# Of scripts without spaces nothing but punctuation was between two words.
_GAP = re.compile(rf"(?<=[{DENSE}]) | (?=[{DENSE}])")
_WORD = re.compile(r"\w+")
# Apostrophes, and commas between the digits of one number.
_WITHIN = re.compile(r"'|(?<=\d),(?=\d{3}(?!\d))")


def find_phrases(query: str) -> tuple[str, ...]:
    """The quoted phrases of ``query``, whatever their case and spaces."""
    found = (next(filter(None, match.groups())) for match in _QUOTED.finditer(query))
    return tuple(filter(None, map(_reduce, found)))[:_MOST_PHRASES]


def prefer_phrases(phrases: Sequence[str], hits: Sequence[SearchHit]) -> list[SearchHit]:
    """Put hits that hold more of the phrases first, of these the ones that hold them with the same punctuation; hits
    that were read in brief, without a text, follow.
    """
    if not phrases:
        return list(hits)
    wanted = [(phrase, _loosen(phrase)) for phrase in phrases]
    return sorted(hits, key=lambda hit: _count(wanted, hit), reverse=True)


def _count(phrases: Sequence[tuple[str, str]], hit: SearchHit) -> tuple[int, int]:
    """How many of the phrases a hit holds in any punctuation, and how many in that of the query."""
    if not hit.text:
        return 0, 0
    text = _reduce(f"{hit.context}\n{hit.text}")
    exact = [_holds(text, phrase) for phrase, _ in phrases]
    if all(exact):
        return len(exact), len(exact)
    held = list(exact)
    likely = [i for i, (_, loose) in enumerate(phrases) if not exact[i] and _may_hold(text, loose)]
    loosened = _loosen(text) if likely else ""
    for i in likely:
        held[i] = _holds(loosened, phrases[i][1])
    return sum(held), sum(exact)


def _may_hold(text: str, phrase: str) -> bool:
    """Whether a text has the words of a phrase that punctuation cannot change, which is faster to find out."""
    plain = (word for word in phrase.split() if word.isascii() and word.isalpha())
    return bool(phrase) and ("'" in text or all(word in text for word in plain))


def _holds(text: str, phrase: str) -> bool:
    """Whether a text holds a phrase and not only longer words: the art of war, but not the party of wars."""
    place = text.find(phrase) if phrase else -1
    while place >= 0:
        end = place + len(phrase)
        if not (_is_word(text[place - 1 : place + 1]) or _is_word(text[end - 1 : end + 1])):
            return True
        place = text.find(phrase, place + 1)
    return False


def _is_word(around: str) -> bool:
    """Whether two characters belong to one word; of scripts without spaces any part may be a phrase."""
    return len(around) > 1 and around.isalnum() and not is_dense(around)


def _reduce(text: str) -> str:
    return " ".join(normalize(text).casefold().split())


def _loosen(text: str) -> str:
    """``text`` without punctuation; empty if that leaves one word, because C# is not C."""
    words = _WORD.findall(_WITHIN.sub("", text))
    if not words or (len(words) == 1 and not is_dense(text)):
        return ""
    joined = " ".join(words)
    return joined if joined.isascii() else _GAP.sub("", joined)
