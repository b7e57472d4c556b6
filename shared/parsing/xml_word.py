"""Word documents in one XML file, those of Word 2003 too: paragraphs and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.flow import Flow
from shared.parsing.heading_names import find_level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Block
    from shared.parsing.limits import Limits
    from shared.parsing.xml_tree import Element

WORD_ROOTS = frozenset({"wordDocument", "package"})
_ASIDE = frozenset({"docDefaults", "fonts", "lists", "binData", "binaryData", "hdr", "ftr", "numbering", "styles"})
_HIDDEN = frozenset({"pPr", "delText", "instrText", "binData", "pict", "sdtPr"})


def read_word(root: Element, limits: Limits) -> Iterator[Block]:
    """The paragraphs and tables of a Word document in one XML file."""
    flow = Flow(limits)
    levels = _read_levels(root)
    # An element to enter, or the name of one to leave.
    waiting: list[Element | str] = [root]
    closing = {"tbl": flow.close_table, "tr": flow.close_row, "tc": flow.close_cell}
    while waiting:
        step = waiting.pop()
        if isinstance(step, str):
            closing[step]()
        elif step.name == "p":
            flow.add(_read_paragraph(step), levels.get(_find_property(step, "pStyle"), 0))
        elif step.name not in _ASIDE:
            if step.name in closing:
                _open(flow, step)
                waiting.append(step.name)
            waiting += reversed(step.children)
        yield from flow.take()
    flow.close()
    yield from flow.take()


def _open(flow: Flow, element: Element) -> None:
    if element.name == "tbl":
        flow.open_table()
    elif element.name == "tr":
        flow.open_row()
    else:
        span = _find_property(element, "gridSpan")
        merged = _find_property(element, "vmerge", "continue")
        is_merged = bool(merged)
        columns = int(span[:3]) if span.isdecimal() else 1
        flow.open_cell(columns, continues=is_merged and merged != "restart", is_merged=is_merged)


def _find_property(element: Element, name: str, default: str = "") -> str:
    """The value of a property of a paragraph or cell; ``default`` for one without a value, else empty."""
    for properties in element.children:
        if properties.name in ("pPr", "tcPr"):
            for each in properties.children:
                if each.name.lower() == name.lower():
                    return each.attributes.get("val", default)
    return ""


def _read_levels(root: Element) -> dict[str, int]:
    """The level of the headings in each style, by the style's id."""
    levels: dict[str, int] = {}
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.name == "style":
            name = next((child.attributes.get("val", "") for child in element.children if child.name == "name"), "")
            if level := find_level(name.replace("_20_", " ")):
                levels[element.attributes.get("styleId", "")] = level
        elif element.name not in ("p", "tbl"):
            waiting += element.children
    return levels


def _read_paragraph(paragraph: Element) -> str:
    shown = {"tab": "\t", "br": "\n"}
    parts: list[str] = []
    waiting = [paragraph]
    while waiting:
        element = waiting.pop()
        if element.name == "t":
            parts.append(element.text)
        elif element.name not in _HIDDEN:
            parts.append(shown.get(element.name, ""))
            waiting += reversed(element.children)
    return "".join(parts)
