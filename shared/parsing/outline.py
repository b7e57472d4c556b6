"""The section titles around a block, outermost first."""

from __future__ import annotations

from shared.domain.models import Block, BlockKind, Location

# A heading is a line; what is longer is a paragraph someone set in a heading's style.
LONGEST_TITLE_CHARACTERS = 300


class Outline:
    """Follows a document's headings and gives each block its path."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    @property
    def path(self) -> tuple[str, ...]:
        """Titles of the sections now open, outermost first."""
        return tuple(title for _, title in self._open)

    @property
    def location(self) -> Location:
        """Location of a block of the section now open."""
        return Location(headings=self.path)

    def heading(self, level: int, text: str) -> Block:
        """Open the section ``text`` at ``level`` (1 is outermost), closing those as deep or deeper."""
        title = " ".join(text.split())
        if len(title) > LONGEST_TITLE_CHARACTERS:
            return self.block(text)
        self._open = [entry for entry in self._open if entry[0] < level]
        self._open.append((level, title))
        return Block(title, Location(headings=self.path), heading=True)

    def block(self, text: str, kind: BlockKind = BlockKind.TEXT) -> Block:
        """A block of the section now open."""
        return Block(text, self.location, kind=kind)
