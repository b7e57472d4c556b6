"""A PDF open in pdfium, and in pypdf where pdfium cannot open it."""

from __future__ import annotations

import ctypes
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from shared.parsing import pdf_fonts, pdf_images, pdf_rules
from shared.parsing.encoding import clean
from shared.parsing.memory import Memory, release_memory
from shared.parsing.pdf_forms import Entry, Form
from shared.parsing.pdf_rules import Rules
from shared.parsing.pdf_turn import Turn, read_turn, turn_to_text
from shared.parsing.pdf_words import Reader, Word, has_cells
from shared.parsing.refusing import refuse, refuse_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.domain.models import Picture

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
_ENCRYPTED: Final = "The PDF is protected with a password; remove it and upload it again."
_ENCRYPTED_FOR_READERS: Final = "The PDF is encrypted for certain readers; upload a copy that is not."


class Page(Struct):
    """What one page holds.

    Attributes:
        text: text without places, of a parser that gives none; then the words are empty.
        words: words of the page itself.
        drawn: words of the page with its annotations.
        entries: annotations.
        has_images: whether a page without words shows pictures.
        is_blank: whether nothing at all is drawn on it.
        images: places of the pictures on a page with few words or, where they are asked for, on any.
        area: in square points.
        width: in points.
        rules: lines drawn on it, where its words may be cells of a table.
        is_whole: false where the page has more characters than are read.
    """

    words: list[Word] = []
    drawn: list[Word] = []
    entries: list[Entry] = []
    text: str = ""
    has_images: bool = False
    is_blank: bool = False
    images: list[pdf_images.Rectangle] = []
    area: float = 0.0
    width: float = 0.0
    rules: Rules = Rules()
    is_whole: bool = True


class Bookmark(Struct, frozen=True):
    """An entry of the outline: its page, counted from 1, and its depth, 1 for the outermost."""

    title: str
    page: int
    level: int


def open_file(path: Path) -> Pdfium | Pypdf:
    """The document at ``path``.

    Raises:
        DocumentError: ``encrypted``, ``broken_file``.
    """
    with _PDFIUM:
        pypdfium2 = _library()
        try:
            return Pdfium(partial(_open, path), pypdfium2.raw, pypdfium2.PdfiumError)
        except pypdfium2.PdfiumError as error:
            if getattr(error, "err_code", None) == _SECURITY_ERROR:
                raise refuse("encrypted", _ENCRYPTED_FOR_READERS) from None
            if getattr(error, "err_code", None) == _PASSWORD_ERROR or "password" in str(error).lower():
                raise refuse("encrypted", _ENCRYPTED) from None
    if path.stat().st_size > _FALLBACK_BYTES:
        raise refuse("broken_file", "The PDF is damaged and could not be opened.")
    return Pypdf(path)


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

    def __init__(self, open_document: Callable[[], Any], raw: Any, error: type[Exception]) -> None:
        self._open_document = open_document
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
                raise refuse("encrypted", _ENCRYPTED)
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

    def render(self, number: int, part: pdf_images.Rectangle | None = None) -> Picture | None:  # noqa: ARG002
        """Nothing: a page is not rendered here."""
        return None

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
