"""Light stemming of English: what a word shares with its plural, its past and its -ing; names and codes stay whole.

British and American spellings have one stem (`shared.language.spelling`), and so have irregular verbs and plurals that
are no other word as well.
"""

from __future__ import annotations

import re
from functools import lru_cache

from shared.language.spelling import americanize

_MIN_STEM = 3
_SHORT = 4
# Plurals that no ending tells, by their singular.
_PLURALS = """
child children, man men, woman women, mouse mice, foot feet, tooth teeth, goose geese, ox oxen, leaf leaves, shelf
shelves, knife knives, half halves, loaf loaves, wolf wolves, wife wives, calf calves, scarf scarves, thief thieves,
elf elves, index indices, vertex vertices, matrix matrices, appendix appendices, criterion criteria, phenomenon
phenomena, cactus cacti, fungus fungi, nucleus nuclei, radius radii, stimulus stimuli, lens lens lenses, menu menu
menus, news news,
"""
# Forms of verbs that are no other words: found, left, felt and saw are, too.
_VERBS = """
become became, begin began begun, bite bit bitten, bleed bled, blow blew blown, break broke broken, breed bred, bring
brought, build built, buy bought, catch caught, choose chose chosen, deal dealt, die dying, draw drew drawn, drink
drank drunk, drive drove driven, eat ate eaten, fall fell fallen, feed fed, fight fought, fly flew flown, forget
forgot forgotten, freeze froze frozen, give gave given, go goes going gone went, grow grew grown, hide hid hidden,
hold held, keep kept, know knew known, lend lent, lie lying, lose lost, make made, meet met, pay paid, ride rode
ridden, rise rose risen, run ran, say said, seek sought, sell sold, send sent, shake shook shaken, show shown, sing
sang sung, sink sank sunk, sleep slept, speak spoke spoken, spend spent, steal stole stolen, stick stuck, strike
struck, sweep swept, swim swam swum, take took taken, teach taught, tear tore torn, tell told, think thought, throw
threw thrown, tie tying, understand understood, use used using, wake woke woken, wear wore worn, win won, withdraw
withdrew withdrawn, write wrote written
"""
_WHOLE = frozenset({"lens", "news", "menu"})
_CACHED_STEMS = 20_000
_VOWEL = re.compile("[aeiou]|(?<=.)y")


@lru_cache(_CACHED_STEMS)
def stem(word: str) -> str:
    """The stem of a word in lower case; a word with digits is returned as it is."""
    if not word.isalpha():
        return word
    return _IRREGULAR.get(word) or americanize(_drop_endings(word))


def _drop_endings(word: str) -> str:
    if word.endswith("sis"):
        return word[:-2]  # analysis, analyses
    singular = _drop_plural(word)
    # The e of a plural may belong to the word: hinges, syringes.
    word = singular if singular == word[:-2] else _drop_tense(singular)
    if len(word) > _MIN_STEM:
        word = word.removesuffix("e")
    if len(word) <= _MIN_STEM:
        return word
    if word[-1] == "y" and word[-2] not in "aeiou":
        return f"{word[:-1]}i"  # battery, batteries; movie, movies
    return word[:-1] if word[-1] == word[-2] else word


def _drop_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > _SHORT:
        return f"{word[:-3]}y"
    if word.endswith(("ss", "us")) and not word.endswith("aus"):
        return word  # focus, focuses
    for ending in ("s",) if word.endswith("ees") else ("es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            return word.removesuffix(ending)
    return word


def _drop_tense(word: str) -> str:
    if word.endswith("ied"):
        return f"{word[:-3]}y" if len(word) > _SHORT else word[:-1]  # studied, tied
    if word.endswith("eed"):
        is_past = _VOWEL.search(word[:-3]) and not word.endswith("ceed")  # agreed, but not need and exceed
        return word[:-1] if is_past else word
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        # A stem has a vowel: string, spring.
        if base != word and len(base) >= _MIN_STEM and _VOWEL.search(base):
            return base
    return word


_IRREGULAR: dict[str, str] = {
    form: base if base in _WHOLE else americanize(_drop_endings(base))
    for group in f"{_PLURALS}{_VERBS}".strip().split(",")
    for base, *forms in [group.split()]
    for form in forms
}
