"""XML: documents as headings and paragraphs, data as records, and the XML of Office 2003."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import ParsedDocument
from shared.parsing import html, json
from shared.parsing.outline import Outline
from shared.parsing.record import find_title
from shared.parsing.refusing import refuse
from shared.parsing.xml_office import WORD_ROOTS, read_word, read_workbook
from shared.parsing.xml_tree import Element, parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_TITLES = frozenset({"title", "head", "heading", "label", "h1", "h2", "h3", "h4", "h5", "h6", "term"})
# Elements that only a text has.
_PROSE = frozenset({"p", "para", "simpara", "paragraph", "section", "chapter", "sect1", "topic", "body"})


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of an XML file.

    Raises:
        DocumentError: ``too_large``, ``too_deep``, ``broken_file``.
    """
    if path.stat().st_size > 2 * limits.max_whole_bytes:
        raise refuse("too_large", f"A file of this format may have at most {limits.max_whole_bytes >> 19} MiB.")
    root = parse_tree(path, limits)
    warnings: list[str] = []
    if root.name == "html":
        return html.parse(path, limits)
    if root.name == "Workbook" and any(child.name == "Worksheet" for child in root.children):
        return ParsedDocument("", read_workbook(root))
    if root.name in WORD_ROOTS:
        return ParsedDocument("", read_word(root, limits))
    if _is_prose(root):
        return ParsedDocument("", _document(root))
    value = _value(root)
    value = value if isinstance(value, dict) else {root.name: value}
    return ParsedDocument(find_title(value), json.read(value, limits, warnings), warnings=warnings)


def _is_prose(root: Element) -> bool:
    """Whether text and elements are mixed somewhere, or an element is called as paragraphs are."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.name in _PROSE or (element.children and (element.text.strip() or _has_tails(element))):
            return True
        waiting += element.children
    return False


def _has_tails(element: Element) -> bool:
    return any(child.tail.strip() for child in element.children)


def _value(element: Element) -> object:
    """An element as JSON would have it: names repeated become lists, attributes fields."""
    if not element.children and not element.attributes:
        return " ".join(element.text.split())
    found: dict[str, object] = dict(element.attributes)
    grouped: dict[str, list[object]] = {}
    for child in element.children:
        grouped.setdefault(child.name, []).append(_value(child))
    for name, values in grouped.items():
        found[name] = values[0] if len(values) == 1 else values
    if text := " ".join(element.text.split()):
        found["text"] = text
    return found


# -- documents --------------------------------------------------------------------------------------------------------


def _document(root: Element) -> Iterator[Block]:
    outline = Outline()
    waiting: list[tuple[Element, int]] = [(root, 0)]
    while waiting:
        element, depth = waiting.pop()
        is_leaf = not any(child.children or _is_block(child) for child in element.children)
        if is_leaf or element.text.strip() or _has_tails(element):
            text = " ".join(element.whole_text().split())
            if text and element.name in _TITLES:
                yield outline.heading(max(1, depth), text)
            elif text:
                yield outline.block(text)
        else:
            waiting += [(child, depth + 1) for child in reversed(element.children)]


def _is_block(element: Element) -> bool:
    """Whether an element without children stands alone: it has text, and its parent has none of its own."""
    return bool(element.text.strip())
