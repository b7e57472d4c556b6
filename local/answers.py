"""The answer to one query, laid out for reading: of each hit the source, of the best one the sentence that answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.panel import Panel
from rich.text import Text

from local.reporting import show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A sentence ends with its mark or its line. A point inside a number has no space after it.
_SENTENCE = re.compile(r"[^\n.!?。！？]*(?:[.!?](?!\s|$)[^\n.!?。！？]*)*[.!?。！？]*[ ]?")
# In columns of a terminal, of which a Chinese character takes two: three lines of 80, and what is too short by itself.
_MOST_COLUMNS, _FEW_COLUMNS = 220, 70
# What is shown before the first marked word of a sentence that is cut.
_BEFORE_CHARACTERS = 40
_MARK = "bold yellow"


def lay_out(query: str, hits: Sequence[Mapping[str, Any]]) -> Panel:
    """A frame with the best hit and the sources of the others.

    Args:
        hits: as `/search` returns them, the best one first.
    """
    lines = Text(overflow="fold")
    for place, hit in enumerate(hits, 1):
        lines.append(f"{place}. {name_source(hit)}", style="bold" if place == 1 else "dim").append("\n")
        if place == 1:
            lines.append(mark_best_sentence(hit["text"], hit["highlights"], hit["location"]["headings"])).append("\n")
    if not hits:
        lines.append("No document answers it.")
    lines.rstrip()
    return Panel(lines, title=Text(show(query), style="bold"), title_align="left", border_style="cyan")


def name_source(hit: Mapping[str, Any]) -> str:
    """The document and the place in it: page, sheet, row, and the heading that the chunk is under."""
    location = hit["location"]
    parts = [f"{name} {location[name]}" for name in ("page", "sheet", "row") if location[name]]
    parts += location["headings"][-1:]
    return show(", ".join([hit["document"]["key"], *parts]))


def mark_best_sentence(text: str, highlights: Sequence[Sequence[int]], headings: Sequence[str]) -> Text:
    """The sentence with the most highlighted text, its words marked; a short one with what follows it in its line.

    Without highlights, as between two languages, it is the first sentence under the heading.
    """
    start, end = _find_best(text, highlights, headings)
    marks = [(max(a, start), min(b, end)) for a, b in highlights if a < end and b > start]
    if cell_len(text[start:end]) > _MOST_COLUMNS and marks:
        start = max(start, marks[0][0] - _BEFORE_CHARACTERS)
    shown = Text(_flatten(text[start:end]))
    for a, b in marks:
        shown.stylize(_MARK, a - start, b - start)
    shown.rstrip()
    shown.truncate(_MOST_COLUMNS, overflow="ellipsis")
    return shown


def _find_best(text: str, highlights: Sequence[Sequence[int]], headings: Sequence[str]) -> tuple[int, int]:
    """Start and exclusive end of what to show."""
    spans = [match.span() for match in _SENTENCE.finditer(text) if match.group().strip()]
    heading = headings[-1].strip() if headings else ""
    body = [span for span in spans if text[slice(*span)].strip() not in heading] or spans or [(0, len(text))]
    start, end = max(body, key=lambda span: (_count_marked(span, highlights), -span[0]))
    for following, following_end in body:
        # A new line begins after a line break, which belongs to no sentence.
        if following == end and cell_len(text[start:end]) < _FEW_COLUMNS:
            end = following_end
    return start, end


def _count_marked(span: tuple[int, int], highlights: Sequence[Sequence[int]]) -> int:
    return sum(max(0, min(span[1], end) - max(span[0], start)) for start, end in highlights)


def _flatten(text: str) -> str:
    """``text`` on one line, with every character in its place."""
    return "".join(character if character.isprintable() else " " for character in text)
