"""What an element of a graphic says of a paragraph in a Word document: pictures, charts, and alternative texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.parsing.inner_pictures import measure_declared_area, measure_drawn_area

if TYPE_CHECKING:
    from shared.parsing.paragraph import Paragraph

_REFERENCES = frozenset({"footnoteReference", "endnoteReference", "commentReference"})
# Elements that show a picture -> the attribute with its relation.
_PICTURES = {"blip": "r:embed", "imagedata": "r:id"}
_DESCRIBED = frozenset({"docPr", "cNvPr"})
# Word once put the name of a picture's file where its description belongs.
_FILE_NAME = re.compile(r"\A\S{1,200}\.(?:png|jpe?g|gif|bmp|emf|wmf|tiff?|svg)", re.IGNORECASE)


def enter_graphic(name: str, attributes: dict[str, str], paragraph: Paragraph) -> None:
    """Note what an element says of the graphics of a paragraph."""
    if name == "chart" and "r:id" in attributes:
        paragraph.graphics.append(("chart", attributes["r:id"]))
    elif name == "relIds" and "r:dm" in attributes:
        paragraph.graphics.append(("diagram", attributes["r:dm"]))
    elif name in _REFERENCES:
        paragraph.references.append((name, attributes.get("id", "")))
    else:
        _enter_picture(name, attributes, paragraph)
        text = describe(name, attributes)
        if text and text not in paragraph.descriptions:
            paragraph.descriptions.append(text)


def _enter_picture(name: str, attributes: dict[str, str], paragraph: Paragraph) -> None:
    if name in _PICTURES:
        if not paragraph.is_hidden:
            paragraph.pictures.append((attributes.get(_PICTURES[name], ""), paragraph.area))
    elif name in ("drawing", "extent", "pict", "object"):
        # The size of a drawing comes before the pictures in it.
        paragraph.area = measure_drawn_area(attributes)
    elif name == "shape":
        paragraph.area = measure_declared_area(attributes.get("style", ""))
    elif name == "ext" and paragraph.pictures and paragraph.area:
        _limit_area(paragraph, measure_drawn_area(attributes))


def _limit_area(paragraph: Paragraph, area: float) -> None:
    """Note that the last picture takes only a part of its drawing."""
    relation, whole = paragraph.pictures[-1]
    paragraph.pictures[-1] = (relation, min(whole, area or whole))


def describe(name: str, attributes: dict[str, str]) -> str:
    """The alternative text that an element of a picture carries, or empty; names of files are none."""
    if name in _DESCRIBED:
        text = attributes.get("descr") or attributes.get("title") or ""
    elif name in ("shape", "rect", "group"):
        text = attributes.get("alt", "")
    elif name == "textpath":
        text = attributes.get("string", "")
    else:
        return ""
    text = text.strip()
    return "" if _FILE_NAME.fullmatch(text) else text
