"""A PDF that pdfium cannot open, read by pypdf."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.parsing.encoding import clean
from shared.parsing.pdf_page import Page
from shared.parsing.refusing import refuse, refuse_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Picture
    from shared.parsing.pdf_images import Rectangle
    from shared.parsing.pdf_page import Bookmark

ENCRYPTED: Final = "The PDF is protected with a password; remove it and upload it again."


class Pypdf:
    """A document pdfium cannot open, read by a parser that forgives more."""

    can_render: Final = False

    def __init__(self, path: Path) -> None:
        # Imported here: only a damaged file needs a second parser.
        from pypdf import PdfReader

        # pdfium has found the file damaged, and on such files pypdf raises errors of any kind.
        with refuse_errors(Exception):
            self._reader = PdfReader(path)
            if self._reader.is_encrypted:
                raise refuse("encrypted", ENCRYPTED)
            self.pages: int = len(self._reader.pages)

    def title(self) -> str:
        """The title in the metadata."""
        with refuse_errors(Exception):
            metadata = self._reader.metadata
            return clean(str(metadata.title or "")).strip() if metadata else ""

    def attachments(self) -> int:
        """How many files are attached."""
        return 0

    def bookmarks(self) -> Iterator[Bookmark]:
        """The outline, which is not read here."""
        return iter(())

    def page(self, number: int, *, with_images: bool = False) -> Page:  # noqa: ARG002 - it knows no places
        """The page ``number``, counted from 1."""
        with refuse_errors(Exception):
            return Page(text=self._reader.pages[number - 1].extract_text())

    def render(self, number: int, part: Rectangle | None = None) -> Picture | None:  # noqa: ARG002
        """Nothing: a page is not rendered here."""
        return None

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
