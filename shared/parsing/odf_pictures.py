"""The pictures of an OpenDocument file: each in a frame that tells its size, often in several formats."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from shared.parsing.inner_pictures import InnerPictures, find_kind, measure_area

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Block
    from shared.parsing.limits import Limits
    from shared.parsing.odf_source import Source

# Drawings, which come with a picture of themselves.
_DRAWINGS = frozenset({"svg", "svm", "emf", "wmf", "pdf", "eps"})


class OdfPictures:
    """Finds the pictures of one file."""

    def __init__(self, source: Source, limits: Limits, warnings: list[str]) -> None:
        self._source = source
        self._pictures = InnerPictures(limits, warnings)
        self._area = 0.0
        self._drawing = ""
        self._has_picture = False

    def enter_frame(self, given: dict[str, str]) -> None:
        """Take the size of the frame that opens."""
        self._end_frame()
        self._area = measure_area(given.get("width", ""), given.get("height", ""))

    def find(self, href: str) -> Iterator[Block]:
        """A block in place of the picture of the frame; one outside the file is not read."""
        if not href or ":" in href or self._has_picture:
            return
        if find_kind(href) in _DRAWINGS:
            self._drawing = href
            return
        self._has_picture = True
        yield from self._pictures.find(href, self._area, partial(self._source.chunks, href))

    def leave_out(self) -> None:
        """Count a picture of a flat file, which would stand in memory whole."""
        self._pictures.leave_out("flat", "Save the file as odt or odp to have them read.")

    def unpack(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """``blocks`` of the whole file with their pictures, as of `InnerPictures.unpack`; then the file is closed."""
        with closing(self._source):
            yield from self._pictures.unpack(self._count(blocks), is_whole=True)

    def _count(self, blocks: Iterator[Block]) -> Iterator[Block]:
        yield from blocks
        self._end_frame()

    def _end_frame(self) -> None:
        if self._drawing and not self._has_picture:
            self._pictures.leave_out(find_kind(self._drawing))
        self._drawing, self._has_picture = "", False
