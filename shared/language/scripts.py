"""In which script without spaces a text is written, by its beginning."""

from __future__ import annotations

import re
from functools import lru_cache

from shared.language.analysis import is_dense

_LOOKED_AT = 100
# Japanese has kana between its Han characters, and Chinese may quote one; the others stand alone.
_KANA = re.compile("[\u3040-\u30ff]")
_KANA_SHARE = 0.1
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
_OTHERS = {
    "hangul": re.compile("[\uac00-\ud7a3]"),
    "thai": re.compile("[\u0e00-\u0e7f]"),
    "lao": re.compile("[\u0e80-\u0eff]"),
    "myanmar": re.compile("[\u1000-\u109f]"),
    "khmer": re.compile("[\u1780-\u17ff]"),
}


def find_script(text: str) -> str:
    """The name of the script, ``han`` for Chinese and ``kana`` for Japanese; empty for texts with spaces."""
    return _find_script(text[:_LOOKED_AT])


# Queries find the same chunks again.
@lru_cache(maxsize=4_096)
def _find_script(beginning: str) -> str:
    if not is_dense(beginning):
        return ""
    kana, han = len(_KANA.findall(beginning)), len(_HAN.findall(beginning))
    counts = {name: len(script.findall(beginning)) for name, script in _OTHERS.items()}
    if kana > _KANA_SHARE * (kana + han):
        counts["kana"] = kana + han
    else:
        counts["han"] = han
    return max(counts, key=lambda name: counts[name])
