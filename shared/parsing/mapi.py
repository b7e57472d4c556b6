"""Properties of messages as Outlook stores them, whichever file they are in.

Their numbers are those of [MS-OXPROPS]: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxprops/.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from shared.parsing.charset import decode_bytes
from shared.parsing.doc_file import read_number

_EPOCH = dt.datetime(1601, 1, 1, tzinfo=dt.UTC)
_CODE_PAGES = {65001: "utf-8", 936: "gb18030", 54936: "gb18030", 20936: "gb18030", 20127: "us-ascii", 28591: "latin1"}
OBJECT = 0x0D
_MANY, _NARROW, _WIDE, _BYTES = 0x1000, 0x1E, 0x1F, 0x0102
_NAMED, _BY_TEXT = 0x8000, 1
# Bytes of a value by its type; those of two are filled up to four.
_SIZES = {0x01: 4, 0x02: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}


class Properties(Struct):
    """Properties by their number.

    Attributes:
        values: type and bytes of each.
        encoding: codec of narrow texts; empty where it is unknown.
    """

    values: dict[int, tuple[int, bytes]] = {}
    encoding: str = ""

    def text(self, number: int, encoding: str = "") -> str:
        """A text; empty where there is none."""
        kind, data = self.values.get(number, (_BYTES, b""))
        if kind == _WIDE:
            return data[: len(data) // 2 * 2].decode("utf-16-le", "replace").rstrip("\x00")
        return decode_bytes(data.rstrip(b"\x00"), encoding or self.encoding) if kind in (_NARROW, _BYTES) else ""

    def data(self, number: int) -> bytes:
        """The bytes of a property; empty where there is none."""
        return self.values.get(number, (_BYTES, b""))[1]

    def number(self, number: int) -> int:
        """A number, or a time; 0 where there is none."""
        return int.from_bytes(self.data(number)[:8], "little")


def read_properties(data: bytes, at: int = 0) -> tuple[Properties, int]:
    """The properties in a packed list ([MS-OXTNEF] 2.1.3.4), and where it ends; what is cut off is missing.

    Args:
        data: holds the list.
        at: where its number of properties is.
    """
    found = Properties()
    count, at = read_number(data, at), at + 4
    while count and at < len(data):
        count -= 1
        kind, number = read_number(data, at, "<H"), read_number(data, at + 2, "<H")
        at += 4
        if number >= _NAMED:
            is_text = read_number(data, at + 16) == _BY_TEXT
            at += 24 + (_filled(read_number(data, at + 20)) if is_text else 0)
        value, at = _read_value(data, at, kind)
        if value and not kind & _MANY:
            found.values[number] = kind, value
    return found, at


def _read_value(data: bytes, at: int, kind: int) -> tuple[bytes, int]:
    """The last value of a property, and where the next one begins: at the end where the type is unknown."""
    base = kind & ~_MANY
    is_long = base in (OBJECT, _NARROW, _WIDE, _BYTES)
    count, at = (read_number(data, at), at + 4) if is_long or kind & _MANY else (1, at)
    if not is_long:
        size = _SIZES.get(base, len(data)) * count
        return data[at : at + size], at + size
    value = b""
    while count and at < len(data):
        size = read_number(data, at)
        value, at, count = data[at + 4 : at + 4 + size], at + 4 + _filled(size), count - 1
    return value, at


def _filled(size: int) -> int:
    return -(-size // 4) * 4


def find_encoding(page: int) -> str:
    """Name of the encoding of a code page; empty for none."""
    return _CODE_PAGES.get(page, f"cp{page}") if page else ""


def show_time(ticks: int) -> str:
    """A time in units of 100 ns since 1601 as the header of a message has it; empty for none."""
    if not ticks:
        return ""
    try:
        return (_EPOCH + dt.timedelta(microseconds=ticks // 10)).strftime("%Y-%m-%d %H:%M %z")
    except (OverflowError, ValueError):
        return ""


def show_sender(name: str, address: str) -> str:
    """A sender as the header of a message has it."""
    return f"{name} <{address}>" if "@" in address and name != address else name or address
