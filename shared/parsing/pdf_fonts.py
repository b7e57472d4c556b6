"""The one font pdfium may use for text in a font that is named in a PDF but not embedded in it.

pdfium drops a text object with an empty box, and a single character of a font it cannot find has no box. So it gets a
font in which each code point has the same box. It is handed over in memory: pdfium reads no font of the machine.
Chinese fonts take seconds and tens of megabytes to load, and the text must not depend on what is installed.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from typing import Any, Final

# Windows character sets: Symbol (what pdfium takes a font with glyph numbers for), Shift-JIS, Hangul, Johab, GB2312,
# Big5, Greek, Hebrew, Arabic, Cyrillic, Thai, Eastern Europe.
# https://learn.microsoft.com/openspecs/windows_protocols/ms-wmf/0d0b32ac-a836-4bd2-a112-b6000a1b4fc9
_CHARACTER_SETS: Final = frozenset({2, 128, 129, 130, 134, 136, 161, 177, 178, 204, 222, 238})
_NAME: Final = b"Box"
_UNITS: Final = 1000
_BOX: Final = (0, -120, 1000, 880)
# Anything but null: pdfium only asks whether there is a font.
_HANDLE: Final = 1


@cache
def build_box_font() -> bytes:
    """A TrueType font of about 700 bytes in which each code point is the same full-width box.

    https://learn.microsoft.com/typography/opentype/spec/otff
    """
    left, bottom, right, top = _BOX
    glyph = struct.pack(">hhhhh", 1, *_BOX) + struct.pack(">HH", 3, 0) + b"\x01" * 4
    glyph += struct.pack(">8h", left, right - left, 0, left - right, bottom, 0, top - bottom, 0)
    tables = {
        b"OS/2": _os2(),
        b"cmap": _cmap(),
        b"glyf": glyph,
        b"head": struct.pack(
            ">IIIIHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5F0F3CF5, 3, _UNITS, 0, 0, *_BOX, 0, 8, 2, 1, 0
        ),
        b"hhea": struct.pack(">IhhhHhhhhhh4hhH", 0x10000, top, bottom, 0, _UNITS, 0, 0, right, 1, 0, 0, *[0] * 5, 2),
        b"hmtx": struct.pack(">HhHh", _UNITS, 0, _UNITS, 0),
        b"loca": struct.pack(">III", 0, 0, len(glyph)),
        b"maxp": struct.pack(">I14H", 0x10000, 2, 4, 1, 0, 0, 2, *[0] * 8),
        b"name": _names(),
        b"post": struct.pack(">IIhhI16x", 0x30000, 0, -100, 50, 1),
    }
    return _file(tables)


def _file(tables: dict[bytes, bytes]) -> bytes:
    directory = struct.pack(">IHHHH", 0x10000, len(tables), 128, 3, 16 * len(tables) - 128)
    offset = 12 + 16 * len(tables)
    content = b""
    for tag, table in sorted(tables.items()):
        padded = table + b"\0" * (-len(table) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4sIII", tag, total, offset + len(content), len(table))
        content += padded
    return directory + content


def _cmap() -> bytes:
    """Format 13 maps a whole range of code points to one glyph."""
    group = struct.pack(">HHIIIIII", 13, 0, 28, 0, 1, 0x20, 0x10FFFF, 1)
    return struct.pack(">HHHHI", 0, 1, 3, 10, 12) + group


def _os2() -> bytes:
    """Version 1, with the bits of all code pages."""
    _, bottom, _, top = _BOX
    head = struct.pack(">HhHHH", 1, _UNITS, 400, 5, 0) + struct.pack(">10hh", *[500] * 10, 0)
    ranges = b"\0" * 10 + struct.pack(">4I", *[0xFFFFFFFF] * 4) + b"NONE"
    heights = struct.pack(">HHHhhhHH", 0x40, 0x20, 0xFFFF, top, bottom, 0, top, -bottom)
    return head + ranges + heights + struct.pack(">II", *[0xFFFFFFFF] * 2)


def _names() -> bytes:
    text = _NAME.decode().encode("utf-16-be")
    kinds = (1, 2, 4, 6)
    head = struct.pack(">HHH", 0, len(kinds), 6 + 12 * len(kinds))
    return head + b"".join(struct.pack(">6H", 3, 1, 0x409, kind, len(text), 0) for kind in kinds) + text


def install(raw: Any) -> object:
    """Make ``raw``, pdfium's API, take the box font for every missing font of a script it has no font for.

    Returns:
        what pdfium points to; it must be kept for as long as pdfium is used.
    """
    source = raw.FPDF_SYSFONTINFO(version=1)
    kinds = dict(raw.FPDF_SYSFONTINFO._fields_)
    calls = {
        "Release": lambda _: None,
        "EnumFonts": lambda _, __: None,
        "MapFont": lambda _, __, ___, charset, *____: _HANDLE if charset in _CHARACTER_SETS else None,
        "GetFont": lambda _, __: None,
        "GetFontData": lambda _, __, table, buffer, size: _copy(_table(table), buffer, size),
        "GetFaceName": lambda _, __, buffer, size: _copy(_NAME + b"\0", buffer, size),
        "GetFontCharset": lambda _, __: 134,
        "DeleteFont": lambda _, __: None,
    }
    for name, call in calls.items():
        setattr(source, name, kinds[name](call))
    raw.FPDF_SetSystemFontInfo(ctypes.byref(source))
    return source


def _table(tag: int) -> bytes:
    """The table of ``tag``, four characters as a number; the whole font for 0."""
    font = build_box_font()
    if not tag:
        return font
    name = struct.pack(">I", tag)
    for place in range(12, 12 + 16 * struct.unpack_from(">H", font, 4)[0], 16):
        found, _, offset, length = struct.unpack_from(">4sIII", font, place)
        if found == name:
            return font[offset : offset + length]
    return b""


def _copy(data: bytes, buffer: Any, size: int) -> int:
    if buffer and size >= len(data):
        ctypes.memmove(buffer, data, len(data))
    return len(data)
