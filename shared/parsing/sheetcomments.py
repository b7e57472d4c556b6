"""What belongs to the cells of a worksheet but stands in parts of its own: comments and tables.

Element names are those of ECMA-376 part 1, sections 18.5 (tables) and 18.7 (comments), and of [MS-XLSX] 2.6.202
(threaded comments).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.archive import Archive

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")
_Comments = dict[int, list[tuple[str, str]]]


def read_comments(archive: Archive, relations: dict[str, tuple[str, str]]) -> _Comments:
    """Comments of a sheet by row, each with its cell; of threaded ones the copy for older programs is left out."""
    found: _Comments = {}
    threaded: set[str] = set()
    for kind, part in sorted(relations.values(), reverse=True):
        if kind not in ("threadedComment", "comments"):
            continue
        for cell, text in _comments(archive, part):
            place = _CELL.match(cell)
            if place is None or not text or (kind == "comments" and cell in threaded):
                continue
            threaded |= {cell} if kind == "threadedComment" else set()
            found.setdefault(int(place[2]), []).append((cell, text))
    return found


def _comments(archive: Archive, part: str) -> Iterator[tuple[str, str]]:
    cell = ""
    parts: list[str] = []
    in_text = False
    for event in archive.readable_events(part):
        if event.kind == "text":
            parts += [event.name] if in_text else []
        elif event.name in ("t", "text") and not (event.name == "text" and event.kind == "open" and in_text):
            # Threaded comments hold their text in ``text``, others in runs of ``t`` inside it.
            in_text = event.kind == "open"
        elif event.name in ("comment", "threadedComment"):
            if event.kind == "open":
                cell, parts = event.attributes.get("ref", ""), []
            else:
                yield cell, " ".join("".join(parts).split())
        elif event.name == "rPh":
            in_text = False


def read_tables(archive: Archive, relations: dict[str, tuple[str, str]]) -> Iterator[int]:
    """The rows that hold the header of a table which the workbook declares."""
    for kind, part in relations.values():
        if kind != "table":
            continue
        root = next((event for event in archive.readable_events(part) if event.name == "table"), None)
        place = _CELL.match(root.attributes.get("ref", "")) if root is not None else None
        if root is not None and place is not None and root.attributes.get("headerRowCount", "1") != "0":
            yield int(place[2])
