"""Lists of a page: items with their numbers, terms with their definitions, summaries with their details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.html_inline import lines_of, raw_text, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selectolax.lexbor import LexborNode

    from shared.parsing.html_numbers import Numbers

_LISTS = frozenset({"ol", "ul", "menu", "dir"})


def item_lines(item: LexborNode, numbers: Numbers, indent: str) -> Iterator[str]:
    """The lines of a list item and, indented, of the items inside it."""
    mark = numbers.mark(item)
    own = list(lines_of(raw_text(item, lambda node: node.tag in _LISTS)))
    # An item without own text is only a way to indent the items inside it.
    if own or not mark:
        yield from (indent + ("" if number else mark) + line for number, line in enumerate(own))
    for inner in _lists_in(item):
        numbers.enter(inner)
        for child in inner.iter(include_text=False):
            if child.tag == "li":
                yield from item_lines(child, numbers, indent + "  ")
        numbers.leave()


def _lists_in(item: LexborNode) -> Iterator[LexborNode]:
    """The outermost lists inside ``item``."""
    node = item.first_child
    above: list[LexborNode] = []
    while node is not None or above:
        if node is None:
            node = above.pop()
        elif node.tag in _LISTS and "hidden" not in node.attributes:
            yield node
        elif (child := node.first_child) is not None:
            above.append(node)
            node = child
            continue
        node = node.next


def definitions(node: LexborNode) -> Iterator[tuple[str, str]]:
    """Each term of a ``dl`` and its line: ``term: definition; definition``."""
    terms: list[str] = []
    meanings: list[str] = []
    for child in node.css("dt, dd"):
        text = text_of(child)
        if child.tag == "dt":
            if meanings:
                yield _defined(terms, meanings)
                terms, meanings = [], []
            terms.append(text)
        elif text:
            meanings.append(text)
    yield _defined(terms, meanings)


def _defined(terms: list[str], meanings: list[str]) -> tuple[str, str]:
    term = ", ".join(filter(None, terms))
    if not term or not meanings:
        return "", term or "; ".join(meanings)
    return term, f"{term.rstrip(':： ')}: {'; '.join(meanings)}"


def disclosure(node: LexborNode) -> Iterator[tuple[str, str]]:
    """The summary of a ``details`` element, and the summary with all lines below it."""
    summary = node.css_first("summary")
    title = text_of(summary) if summary else ""
    lines = [*filter(None, [title]), *lines_of(raw_text(node, lambda inner: inner.tag == "summary"))]
    yield title, "\n".join(lines)
