"""Header fields of messages: encoded words, percent signs and raw bytes become text."""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.header import decode_header
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from shared.parsing.charset import decode_bytes

if TYPE_CHECKING:
    from email.message import Message

_BASE64_WORD = re.compile(r"(=\?[^?\s]{1,75}\?[bB]\?)([^?]{0,4000})\?=")
_NO_BASE64 = re.compile("[^A-Za-z0-9+/]")
# Two encoded words, the first of which ends inside of a group of four characters of Base64.
_SPLIT_WORD = re.compile(r"(?<=[A-Za-z0-9+/])\?=\s{1,100}=\?[^?\s]{1,40}\?[bB]\?")
# Where words do not end, decoding takes time with the square of the length: what follows stays as it is.
_LONGEST_DECODED = 1 << 15
_WORD_KIND = re.compile(r"=\?([^?\s]{1,40}\?[bBqQ])\?")


def read_header(message: Message, name: str) -> str:
    """The fields with this name, decoded, one after the other."""
    # As they are in the file: the other ways replace bytes that no charset is declared for.
    values = (value for key, value in message.raw_items() if key.lower() == name.lower())
    return ", ".join(filter(None, map(decode_field, values)))


def has_raw_bytes(text: str) -> bool:
    """Whether a field holds bytes that no charset is declared for, as the parser keeps them."""
    return any("\udc80" <= character <= "\udcff" for character in text)


def decode_raw(text: str) -> str:
    """A field with such bytes, in the encoding that they look like."""
    return decode_bytes(text.encode("utf-8", "surrogateescape"))


def decode_field(value: object) -> str:
    """A header in encoded words (RFC 2047), percent signs (RFC 2231), or as raw bytes in any encoding."""
    text = str(value)
    if has_raw_bytes(text):
        text = decode_raw(text)
    if text.lower().startswith(("utf-8''", "gb2312''", "gbk''", "gb18030''")):
        charset, _, quoted = text.partition("''")
        return decode_bytes(unquote_to_bytes(quoted), charset)
    if "=?" not in text:
        return text
    text, rest = text[:_LONGEST_DECODED], text[_LONGEST_DECODED:]
    if len({kind.lower() for kind in _WORD_KIND.findall(text)}) == 1:
        text = _SPLIT_WORD.sub("", text)
    try:
        found = _decode_words(text)
    except (HeaderParseError, ValueError, LookupError):
        return text + rest
    shown = (part if isinstance(part, str) else decode_bytes(part, charset or "") for part, charset in found)
    return "".join(shown) + rest


def _decode_words(text: str) -> list[tuple[bytes | str, str | None]]:
    """The parts of a header and their charsets; an encoded word that was cut off counts as far as it goes.

    Raises:
        HeaderParseError: a word cannot be decoded.
    """
    try:
        return decode_header(text)
    except HeaderParseError:
        return decode_header(_BASE64_WORD.sub(_trim_word, text))


def _trim_word(word: re.Match[str]) -> str:
    """A word in base64 without what is no base64 and without the rest of a group of four."""
    data = _NO_BASE64.sub("", word[2])
    return f"{word[1]}{data[: len(data) // 4 * 4]}?="
