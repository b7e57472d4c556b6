"""Texts in the records of a presentation, each with what it is on its slide. [MS-PPT] 2.9."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.doc_file import read_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.parsing.ppt_file import Record

_HEADER, _WIDE, _NARROW = 0x0F9F, 0x0FA0, 0x0FA8
# Kinds of texts (TextTypeEnum).
OTHER = 4
TITLES = frozenset({0, 6})
_CHARACTERS = str.maketrans({"\r": "\n", "\x0b": "\n", "\x00": None})


def read_texts(records: Iterable[Record]) -> list[tuple[int, str]]:
    """The texts among records, each with its kind."""
    texts: list[tuple[int, str]] = []
    for record in records:
        if record.kind == _HEADER:
            texts.append((read_number(record.data, record.start), ""))
        elif record.kind in (_WIDE, _NARROW):
            kind, text = texts.pop() if texts else (OTHER, "")
            texts.append((kind, text + record.text.translate(_CHARACTERS)))
    return texts
