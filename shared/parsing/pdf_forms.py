"""What was typed into a PDF: values of form fields, text boxes and notes, with the place of each."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from shared.parsing.encoding import clean
from shared.parsing.pdf_glyphs import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.parsing.pdf_turn import Turn

# fpdf_annot.h: subtypes, flags and keys; fpdf_formfill.h: types of fields.
_POPUP: Final = 16
_LINK: Final = 2
_WIDGET: Final = 20
_FREE_TEXT: Final = 3
_NOT_SHOWN: Final = 0x02 | 0x20
_PUSH_BUTTON, _CHECK_BOX, _RADIO, _COMBO, _LIST, _TEXT, _SIGNATURE = range(1, 8)
_PASSWORD: Final = 1 << 13
_MOST_ANNOTATIONS: Final = 2_000
_MOST_OPTIONS: Final = 1_000
_CHECKED, _UNCHECKED = "☑", "☐"


class Entry(Struct, frozen=True):
    """An annotation that may hold text.

    Attributes:
        text: its value or contents; empty where only its appearance shows it.
        left, bottom, right, top: its place on the page, in points.
        is_note: whether its text is read beside the page (a sticky note, a comment on marked text), not on it.
        is_choice: whether it shows one of two states.
    """

    text: str
    left: float
    bottom: float
    right: float
    top: float
    is_note: bool = False
    is_choice: bool = False


class Form:
    """Reads the annotations of pages by pdfium's API ``raw``; ``handle`` is its form, or None."""

    def __init__(self, raw: Any, handle: Any) -> None:
        self._raw = raw
        self._handle = handle

    def entries(self, page: Any, turn: Turn) -> tuple[list[Entry], bool]:
        """The annotations of ``page`` but links, after ``turn``, and whether one of them may draw text."""
        raw = self._raw
        found: list[Entry] = []
        drawn = False
        for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)):
            annotation = raw.FPDFPage_GetAnnot(page, index)
            if not annotation:
                continue
            try:
                kind = raw.FPDFAnnot_GetSubtype(annotation)
                if kind in (_LINK, _POPUP) or raw.FPDFAnnot_GetFlags(annotation) & _NOT_SHOWN:
                    continue
                drawn = True
                found += self._entry(annotation, kind, turn)
            finally:
                raw.FPDFPage_CloseAnnot(annotation)
        return found, drawn

    def _entry(self, annotation: Any, kind: int, turn: Turn) -> Iterator[Entry]:
        box = self._raw.FS_RECTF()
        if not self._raw.FPDFAnnot_GetRect(annotation, ctypes.byref(box)):
            return
        (left, right), (bottom, top) = sorted((box.left, box.right)), sorted((box.bottom, box.top))
        place = turn(left, bottom, right, top)
        if kind == _WIDGET:
            text, is_choice = self._value(annotation)
            yield Entry(text, *place, is_choice=is_choice)
            return
        text = _tidy(self._string(self._raw.FPDFAnnot_GetStringValue, annotation, b"Contents"))
        if text:
            yield Entry(text, *place, is_note=kind != _FREE_TEXT)

    def _value(self, annotation: Any) -> tuple[str, bool]:
        raw, form = self._raw, self._handle
        kind = raw.FPDFAnnot_GetFormFieldType(form, annotation) if form else 0
        if kind in (_CHECK_BOX, _RADIO):
            return _CHECKED if self._is_checked(annotation) else _UNCHECKED, True
        if kind in (_PUSH_BUTTON, _SIGNATURE):
            return "", False
        if kind == _TEXT and raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
            return "", False
        if kind in (_COMBO, _LIST) and (chosen := self._chosen(annotation)):
            return chosen, False
        text = self._string(raw.FPDFAnnot_GetFormFieldValue, form, annotation) if form else ""
        return _tidy(text or self._string(raw.FPDFAnnot_GetStringValue, annotation, b"V")), False

    def _is_checked(self, annotation: Any) -> bool:
        if self._raw.FPDFAnnot_IsChecked(self._handle, annotation):
            return True
        # A button without an appearance for its state has only the name of the state.
        state = self._string(self._raw.FPDFAnnot_GetStringValue, annotation, b"AS")
        return state not in {"", "Off"}

    def _chosen(self, annotation: Any) -> str:
        raw, form = self._raw, self._handle
        count = min(raw.FPDFAnnot_GetOptionCount(form, annotation), _MOST_OPTIONS)
        labels = [
            _tidy(self._string(raw.FPDFAnnot_GetOptionLabel, form, annotation, index))
            for index in range(count)
            if raw.FPDFAnnot_IsOptionSelected(form, annotation, index)
        ]
        return ", ".join(filter(None, labels))

    def _string(self, call: Any, *arguments: Any) -> str:
        """A string that pdfium first measures, then copies, in UTF-16."""
        kind = ctypes.POINTER(self._raw.FPDF_WCHAR)
        size = call(*arguments, None, 0)
        if size <= 2:
            return ""
        buffer = ctypes.create_string_buffer(size)
        call(*arguments, ctypes.cast(buffer, kind), size)
        return buffer.raw[: size - 2].decode("utf-16-le", "replace")


def _tidy(text: str) -> str:
    return normalize(clean(text)).strip()
