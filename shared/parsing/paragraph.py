"""One paragraph of a Word document, as far as it is read."""

from __future__ import annotations


class Paragraph:
    """A paragraph being read.

    Attributes:
        parts: its text so far.
        size: length of that text.
        style: id of its style, or empty.
        number: id of its list, ``0`` for none; empty where the style decides.
        place: level within the list.
        level: heading level it sets itself, 0 for body text.
        joins: whether the next paragraph goes on in it: its end is deleted, or it is a large first letter.
        graphics: relations to charts and diagrams in it, as (kind, relation id).
        descriptions: alternative texts of pictures in it.
        pictures: relations to pictures in it, and the square centimetres on which each is shown.
        references: notes and comments it refers to, as (element name, id).
        has_page_number: whether a page number was left out of it.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.size = 0
        self.style = ""
        self.number = ""
        self.place: int | None = None
        self.level: int | None = None
        self.joins = False
        self.graphics: list[tuple[str, str]] = []
        self.descriptions: list[str] = []
        self.pictures: list[tuple[str, float]] = []
        self.area = 0.0
        self.references: list[tuple[str, str]] = []
        self.has_page_number = False
        # State of the run being read.
        self.is_in_properties = False
        self.is_in_text = False
        self.is_hidden = False
        self.font = ""
