"""XML: documents as headings and paragraphs, data as records, and the XML of Office 2003."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Location, ParsedDocument
from shared.parsing import html, json
from shared.parsing.flow import Flow
from shared.parsing.outline import Outline
from shared.parsing.refusing import refuse
from shared.parsing.table import render
from shared.parsing.xml_tree import Element, parse_tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_TITLES = frozenset({"title", "head", "heading", "label", "h1", "h2", "h3", "h4", "h5", "h6", "term"})
_WORD_ROOTS = frozenset({"wordDocument", "package"})
# Elements whose presence says that the file is a text.
_PROSE = frozenset({"p", "para", "simpara", "paragraph", "section", "chapter", "sect1", "topic", "body"})
_MOST_SPANNED = 512


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
        return ParsedDocument("", _workbook(root))
    if root.name in _WORD_ROOTS:
        return ParsedDocument("", _word(root, limits))
    if _is_prose(root):
        return ParsedDocument("", _document(root))
    return ParsedDocument("", json.read({root.name: _value(root)}, limits, warnings), warnings=warnings)


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
    """Whether an element without children stands alone: it has text, and none stands beside it."""
    return bool(element.text.strip())


# -- Office 2003 ------------------------------------------------------------------------------------------------------


def _workbook(root: Element) -> Iterator[Block]:
    """The rows of a workbook in SpreadsheetML 2003."""
    for sheet in root.children:
        if sheet.name != "Worksheet":
            continue
        name = sheet.attributes.get("Name", "")
        tables = (child for child in sheet.children if child.name == "Table")
        rows = [_row(row) for table in tables for row in table.children if row.name == "Row"]
        yield from (row.block(Location(sheet=name, row=row.number)) for row in render(rows))


def _row(row: Element) -> list[str]:
    cells: list[str] = []
    for cell in row.children:
        index = cell.attributes.get("Index", "")
        if index.isdecimal() and len(cells) < int(index[:5]) - 1 < _MOST_SPANNED:
            cells += [""] * (int(index[:5]) - 1 - len(cells))
        data = next((child for child in cell.children if child.name == "Data"), None)
        text = " ".join(data.whole_text().split()) if data is not None else ""
        is_date = data is not None and data.attributes.get("Type") == "DateTime"
        cells.append(text.partition("T00:00:00")[0] if is_date else text)
        span = cell.attributes.get("MergeAcross", "")
        cells += [""] * min(int(span[:5]) if span.isdecimal() else 0, _MOST_SPANNED)
    return cells


def _word(root: Element, limits: Limits) -> Iterator[Block]:
    """The paragraphs and tables of WordprocessingML in one file."""
    flow = Flow(limits)
    # An element to enter, or what to do when one is left.
    waiting: list[Element | str] = [root]
    while waiting:
        step = waiting.pop()
        if isinstance(step, str):
            {"tbl": flow.close_table, "tr": flow.close_row, "tc": flow.close_cell}[step]()
        elif step.name == "p":
            flow.add(_paragraph(step), _level(step))
        elif step.name not in ("styles", "docDefaults", "fonts", "lists", "binData", "hdr", "ftr", "numbering"):
            if opening := {"tbl": flow.open_table, "tr": flow.open_row, "tc": flow.open_cell}.get(step.name):
                opening()
                waiting.append(step.name)
            waiting += reversed(step.children)
        yield from flow.take()
    flow.close()
    yield from flow.take()


def _paragraph(paragraph: Element) -> str:
    shown = {"tab": "\t", "br": "\n"}
    parts: list[str] = []
    waiting = [paragraph]
    while waiting:
        element = waiting.pop()
        if element.name == "t":
            parts.append(element.text)
        elif element.name not in ("pPr", "delText", "instrText", "binData", "pict"):
            parts.append(shown.get(element.name, ""))
            waiting += reversed(element.children)
    return "".join(parts)


def _level(paragraph: Element) -> int:
    from shared.parsing.styles import find_level

    for properties in (child for child in paragraph.children if child.name == "pPr"):
        for style in (child for child in properties.children if child.name == "pStyle"):
            name = style.attributes.get("val", "")
            return find_level(name) or (int(name) if name.isdecimal() and 0 < int(name[:2]) < 7 else 0)
    return 0
