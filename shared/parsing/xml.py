"""XML: documents as headings and paragraphs, data as records, and the XML of Office 2003."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from shared.domain.models import ParsedDocument
from shared.parsing import html, json
from shared.parsing.outline import Outline
from shared.parsing.record import find_title
from shared.parsing.refusing import refuse
from shared.parsing.xml_prose import is_mixed, is_prose, read_prose
from shared.parsing.xml_tree import parse_tree
from shared.parsing.xml_word import WORD_ROOTS, read_word
from shared.parsing.xml_workbook import read_workbook

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.parsing.limits import Limits
    from shared.parsing.xml_tree import Element

_MARKUP: Final = re.compile(r"</[A-Za-z][A-Za-z0-9]{0,15}>|<(?:br|hr|img|p)(?: [^<>]{0,1000})?/?>")


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of an XML file.

    Raises:
        DocumentError: ``too_large``, ``too_deep``, ``broken_file``.
    """
    if path.stat().st_size > 2 * limits.max_whole_bytes:
        raise refuse("too_large", f"A file of this format may have at most {limits.max_whole_bytes >> 19} MiB.")
    warnings: list[str] = []
    root = parse_tree(path, limits, warnings)
    if root.name == "html":
        return html.parse(path, limits)
    if root.name == "Workbook" and any(child.name == "Worksheet" for child in root.children):
        return ParsedDocument("", read_workbook(root), warnings=warnings)
    if root.name in WORD_ROOTS:
        return ParsedDocument("", read_word(root, limits), warnings=warnings)
    if is_prose(root):
        return ParsedDocument("", read_prose(root), warnings=warnings)
    value = _value(root, partial(_read_text, limits=limits, warnings=warnings))
    value = value if isinstance(value, dict) else {root.name: value}
    return ParsedDocument(find_title(value), json.read(value, limits, warnings), warnings=warnings)


def _value(element: Element, read_text: Callable[[str], str]) -> object:
    """An element as JSON would have it: names repeated become lists, attributes fields."""
    if not element.children and not element.attributes:
        return read_text(element.text)
    found: dict[str, object] = dict(element.attributes)
    if is_mixed(element):
        text = " ".join(element.whole_text().split())
        return {**found, "text": text} if found else text
    grouped: dict[str, list[object]] = {}
    for child in element.children:
        grouped.setdefault(child.name, []).append(_value(child, read_text))
    for name, values in grouped.items():
        found[name] = values[0] if len(values) == 1 else values
    if text := read_text(element.text):
        found["text"] = text
    return found


def _read_text(text: str, limits: Limits, warnings: list[str]) -> str:
    """The text of an element; where that is HTML, as feeds have it, the text that a browser would show."""
    if _MARKUP.search(text):
        return "\n".join(block.text for block in html.read(text, limits, Outline(), warnings))
    return " ".join(text.split())
