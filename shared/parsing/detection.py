"""Which encoding a text file is in, and the text of lines in files that mix several.

UTF-8 is checked strictly over the whole file, because a file may be ASCII for a megabyte and GB18030 after it. Where
UTF-8 fails, the lines around the failure that are not UTF-8 are decoded by each candidate, and the one that gives the
most common characters of its language wins; charset-normalizer is asked when none is convincing.
"""

from __future__ import annotations

import codecs
import re
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING

from shared.parsing.alphabets import NARROW, score_cyrillic
from shared.parsing.common_characters import CHINESE, JAPANESE, KOREAN, LATIN
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from shared.parsing.alphabets import Score

_CHUNK_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 16
_NARROW_BYTES = 1 << 14  # letters of an alphabet tell sooner than characters
# Below this share of common characters a guess is no better than chance: misread Chinese scores under 0.15.
_CONVINCING = 0.25
# A line in another encoding than the rest of its file must look more like text than this.
_CONVINCING_LINE = 0.5
# Fewer characters than this say nothing about an encoding.
_FEWEST_CHARACTERS = 3
# A greater share of zero bytes is no text.
_MOST_ZEROS = 0.75
_CONTROLS = bytes({*range(1, 8), 11, *range(14, 27), *range(28, 32)})

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# ISO 2022 and HZ: https://www.rfc-editor.org/rfc/rfc1468, 1557 and 1843
_SWITCHES = {b"\x1b$B": "iso2022_jp_2", b"\x1b$@": "iso2022_jp_2", b"\x1b$)C": "iso2022_kr", b"~{": "hz"}

_FOREIGN_RUN = re.compile("[^\x00-\x7f]+")


def detect(path: Path) -> tuple[str, bool]:
    """Name of the codec that reads the file, and whether single lines may be in others.

    Raises:
        DocumentError: ``format_mismatch`` when the bytes are not text in any encoding.
    """
    with path.open("rb") as stream:
        head = stream.read(_SAMPLE_BYTES)
    if named := find_unicode(head) or _escaped(head):
        return named, False
    if _is_binary(head):
        raise refuse("format_mismatch", "The name says this is text, but the content is not.")
    failure = _utf8_failure(path)
    if failure is None:
        return "utf-8", False
    with path.open("rb") as stream:
        stream.seek(max(0, failure - _SAMPLE_BYTES // 2))
        sample = stream.read(_SAMPLE_BYTES)
    return _guess(_foreign(sample)), True


def find_unicode(head: bytes) -> str:
    """The encoding of Unicode that the mark or the zero bytes in the first bytes of a file tell; empty without them."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), "") or _wide(head)


def read_line(line: bytes, encoding: str) -> str:
    """The text of a line of a file that mixes lines in UTF-8, in ``encoding``, and in other encodings."""
    if line.isascii():
        return line.decode("ascii")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        return _read_foreign(line, encoding)
    # Two bytes that are one UTF-8 character may be a Chinese one: "联通" in GB18030.
    if encoding == "utf-8" or max(text) > "\u07ff" or _latin(text) > _CONVINCING_LINE or score_cyrillic(text):
        return text
    other = _strict(line, encoding)
    return other if _score(other, encoding) > _CONVINCING_LINE else text


def _read_foreign(line: bytes, encoding: str) -> str:
    text = "" if encoding == "utf-8" else _strict(line, encoding)
    if text and (encoding not in _CANDIDATES or _foreigners(text) < _FEWEST_CHARACTERS):
        return text
    if text and _score(text, encoding) >= _CONVINCING:
        return text
    if _is_damaged_utf8(line):
        return line.decode("utf-8", "replace")
    best, score = _best(line, _OF_LINES)
    return _strict(line, best) if score >= _CONVINCING_LINE else text or line.decode(encoding, "replace")


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return ""


def _score(text: str, encoding: str) -> float:
    return _CANDIDATES[encoding](text) if text and encoding in _CANDIDATES else 0.0


def _foreigners(text: str) -> int:
    return sum(1 for character in text if character > "\x7f")


def _foreign(sample: bytes) -> bytes:
    """The lines of ``sample`` that are not UTF-8, all of it where that leaves too little."""
    lines = sample.split(b"\n")
    # The sample may begin and end within a character.
    whole = lines[1:-1] if len(lines) > 2 and len(sample) == _SAMPLE_BYTES else lines
    foreign = [line for line in whole if not line.isascii() and not _strict(line, "utf-8")]
    return b"\n".join(foreign) or sample


def _wide(head: bytes) -> str:
    """UTF-32 or UTF-16 without a mark: by the zero bytes of most characters, or by common Chinese ones."""
    if len(head) % 4 == 0 and 0 in head[:4]:
        for encoding, high in (("utf-32-be", head[0::4]), ("utf-32-le", head[3::4])):
            if not any(high) and "\0" not in (_decoded(head, encoding) or "\0"):
                return encoding
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > 0.2 * half and even < 0.02 * half + 1:
        return "" if _is_narrow(head, "utf-16-le") else "utf-16-le"
    if even > 0.2 * half and odd < 0.02 * half + 1:
        return "" if _is_narrow(head, "utf-16-be") else "utf-16-be"
    if 0 in head[:1024]:
        for encoding in ("utf-16-le", "utf-16-be"):
            text = _decoded(head, encoding)
            if text and _share(text, CHINESE) > _CONVINCING:
                return encoding
    return ""


def _escaped(head: bytes) -> str:
    """An encoding in seven bits, which escape sequences switch to Chinese, Japanese or Korean."""
    for mark, encoding in _SWITCHES.items():
        if mark in head and head.isascii() and (text := _decoded(head, encoding)):
            score = max(_share(text, CHINESE), _japanese(text), _share(text, KOREAN))
            return encoding if score > _CONVINCING else ""
    return ""


def _is_narrow(head: bytes, encoding: str) -> bool:
    """Whether zero bytes end strings of UTF-8: two letters then read as one rare character in UTF-16."""
    if _count_controls(head) or not _decoded(head.replace(b"\0", b""), "utf-8"):
        return False
    text = head.decode(encoding, "replace")
    return _foreigners(text) > 0.3 * len(text) and max(_share(text, CHINESE), _japanese(text)) < _CONVINCING


def _is_binary(head: bytes) -> bool:
    controls, zeros = _count_controls(head), head.count(0)
    if controls or zeros > _MOST_ZEROS * len(head):
        return controls + zeros > 0.1 * len(head)
    # Strings that zero bytes end or fill up, as programs list names, are text.
    return zeros > 0.1 * len(head) and not _decoded(head, "utf-8")


def _count_controls(head: bytes) -> int:
    """Bytes that no text holds; zero bytes aside."""
    return len(head) - len(head.translate(None, _CONTROLS))


def _utf8_failure(path: Path) -> int | None:
    """Offset of the first bytes that are not UTF-8, near enough to sample around it."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    offset = 0
    with path.open("rb") as stream:
        while data := stream.read(_CHUNK_BYTES):
            try:
                decoder.decode(data)
            except UnicodeDecodeError as error:
                return offset + error.start
            offset += len(data)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return offset
    return None


def _guess(sample: bytes) -> str:
    if _is_damaged_utf8(sample):
        return "utf-8"
    best, score = _best(sample, NARROW)
    if score >= _CONVINCING:
        return best
    # Imported here: its tables cost 20 ms and almost every file is decided before.
    from charset_normalizer import from_bytes

    guess = from_bytes(sample[: 1 << 14]).best()
    return guess.encoding if guess else "cp1252"


def _best(sample: bytes, narrow: Mapping[str, Score]) -> tuple[str, float]:
    """The candidate that reads ``sample`` best, and its score."""
    found = _best_of(sample, _WIDE)
    return (
        found
        if found[1] > _CONVINCING_LINE
        else max(found, _best_of(sample[:_NARROW_BYTES], narrow), key=itemgetter(1))
    )


def _best_of(sample: bytes, candidates: Mapping[str, Score]) -> tuple[str, float]:
    scores = {encoding: score(text) for encoding, score in candidates.items() if (text := _decoded(sample, encoding))}
    best = max(scores, key=lambda encoding: scores[encoding], default="")
    return best, scores.get(best, 0.0)


def _is_damaged_utf8(sample: bytes) -> bool:
    """Whether ``sample`` is UTF-8 but for a few bytes; the other encodings break nearly every sequence."""
    text = sample.decode("utf-8", "replace")
    foreign = sum(1 for character in text if character > "\x7f")
    wrong = text.count("\ufffd")
    return foreign - wrong > 10 * wrong


def _decoded(sample: bytes, encoding: str) -> str:
    """``sample`` decoded strictly, but for characters its ends cut in two; empty when it does not fit."""
    for start in range(4 if len(sample) == _SAMPLE_BYTES else 1):
        try:
            return codecs.getincrementaldecoder(encoding)("strict").decode(sample[start:])
        except UnicodeDecodeError:
            continue
    return ""


def _share(text: str, common: frozenset[str]) -> float:
    """Share of the non-ASCII characters of ``text`` that are in ``common``."""
    foreign = [character for character in text if character > "\x7f"]
    return sum(1 for character in foreign if character in common) / max(1, len(foreign))


def _japanese(text: str) -> float:
    foreign = [character for character in text if character > "\x7f"]
    hits = sum(1 for character in foreign if "\u3041" <= character <= "\u30fe" or character in JAPANESE)
    # Without kana it is not Japanese, and misread Chinese has next to none.
    kana = sum(1 for character in foreign if "\u3041" <= character <= "\u30fe")
    return hits / max(1, len(foreign)) if kana > 0.15 * len(foreign) else 0.0


def _latin(text: str) -> float:
    """Western letters stand alone among ASCII; misread Chinese comes in pairs."""
    foreign = alone = 0
    for run in _FOREIGN_RUN.findall(text):
        foreign += len(run)
        alone += run in LATIN
    return alone / max(1, foreign)


# Encodings with characters of two bytes.
_WIDE: dict[str, Score] = {
    "gb18030": partial(_share, common=CHINESE),
    "cp950": partial(_share, common=CHINESE),
    "cp932": _japanese,
    "euc_jp": _japanese,
    "cp949": partial(_share, common=KOREAN),
}
_CANDIDATES = {**_WIDE, **NARROW}
# A line is too short to tell the others.
_OF_LINES = {encoding: NARROW[encoding] for encoding in ("cp1252", "cp1251", "koi8_r", "cp866")}
