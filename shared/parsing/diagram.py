"""Diagrams of Office (SmartArt): the text of their points, as they hang together.

Element names are those of ECMA-376 part 1, section 21.4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Block, BlockKind
from shared.parsing.drawing import ParagraphText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Location
    from shared.parsing.archive import Archive

_TEXT_POINTS = frozenset({"node", "asst", "doc", "norm"})
_PARENT_OF = "parOf"


def read_diagram(
    archive: Archive, relations: dict[str, tuple[str, str]], relation: str, at: Location
) -> Iterator[Block]:
    """The texts of a diagram, one block each.

    Args:
        relations: those of the part that shows the diagram.
        relation: id of the relation to the diagram's data.
        at: where the diagram stands.
    """
    if relation not in relations:
        return
    points = _Points(archive, relations[relation][1])
    texts = list(points.ordered())
    if not texts and points.drawing in relations:
        texts = list(read_texts(archive, relations[points.drawing][1]))
    yield from (Block(text, at, kind=BlockKind.ITEM) for text in texts)


def read_texts(archive: Archive, part: str) -> Iterator[str]:
    """Every paragraph of DrawingML in a part."""
    paragraph = ParagraphText()
    for event in archive.readable_events(part):
        if text := paragraph.read(event):
            yield text


class _Points:
    """The points of a diagram's data and which belongs under which."""

    def __init__(self, archive: Archive, part: str) -> None:
        self.drawing = ""
        self._texts: dict[str, list[str]] = {}
        self._children: dict[str, list[tuple[int, str]]] = {}
        self._roots: list[str] = []
        self._read(archive, part)

    def _read(self, archive: Archive, part: str) -> None:
        paragraph = ParagraphText()
        point = ""
        for event in archive.readable_events(part):
            attributes = event.attributes
            if text := paragraph.read(event):
                self._texts.get(point, []).append(text)
            elif event.kind != "open":
                continue
            elif event.name == "pt":
                point = attributes.get("modelId", str(len(self._texts)))
                if attributes.get("type", "node") in _TEXT_POINTS:
                    self._texts[point] = []
                    self._roots += [point] if attributes.get("type") == "doc" else []
            elif event.name == "cxn" and attributes.get("type", _PARENT_OF) == _PARENT_OF:
                order = attributes.get("srcOrd", "0")
                child = (int(order) if order.isdecimal() else 0, attributes.get("destId", ""))
                self._children.setdefault(attributes.get("srcId", ""), []).append(child)
            elif event.name == "dataModelExt":
                self.drawing = attributes.get("relId", "")

    def ordered(self) -> Iterator[str]:
        """Texts from the root down, then those that hang nowhere in the order they are written in."""
        left = dict(self._texts)
        waiting = self._roots[::-1]
        while waiting:
            point = waiting.pop()
            if (lines := left.pop(point, None)) is None:
                continue
            yield from ["\n".join(lines)] if lines else []
            waiting += [child for _, child in sorted(self._children.get(point, []), reverse=True)]
        yield from ("\n".join(lines) for lines in left.values() if lines)
