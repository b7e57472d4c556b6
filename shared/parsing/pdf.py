"""PDF files: the text layer page by page, its lines joined to paragraphs."""

from __future__ import annotations

import ctypes
import re
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.encoding import clean
from shared.parsing.prose import columns, join_all, starts_item
from shared.parsing.refusal import refusal, refusing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

# pdfium keeps global state and is not thread-safe, not even for different documents:
# https://pypdfium2.readthedocs.io/en/stable/python_api.html. Held for one page at a time, so documents take turns.
_PDFIUM = Lock()
# Where pdfium looks for fonts: an empty list would mean the machine's own folders. Pdfium keeps the pointer.
_NOWHERE = (ctypes.c_char_p * 2)(b"/nonexistent", None)
_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD in fpdfview.h
# pypdf unpacks in Python, slowly; a broken file larger than this is not worth the function's deadline.
_FALLBACK_BYTES = 32 << 20

# pdfium marks a hyphen at the end of a line with U+FFFE or U+0002.
_BROKEN_WORD = re.compile("[\ufffe\x02]\r?\n?")
_PRODUCER_TITLE = re.compile(
    r"(?:microsoft (?:word|powerpoint|excel) - .*|untitled|\(?anonymous\)?|无标题)", re.IGNORECASE
)
# A line that leaves more of the usual width empty was the last of its paragraph, or a title.
_FILLED = 0.75


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The paragraphs of a PDF with their pages.

    Raises:
        DocumentError: ``encrypted``, ``broken_file``, ``too_many_pages``; while read: ``needs_ocr`` when no page has
            text, which is what a scan looks like.
    """
    document = _opened(path)
    pages = document.pages
    if pages > limits.max_pages:
        document.close()
        raise refusal("too_many_pages", f"The PDF has {pages} pages; at most {limits.max_pages} are read.")
    title = document.title()
    return ParsedDocument("" if _PRODUCER_TITLE.fullmatch(title) else title, _blocks(document))


def _blocks(document: _Pdfium | _Pypdf) -> Iterator[Block]:
    found = False
    try:
        for page in range(1, document.pages + 1):
            for text in paragraphs(document.text(page)):
                found = True
                yield Block(text, Location(page=page))
    finally:
        document.close()
    if not found:
        raise refusal("needs_ocr", "The PDF has no text layer: it holds pictures of text. Run it through OCR first.")


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a page whose ``text`` has one line for each printed line."""
    gathered: list[str] = []
    printed = clean(_BROKEN_WORD.sub("", text)).split("\n")
    full = _usual_width(printed)
    for line in printed:
        if gathered and (not line.strip() or starts_item(line)):
            yield join_all(gathered)
            gathered = []
        if line.strip():
            gathered.append(line)
        if gathered and columns(line.strip()) < _FILLED * full:
            yield join_all(gathered)
            gathered = []
    if gathered:
        yield join_all(gathered)


def _usual_width(printed: list[str]) -> int:
    widths = sorted(columns(line.strip()) for line in printed if line.strip())
    return widths[len(widths) * 9 // 10] if widths else 0


def _opened(path: Path) -> _Pdfium | _Pypdf:
    with _PDFIUM:
        pypdfium2 = _library()
    try:
        with _PDFIUM:
            return _Pdfium(pypdfium2.PdfDocument(path))
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _PASSWORD_ERROR or "password" in str(error).lower():
            raise refusal("encrypted", "The PDF is protected with a password; remove it and upload it again.") from None
    if path.stat().st_size > _FALLBACK_BYTES:
        raise refusal("broken_file", "The PDF is damaged and could not be opened.")
    return _Pypdf(path)


@cache
def _library() -> Any:
    """pdfium, made to look for fonts nowhere: it would load the machine's whole Chinese fonts to measure letters."""
    # Imported here: loading pdfium takes as long as parsing a short document.
    import pypdfium2
    from pypdfium2 import raw

    raw.FPDF_DestroyLibrary()
    settings = raw.FPDF_LIBRARY_CONFIG(version=2)
    settings.m_pUserFontPaths = ctypes.cast(_NOWHERE, type(settings.m_pUserFontPaths))
    raw.FPDF_InitLibraryWithConfig(settings)
    return pypdfium2


class _Pdfium:
    """A document open in pdfium; every call takes the lock."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self.pages: int = len(document)

    def title(self) -> str:
        with _PDFIUM:
            return clean(str(self._document.get_metadata_value("Title"))).strip()

    def text(self, number: int) -> str:
        with _PDFIUM:
            page = self._document[number - 1]
            try:
                layer = page.get_textpage()
                try:
                    return str(layer.get_text_range())
                finally:
                    layer.close()
            finally:
                page.close()

    def close(self) -> None:
        with _PDFIUM:
            self._document.close()


class _Pypdf:
    """A document pdfium cannot open, read by a parser that forgives more."""

    def __init__(self, path: Path) -> None:
        # Imported here: only a damaged file needs a second parser.
        from pypdf import PdfReader

        # pdfium has found the file damaged, and on such files pypdf raises errors of any kind.
        with refusing(Exception):
            self._reader = PdfReader(path)
            if self._reader.is_encrypted:
                raise refusal("encrypted", "The PDF is protected with a password; remove it and upload it again.")
            self.pages: int = len(self._reader.pages)

    def title(self) -> str:
        with refusing(Exception):
            metadata = self._reader.metadata
            return clean(str(metadata.title or "")).strip() if metadata else ""

    def text(self, number: int) -> str:
        with refusing(Exception):
            return self._reader.pages[number - 1].extract_text()

    def close(self) -> None:
        self._reader.close()
