"""Encodings of rich text: the codec that a font or the file names, and bytes read with it."""

from __future__ import annotations

import re

from shared.parsing.symbols import show

_CHARSETS = {
    0: "",
    1: "",
    2: "symbol",
    77: "mac_roman",
    128: "cp932",
    129: "cp949",
    130: "johab",
    134: "gb18030",
    136: "cp950",
    161: "cp1253",
    162: "cp1254",
    163: "cp1258",
    177: "cp1255",
    178: "cp1256",
    186: "cp1257",
    204: "cp1251",
    222: "cp874",
    238: "cp1250",
    254: "cp437",
    255: "cp850",
}
_PAGES = {936: "gb18030", 10000: "mac_roman", 65001: "utf-8", 1361: "johab", 54936: "gb18030", 20936: "gb18030"}
_WIDE = frozenset({"gb18030", "cp932", "cp949", "cp950", "johab"})
_HIGH_RUN = re.compile(rb"[\x80-\xff]{2}")


def find_encoding(number: int, *, is_charset: bool = False) -> str:
    """Name of the codec of a character set of Windows or of a code page; empty for the default or an unknown one."""
    if is_charset:
        return _CHARSETS.get(number, "")
    name = _PAGES.get(number, f"cp{number}")
    try:
        "".encode(name)
    except (LookupError, UnicodeError):
        return ""
    return name


def read_bytes(data: bytes, encoding: str, font: str) -> str:
    """The text that bytes in a font's encoding are shown as."""
    if data.isascii() and not font:
        return data.decode("ascii")
    if encoding == "symbol":
        return show(font, data.decode("latin-1"))
    if encoding in _WIDE and not _HIGH_RUN.search(data) and len(data) > 1:
        # Fonts of the West do not name their encoding where the document's own is one of the East.
        try:
            return data.decode(encoding) if _is_wide(data, encoding) else data.decode("cp1252", "replace")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")
    return data.decode(encoding, "replace")


def _is_wide(data: bytes, encoding: str) -> bool:
    """Whether ``data`` holds East Asian characters of two bytes rather than accented letters."""
    text = data.decode(encoding, "replace")
    return "\ufffd" not in text and any(character > "\u2e7f" for character in text)
