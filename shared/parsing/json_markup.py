"""Strings of JSON that are HTML, as editors and shops store texts: the text that a browser would show."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from shared.parsing.outline import Outline

if TYPE_CHECKING:
    from shared.parsing.limits import Limits

# Paragraphs, lists and the like: tags inside a line (b, br) may be what a text is about, and cost no word.
_ELEMENTS = r"(p|div|h[1-6]|ul|ol|table|blockquote|section|article|body|html)"
_BEGINNINGS: Final = re.compile(rf"<{_ELEMENTS}(?=[\s>])", re.IGNORECASE)
_ENDS: Final = re.compile(rf"</{_ELEMENTS}>", re.IGNORECASE)
# Programs and their explanations show tags on purpose.
_CODE: Final = re.compile(r"```|<\?php|[{{]%|=>|className=|\bfunction\b|&&")


def show_markup(value: Any, limits: Limits, warnings: list[str]) -> Any:
    """``value`` with the text of the strings that are HTML.

    Raises:
        DocumentError: ``too_deep``, ``too_large``.
    """
    if isinstance(value, str):
        return _show(value, limits, warnings) if type(value) is str and "<" in value else value
    if isinstance(value, list):
        return [show_markup(item, limits, warnings) for item in value]
    if isinstance(value, dict):
        return {name: show_markup(field, limits, warnings) for name, field in value.items()}
    return value


def _show(text: str, limits: Limits, warnings: list[str]) -> str:
    if not _is_page(text):
        return text
    # Imported here: few records hold pages.
    from shared.parsing import html

    shown = "\n".join(block.text for block in html.read(text, limits, Outline(), warnings) if not block.picture)
    return shown or text


def _is_page(text: str) -> bool:
    ended = {name.lower() for name in _ENDS.findall(text)}
    if not ended or ended.isdisjoint(name.lower() for name in _BEGINNINGS.findall(text)):
        return False
    return _BEGINNINGS.match(text.lstrip()) is not None or not _CODE.search(text)
