"""Bytes in an encoding that the document around them names: the name is believed where the bytes agree."""

from __future__ import annotations

import codecs
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError
from shared.parsing.detection import detect
from shared.parsing.encoding import clean
from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    import re
    from pathlib import Path

# The rules of HTML look in the first 1,024 bytes; pages in the wild put scripts before. What is decoded as a trial.
_DECLARATION_BYTES, _TRIAL_BYTES = 4096, 1 << 16

# What is called so is smaller than what is used: https://encoding.spec.whatwg.org/#names-and-labels
_SUPERSETS = {
    **dict.fromkeys(("gb2312", "gbk", "cp936", "gb_2312-80", "x-gbk", "csgb2312", "936", "ms936"), "gb18030"),
    **dict.fromkeys(("big5", "big5-hkscs", "cn-big5", "x-x-big5"), "cp950"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis"), "cp932"),
    **dict.fromkeys(("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii", "windows-1252"), "cp1252"),
    **dict.fromkeys(("ks_c_5601-1987", "ks_c_5601", "euc-kr"), "cp949"),
    **dict.fromkeys(("tis-620", "iso-8859-11", "windows-874"), "cp874"),
    **dict.fromkeys(("iso-8859-9", "latin5"), "cp1254"),
    "x-mac-cyrillic": "mac_cyrillic",
    "unicode-1-1-utf-7": "utf-7",
    "utf8": "utf-8",
}
# Codecs that read text; Python has others (rot13, zip) that no document may name.
_TRUSTED = (
    *("utf-", "utf8", "gb", "big5", "shift", "euc", "iso-", "iso8859", "iso2022"),
    *("windows-", "koi8", "cp", "ibm", "mac"),
)
_OTHERS = frozenset({"latin1", "hz", "hz-gb-2312", "johab", "ptcp154"})


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


def find_declared(path: Path, declaration: re.Pattern[bytes]) -> str:
    """The codec of the encoding that a file names; empty where its bytes do not agree.

    Args:
        path: the file. Those that were converted may keep an old label.
        declaration: finds the declaration, its first group being the name.
    """
    with path.open("rb") as stream:
        head = stream.read(_TRIAL_BYTES)
    match = declaration.search(head[:_DECLARATION_BYTES])
    if not match or _is_unicode(head):
        return ""
    codec = find_codec(match[1].decode("ascii", "replace"))
    text = head.decode(codec, "replace") if codec else ""
    # Encodings that are no extension of ASCII read another text than the one the name was found in.
    is_right = match[0].decode("latin-1") in text and text.count("\ufffd") <= 1 + len(text) // 1000
    return codec if is_right else ""


def _is_unicode(head: bytes) -> bool:
    """Whether the bytes are marked as UTF-8 or UTF-16, or are UTF-8 that goes beyond ASCII."""
    if head.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        return not codecs.getincrementaldecoder("utf-8")().decode(head).isascii()
    except UnicodeDecodeError:
        return False


def decode_bytes(data: bytes, declared: str = "") -> str:
    """The text of ``data``, clean: in the encoding ``declared`` where it fits, else in the one that fits best."""
    codec = find_codec(declared)
    if codec.startswith(("utf-16", "utf-32")) and 0 not in data:
        codec = ""  # an old label: a line end or a space would hold a zero byte
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
