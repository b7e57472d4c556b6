"""Bytes to text: a stream of clean characters whatever a text file holds."""

from __future__ import annotations

import codecs
import io
import re
from functools import partial
from typing import TYPE_CHECKING

from shared.language.radicals import RADICALS
from shared.parsing.detection import detect, read_line
from shared.parsing.prose import pieces
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_CHUNK_BYTES = 1 << 20
_NOISE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufff9-\uffff\U000e0000-\U000e007f]+"
)
# Joiners (U+200C, U+200D) belong to the spelling of Persian, Indic and other scripts and to composed emoji; elsewhere
# they are noise.
_JOINED = "\u0590-\u109f\u1780-\u18af\ua840-\uabff\ufb1d-\ufdff\ufe0f\ufe70-\ufefc\u2190-\u2bff\U0001f000-\U0001faff"
_USELESS_JOINER = re.compile(f"(?<![{_JOINED}])[\u200c\u200d]+|[\u200c\u200d]+(?![{_JOINED}\u200c\u200d])")
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Those that end a line in formats of records; the others may stand in a value, as JavaScript writes them.
_RECORD_BREAKS = re.compile("\r\n?")
# What a terminal acts on and does not show: colours, cursor, titles. ECMA-48, 5.4 and 5.6; possessive, so linear.
_ESCAPE = re.compile(
    "\x1b\\[[0-?]*+[ -/]*+[@-~]?|\x1b[\\]PX^_][^\x07\x1b\n]*+(?:\x07|\x1b\\\\)|\x1b[ -/]*+[0-~]?"
    "|\x9b[0-9;]*+[A-HJKSTfmsu]"
)
_LONGEST_ESCAPE_CHARACTERS = 512
# A character typed over another, as manual pages are printed bold or underlined.
_OVERSTRUCK = re.compile("[^\x08\n]\x08")
# Only copies of PDF files hold these; what is seen is the ordinary character.
_LOOKALIKE = re.compile("[\u2e80-\u2fd5\ufb00-\ufb06]")
_LIGATURES = ("ff", "fi", "fl", "ffi", "ffl", "st", "st")
_LOOKALIKES = RADICALS | {0xFB00 + place: letters for place, letters in enumerate(_LIGATURES)}
_PAGE_BREAK = "\x0c"
# Characters NUL that end or fill up a string; where they come after each letter, the text is UTF-16 inside another one.
_STRING_END = re.compile("(?<!\x00[^\x00])\x00+(?![^\x00]\x00)")


def clean(text: str, breaks: re.Pattern[str] = _BREAKS) -> str:
    """``text`` without what is not shown, so that it encodes to UTF-8 and equal texts are equal.

    Terminal escape sequences, control and zero-width characters, byte-order marks, lone surrogates and replacement
    characters go, but for joiners inside words and emoji; every kind of line break becomes ``\\n``; radicals and
    ligatures that PDF files are copied with become the characters they look like.

    Args:
        text: any text.
        breaks: which kinds of line breaks are replaced.
    """
    if "\x1b" in text or "\x9b" in text:
        text = _ESCAPE.sub("", text)
    if "\x08" in text:
        text = _OVERSTRUCK.sub("", text)
    text = _NOISE.sub("", breaks.sub("\n", text))
    if text.isascii():
        return text
    if "\u200c" in text or "\u200d" in text:
        text = _USELESS_JOINER.sub("", text)
    return _LOOKALIKE.sub(lambda match: _LOOKALIKES.get(ord(match[0]), match[0]), text)


def decode(path: Path, *, pages: bool = False, strings: bool = False, records: bool = False) -> Iterator[str]:
    """The text of a file in clean stretches of about a million characters.

    Args:
        path: the file.
        pages: whether page breaks (form feeds) are kept; else they are line breaks.
        strings: whether characters NUL that end strings become line breaks; else they are removed.
        records: whether the file holds records, whose values may have other breaks than those of lines; these stay.

    Raises:
        DocumentError: ``format_mismatch`` when the bytes are not text in any encoding.
    """
    held = ""
    breaks = _RECORD_BREAKS if records else _BREAKS
    for text in map(_end_strings, _decoded(path)) if strings else _decoded(path):
        # An escape sequence may go on in the next stretch.
        cut = text.find("\x1b", max(0, len(text) - _LONGEST_ESCAPE_CHARACTERS))
        ready, held = (held + text, "") if cut < 0 else (held + text[:cut], text[cut:])
        yield _cleaned(ready, breaks, pages=pages)
    yield _cleaned(held, breaks, pages=pages)


def _end_strings(text: str) -> str:
    return _STRING_END.sub("\n", text) if "\x00" in text else text


def _cleaned(text: str, breaks: re.Pattern[str], *, pages: bool) -> str:
    return _PAGE_BREAK.join(map(clean, text.split(_PAGE_BREAK))) if pages else clean(text, breaks)


def _decoded(path: Path) -> Iterator[str]:
    encoding, mixed = detect(path)
    with path.open("rb") as stream:
        blocks = iter(partial(stream.read, _CHUNK_BYTES), b"")
        if mixed:
            yield from _mixed(blocks, encoding)
            return
        # A byte that does not fit is dropped: one damaged character must not cost the whole document.
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
        for data in blocks:
            yield decoder.decode(data)
        yield decoder.decode(b"", final=True)


def _mixed(blocks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The text of a file that is not UTF-8, or not in every line."""
    rest = b""
    for data in blocks:
        *whole, rest = (rest + data).split(b"\n")
        if len(rest) > _CHUNK_BYTES:
            cut = _last_break(rest)
            whole, rest = [*whole, rest[:cut]], rest[cut:]
            yield "\n".join(read_line(line, encoding) for line in whole)
        elif whole:
            yield "".join(f"{read_line(line, encoding)}\n" for line in whole)
    yield read_line(rest, encoding)


def _last_break(line: bytes) -> int:
    """Where a line may be cut: before the last byte that is no part of a longer character in these encodings."""
    cut = max(line.rfind(mark) for mark in (b" ", b",", b".", b"-", b'"'))
    return cut if cut > 0 else len(line)


def decode_whole(path: Path, longest: int, declared: str = "", *, records: bool = False) -> str:
    """The text of a file that must stand in memory whole.

    Args:
        path: the file.
        longest: most bytes, in UTF-8, that may be read.
        declared: the encoding the document itself names; believed where the bytes agree.
        records: as in `decode`.

    Raises:
        DocumentError: ``too_large``; ``format_mismatch`` when the bytes are not text.
    """
    if path.stat().st_size > 2 * longest:
        raise _too_large(longest)
    if declared:
        return _bounded(clean(path.read_bytes().decode(declared, "replace")), longest)
    return _bounded("".join(decode(path, records=records)), longest)


def _bounded(text: str, longest: int) -> str:
    if len(text.encode()) > longest:
        raise _too_large(longest)
    return text


def _too_large(longest: int) -> Exception:
    return refuse("too_large", f"A file of this format may hold at most {longest // (1 << 20)} MiB of text.")


def lines(path: Path, longest: int, *, cut: bool, records: bool = False) -> Iterator[str]:
    """The lines of a text file, without their ends.

    Args:
        path: the file.
        longest: most characters in one line.
        cut: whether a longer line is given in pieces, cut at sentences or spaces, instead of refused.
        records: as in `decode`.

    Raises:
        DocumentError: ``too_large`` for a longer line when ``cut`` is false.
    """
    return split_lines(decode(path, records=records), longest, cut=cut)


def split_lines(texts: Iterable[str], longest: int, *, cut: bool) -> Iterator[str]:
    """The lines of a text given in parts; the arguments are those of `lines`.

    Raises:
        DocumentError: ``too_large`` for a longer line when ``cut`` is false.
    """
    rest = ""
    for text in texts:
        rest += text
        *whole, rest = rest.split("\n")
        for line in whole:
            yield from _fitting(line, longest, cut=cut)
        if len(rest) > longest:
            *ready, rest = _fitting(rest, longest, cut=cut)
            yield from ready
    if rest:
        yield from _fitting(rest, longest, cut=cut)


def _fitting(line: str, longest: int, *, cut: bool) -> Iterator[str]:
    if len(line) <= longest:
        yield line
    elif cut:
        yield from pieces(line, longest)
    else:
        raise refuse("too_large", f"A line is longer than {longest} characters.")
