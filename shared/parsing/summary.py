"""The title among the properties of an OLE container. [MS-OLEPS] 2.

Read here because olefile reads every property, and as many values of a vector as a damaged count names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError
from shared.parsing.charset import decode_bytes
from shared.parsing.container import read_stream
from shared.parsing.doc_file import read_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from olefile import OleFileIO

_STREAM = "\x05SummaryInformation"
_FIRST_SECTION = 44
_CODE_PAGE, _TITLE = 1, 2
_NARROW, _WIDE = 0x1E, 0x1F
_UTF16 = 1200
_MOST_PROPERTIES = 1_000


def read_title(container: OleFileIO) -> str:
    """The title; empty where there is none or it cannot be read."""
    try:
        data = read_stream(container, _STREAM)
    except DocumentError:  # the title is only an addition
        return ""
    places = dict(_read_places(data))
    page = read_number(data, places[_CODE_PAGE] + 4, "<H") if _CODE_PAGE in places else 0
    return _read_text(data, places[_TITLE], page) if _TITLE in places else ""


def _read_places(data: bytes) -> Iterator[tuple[int, int]]:
    """The number of each property and where it begins."""
    section = read_number(data, _FIRST_SECTION)
    for number in range(min(read_number(data, section + 4), _MOST_PROPERTIES)):
        at = section + 8 + 8 * number
        yield read_number(data, at), section + read_number(data, at + 4)


def _read_text(data: bytes, at: int, page: int) -> str:
    kind, size = read_number(data, at, "<H"), read_number(data, at + 4)
    if kind == _WIDE:
        return data[at + 8 : at + 8 + 2 * size].decode("utf-16-le", "replace").partition("\0")[0]
    if kind != _NARROW:
        return ""
    text = data[at + 8 : at + 8 + size]
    if page == _UTF16:
        return text.decode("utf-16-le", "replace").partition("\0")[0]
    return decode_bytes(text.rstrip(b"\0"), f"cp{page}" if page else "")
