"""A PDF open in pdfium, if need be a copy with a new directory of its objects, or else in pypdf."""

from __future__ import annotations

import ctypes
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from shared.parsing import pdf_fonts, pdf_images, pdf_rules
from shared.parsing.encoding import clean
from shared.parsing.memory import Memory, release_memory
from shared.parsing.pdf_forms import Form
from shared.parsing.pdf_page import Bookmark, Page
from shared.parsing.pdf_pypdf import ENCRYPTED, Pypdf
from shared.parsing.pdf_salvage import is_cut, salvage
from shared.parsing.pdf_turn import Turn, read_turn, turn_to_text
from shared.parsing.pdf_words import Reader, Word, has_cells
from shared.parsing.refusing import refuse, refuse_errors, report_cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.domain.models import Picture
    from shared.parsing.limits import Limits
    from shared.parsing.scratch import TemporaryCopy

# pdfium keeps global state and is not thread-safe, not even for different documents:
# https://pypdfium2.readthedocs.io/en/stable/python_api.html. Held for one page at a time, so documents take turns.
_PDFIUM: Final = Lock()
_PASSWORD_ERROR, _SECURITY_ERROR = 4, 5  # FPDF_ERR_PASSWORD and FPDF_ERR_SECURITY in fpdfview.h
# pypdf unpacks in Python, slowly; a broken file larger than this is not worth the function's deadline.
_FALLBACK_BYTES: Final = 32 << 20
_IMAGE: Final = 3  # FPDF_PAGEOBJ_IMAGE
_MOST_OBJECTS: Final = 1_000
_MOST_BOOKMARKS: Final = 5_000
_DEEPEST_BOOKMARK: Final = 10
_TITLE_BYTES: Final = 2_048
_MOST_KEPT_BYTES: Final = 64 << 20
_ENCRYPTED_FOR_READERS: Final = "The PDF is encrypted for certain readers; upload a copy that is not."


def open_file(path: Path, limits: Limits, warnings: list[str]) -> Pdfium | Pypdf:
    """The document at ``path``; ``warnings`` takes a sentence where its end is missing.

    Raises:
        DocumentError: ``encrypted``, ``broken_file``, ``too_large``.
    """
    with _PDFIUM:
        document = _open_with_pdfium(path)
        if document is None and (copy := salvage(path, limits)):
            document = _open_with_pdfium(copy.path, copy)
    if is_cut(path):
        report_cut(warnings)
    if document is not None:
        return document
    if path.stat().st_size > _FALLBACK_BYTES:
        raise refuse("broken_file", "The PDF is damaged and could not be opened.")
    return Pypdf(path)


def _open_with_pdfium(path: Path, copy: TemporaryCopy | None = None) -> Pdfium | None:
    pypdfium2 = _library()
    # pdfium keeps the error of an earlier file where it has none for this one: this sets it to "no PDF".
    pypdfium2.raw.FPDF_LoadMemDocument(b"-", 1, None)
    try:
        return Pdfium(partial(_open, path), pypdfium2.raw, pypdfium2.PdfiumError, copy)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) == _SECURITY_ERROR:
            raise refuse("encrypted", _ENCRYPTED_FOR_READERS) from None
        if getattr(error, "err_code", None) == _PASSWORD_ERROR or "password" in str(error).lower():
            raise refuse("encrypted", ENCRYPTED) from None
    return None


def _open(path: Path) -> Any:
    # A copy of a file inside another one has no name that pypdfium2 could look for.
    source = path.open("rb") if path.is_symlink() else path
    return _library().PdfDocument(source, autoclose=True)


_fonts: list[object] = []


@cache
def _library() -> Any:
    """pdfium with the one font it may use."""
    # Imported here: loading pdfium takes as long as parsing a short document.
    import pypdfium2
    from pypdfium2 import raw

    _fonts.append(pdf_fonts.install(raw))
    return pypdfium2


class Pdfium:
    """A document open in pdfium; every call takes the lock."""

    can_render: Final = True

    def __init__(
        self, open_document: Callable[[], Any], raw: Any, error: type[Exception], copy: TemporaryCopy | None = None
    ) -> None:
        self._open_document = open_document
        self._copy = copy  # lasts as long as the document
        self._document = document = open_document()
        self._memory = Memory.now().resident
        self._raw = raw
        self._error = error
        self._reader = Reader(raw)
        self._form: Form | None = None
        self.pages: int = len(document)

    def title(self) -> str:
        """The title in the metadata."""
        with _PDFIUM:
            return clean(str(self._document.get_metadata_value("Title"))).strip()

    def attachments(self) -> int:
        """How many files are attached."""
        with _PDFIUM:
            return max(0, int(self._raw.FPDFDoc_GetAttachmentCount(self._document.raw)))

    def bookmarks(self) -> Iterator[Bookmark]:
        """The outline, as far as its entries name a page of this document."""
        raw, document = self._raw, self._document.raw
        buffer = ctypes.create_string_buffer(_TITLE_BYTES)
        open_ = [(raw.FPDFBookmark_GetFirstChild(document, None), 1)]
        with _PDFIUM:
            for _ in range(_MOST_BOOKMARKS):
                if not open_:
                    return
                mark, level = open_.pop()
                if not mark:
                    continue
                open_.append((raw.FPDFBookmark_GetNextSibling(document, mark), level))
                if level < _DEEPEST_BOOKMARK:
                    open_.append((raw.FPDFBookmark_GetFirstChild(document, mark), level + 1))
                size = raw.FPDFBookmark_GetTitle(mark, buffer, _TITLE_BYTES)
                target = raw.FPDFBookmark_GetDest(document, mark)
                page = raw.FPDFDest_GetDestPageIndex(document, target) if target else -1
                if 2 < size <= _TITLE_BYTES and page >= 0:
                    title = clean(buffer.raw[: size - 2].decode("utf-16-le", "replace"))
                    yield Bookmark(title, page + 1, level)

    def page(self, number: int, *, with_images: bool = False) -> Page:
        """The page ``number``, counted from 1.

        Args:
            with_images: whether the places of pictures are wanted on a page with many words too.
        """
        with _PDFIUM, refuse_errors(self._error):
            page = self._turn_to(number)
            try:
                return self._read(page, with_images=with_images)
            finally:
                page.close()

    def render(self, number: int, part: pdf_images.Rectangle | None = None) -> Picture | None:
        """How the page ``number`` looks, or a part of it; ``None`` where it is blank."""
        with _PDFIUM, refuse_errors(self._error):
            page = self._turn_to(number)
            try:
                return pdf_images.render(page, part)
            finally:
                page.close()

    def _turn_to(self, number: int) -> Any:
        """The page. The file is opened again at times: pdfium keeps the pictures of all pages until it is closed."""
        if Memory.now().resident - self._memory > _MOST_KEPT_BYTES:
            self._form = None
            self._document.close()
            release_memory()
            self._document = self._open_document()
            self._memory = Memory.now().resident
        return self._document[number - 1]

    def _read(self, page: Any, *, with_images: bool) -> Page:
        found = Page()
        shown = read_turn(self._raw, page.raw)
        found.words, found.is_whole, turn = self._words(page, shown)
        found.width, height = turn.size
        found.area = found.width * height
        if self._raw.FPDFPage_GetAnnotCount(page.raw) > 0:
            if self._form is None:
                self._form = Form(self._raw, self._handle())
            found.entries, is_drawn = self._form.entries(page.raw, turn)
            if is_drawn and self._raw.FPDFPage_Flatten(page.raw, 0) == 1:
                found.drawn, _, _ = self._words(page, shown, turn)
        if has_cells(found.words):
            found.rules = pdf_rules.read_rules(self._raw, page.raw, turn)
        if not found.words and not found.drawn:
            found.has_images = self._has_images(page)
            found.is_blank = self._raw.FPDFPage_CountObjects(page.raw) == 0
        if with_images or pdf_images.count_characters(found.words) < pdf_images.SCAN_CHARACTERS:
            found.images = [shown(*box) for box in pdf_images.find_images(self._raw, page.raw)]
        return found

    def _handle(self) -> Any:
        """pdfium's form, which knows what a field inherits."""
        self._document.init_forms()
        form = self._document.formenv
        return form.raw if form else None

    def _words(self, page: Any, shown: Turn, turn: Turn | None = None) -> tuple[list[Word], bool, Turn]:
        """The words, whether that is all of them, and how the page was turned to read them."""
        layer = page.get_textpage()
        try:
            turn = turn or turn_to_text(self._raw, layer.raw, shown)
            if turn == shown:
                return *self._reader.words(layer.raw, turn), turn
        finally:
            layer.close()
        # pdfium finds lines in a page as it is shown.
        self._raw.FPDFPage_SetRotation(page.raw, turn.quarters)
        layer = page.get_textpage()
        try:
            return *self._reader.words(layer.raw, turn), turn
        finally:
            layer.close()
            self._raw.FPDFPage_SetRotation(page.raw, shown.quarters)

    def _has_images(self, page: Any) -> bool:
        raw = self._raw
        count = min(raw.FPDFPage_CountObjects(page.raw), _MOST_OBJECTS)
        kinds = (raw.FPDFPageObj_GetType(raw.FPDFPage_GetObject(page.raw, index)) for index in range(count))
        return any(kind == _IMAGE for kind in kinds)

    def close(self) -> None:
        """Close the file."""
        with _PDFIUM:
            self._document.close()
        if self._copy is not None:
            self._copy.close()
