"""Bytes in an encoding that the document around them names: the name is believed where the bytes agree."""

from __future__ import annotations

import codecs
from contextlib import closing, suppress

from shared.domain.errors import DocumentError
from shared.parsing.detection import detect
from shared.parsing.encoding import clean
from shared.parsing.scratch import TemporaryCopy

# What is called so is smaller than what is used: https://encoding.spec.whatwg.org/#names-and-labels
_SUPERSETS = {
    **dict.fromkeys(("gb2312", "gbk", "cp936", "gb_2312-80", "x-gbk", "csgb2312", "936", "ms936"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs", "cn-big5", "x-x-big5"), "cp950"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii", "windows-1252"), "cp1252"),
    **dict.fromkeys(("ks_c_5601-1987", "ks_c_5601", "euc-kr"), "cp949"),
    "unicode-1-1-utf-7": "utf-7",
    "utf8": "utf-8",
}
# Codecs that read text; Python has others (rot13, zip) that no document may name.
_TRUSTED = ("utf-", "utf8", "gb", "big5", "cp", "shift", "euc", "iso-", "iso8859", "iso2022", "windows-", "koi8")
_OTHERS = frozenset({"latin1", "hz", "hz-gb-2312", "johab", "ptcp154", "mac_roman", "macintosh", "tis-620"})


def find_codec(label: str) -> str:
    """Name of the codec for a declared encoding; empty where there is none, or none that reads text."""
    plain = label.strip().strip("\"'").lower()
    name = _SUPERSETS.get(plain, plain)
    if not name.startswith(_TRUSTED) and name not in _OTHERS:
        return ""
    try:
        codec = codecs.lookup(name)
        "".encode(codec.name)
    except (LookupError, ValueError, TypeError):
        return ""
    return codec.name


def decode_bytes(data: bytes, declared: str = "") -> str:
    """The text of ``data``, clean: in the encoding ``declared`` where it fits, else in the one that fits best."""
    codec = find_codec(declared)
    for name in filter(None, (codec, "utf-8")):
        with suppress(UnicodeError):
            return clean(data.decode(name))
    text = data.decode(codec, "replace") if codec else ""
    if text and text.count("\ufffd") <= 1 + len(text) // 1000:
        return clean(text)
    return _guess(data)


def _guess(data: bytes) -> str:
    """The text in the encoding that fits all of it best: a part of a document is in one."""
    try:
        with closing(TemporaryCopy([data], len(data))) as copy:
            encoding, _ = detect(copy.path)
    except DocumentError:  # no text in any encoding
        encoding = "cp1252"
    return clean(data.decode(encoding, "replace"))
