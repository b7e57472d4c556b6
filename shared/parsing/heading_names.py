"""Names of built-in styles that headings and titles have, in the languages of word processors."""

from __future__ import annotations

import re

_HEADING_NAME = re.compile(
    r"(?:heading|标题|標題|überschrift|titre|título|titolo|заголовок|見出し|제목|rubrik|kop|nagłówek|otsikko)"
    r"\s*([1-9])",
    re.IGNORECASE,
)
_TITLE_NAMES = frozenset({"title", "标题", "標題"})


def find_level(name: str) -> int:
    """The heading level that a built-in style's name tells, 0 for none."""
    if name.strip().lower() in _TITLE_NAMES:
        return 1
    match = _HEADING_NAME.fullmatch(name.strip())
    return int(match[1]) if match else 0
