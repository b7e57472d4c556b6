"""XML with running text, such as DocBook or DITA: headings and paragraphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Block
    from shared.parsing.xml_tree import Element

_TITLES = frozenset({"title", "head", "heading", "label", "h1", "h2", "h3", "h4", "h5", "h6", "term"})
# Elements that only a text has.
_PROSE = frozenset({"p", "para", "simpara", "paragraph", "section", "chapter", "sect1", "topic"})


def is_prose(root: Element) -> bool:
    """Whether an element is called as paragraphs are, or text and elements are mixed and no attributes name the texts.

    Attributes, as the names of texts to translate have them, say that the file is data, whatever a text marks in it.
    """
    waiting: list[tuple[Element, bool]] = [(root, False)]
    has_mixed = False
    texts = named = 0
    while waiting:
        element, is_named = waiting.pop()
        if element.name in _PROSE:
            return True
        is_named = is_named or bool(element.attributes)
        if is_mixed(element) or (element.text.strip() and not element.children):
            has_mixed = has_mixed or bool(element.children)
            texts += 1
            named += is_named
        waiting += [(child, bool(element.attributes)) for child in element.children]
    return has_mixed and named * 2 < texts


def is_mixed(element: Element) -> bool:
    """Whether an element holds text beside elements."""
    return bool(element.children) and (bool(element.text.strip()) or _has_tails(element))


def _has_tails(element: Element) -> bool:
    return any(child.tail.strip() for child in element.children)


def read_prose(root: Element) -> Iterator[Block]:
    """The headings and paragraphs of a document."""
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
