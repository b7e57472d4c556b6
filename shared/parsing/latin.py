"""Which single-byte encoding a text in Latin letters is in: the one whose letters are those of one language.

Western, Central European, Turkish and Baltic code pages have letters at the same bytes. Read in the wrong one, a text
shows letters that no language has together.
"""

from __future__ import annotations

import re

# Letters beyond ASCII in the languages of each encoding; small ones stand for capital ones too.
_LANGUAGES = {
    "cp1252": (
        *("àâæçéèêëîïôœùûüÿ", "äöüß", "áéíóúüñªº", "áâãàçéêíóôõúªº", "àèéìíòóù", "åäöæøéü", "áðéíóúýþæö", "éëïöüèêá"),
        *("àçèéíïòóúü·", "áéíóúë"),
    ),
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž", "äöüß", "čšž"),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž", "čšž"),
    "cp1254": ("çğıöşüâîûi\u0307",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž"),
}
# Chinese and other characters of two bytes come in longer runs.
_LONGEST_RUN = 3
_FOREIGN_RUN = re.compile("[^\x00-\x7f]+")
_SINGLE_SIGNS = "’‘“”„‚–—…«»€§°·•\u00a0"
_FEWEST_LETTERS = 3
# The letters of a language must be so many of all, and so many more than those of a western one.
_CONVINCING, _MARGIN = 0.9, 0.1


def choose(sample: bytes) -> str:
    """The encoding of ``sample``, or empty where it is none of these or nothing tells."""
    if _has_no_latin_words(sample):
        return ""
    scores = {encoding: _score(sample, encoding) for encoding in _LANGUAGES}
    best = max(scores, key=lambda encoding: scores[encoding])
    return best if scores[best] >= _CONVINCING and scores[best] > scores["cp1252"] + _MARGIN else ""


def _has_no_latin_words(sample: bytes) -> bool:
    """Whether most letters beyond ASCII stand apart from ASCII ones, as in words of another script."""
    text = sample.decode("latin-1")
    runs = beside = 0
    for match in _FOREIGN_RUN.finditer(text):
        around = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
        runs += 1
        beside += len(match[0]) <= _LONGEST_RUN and any(map(str.isalpha, around))
    return beside * 2 <= runs


def _score(sample: bytes, encoding: str) -> float:
    """The share of the letters beyond ASCII that the best fitting language has."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    foreign = [character for character in text.lower() if character > "\x7f" and character not in _SINGLE_SIGNS]
    if len(foreign) < _FEWEST_LETTERS:
        return 0.0
    return max(sum(map(letters.__contains__, foreign)) for letters in _LANGUAGES[encoding]) / len(foreign)
