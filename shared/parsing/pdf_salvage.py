"""A PDF whose directory is missing, because the file was cut off or damaged at its end: a copy with a new one.

pdfium finds the objects of such a file by itself, but not those that are packed into streams (ISO 32000-2, 7.5.7), and
not the pages without the catalog that most programs write last. The copy has both, and lists the pages that are there
with their fonts: the text of others would be read as other characters.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.pdf_page_fonts import REFERENCE, PageFonts
from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

# A damaged file larger than this is not worth the memory: it stands there as a whole.
_MOST_BYTES = 64 << 20
_TAIL_BYTES = 1 << 20
_OBJECT = re.compile(rb"(?<![0-9])([0-9]{1,7})[\s\x00]{1,9}[0-9]{1,5}[\s\x00]{1,9}obj(?![a-z])")
_BODY_END = re.compile(rb">>[\s\x00]{0,9}stream\r?\n|endobj")
_MOST_NUMBER = 4_000_000  # of an object, that pdfium reads
_LONGEST_DICTIONARY = 1 << 16
_PACKED = re.compile(rb"/Type\s{0,9}/ObjStm")
_COUNT, _FIRST = re.compile(rb"/N\s{1,9}([0-9]{1,7})"), re.compile(rb"/First\s{1,9}([0-9]{1,9})")
_CODED = re.compile(rb"/DecodeParms|/Filter(?!\s{0,9}\[?\s{0,9}/FlateDecode\s{0,9}[\]/>])")
_PAGE = re.compile(rb"/Type\s{0,9}/Page(?![A-Za-z])")
_CATALOG = re.compile(rb"/Type\s{0,9}/Catalog(?![A-Za-z])")
_CHILDREN = re.compile(rb"/Kids\s{0,9}\[([^\]]*+)")
_TREE = re.compile(rb"/Pages\s{1,9}([0-9]{1,7})\s{1,9}[0-9]{1,5}\s{1,9}R")
_KEPT = re.compile(rb"/(?:AcroForm|Outlines)\s{1,9}[0-9]{1,7}\s{1,9}[0-9]{1,5}\s{1,9}R")
_ENCRYPTED = re.compile(rb"/Encrypt[\s<]|/Filter\s{0,9}/Standard")


class _Found(Struct):
    """The objects of a file.

    Attributes:
        bodies: dictionaries by the number of their object, those of the last revision.
        packed: the numbers of objects that were packed into streams.
        end: where the last object that can be read ends.
        is_torn: whether that is a stream that does not end.
    """

    bodies: dict[int, bytes] = {}
    packed: set[int] = set()
    end: int = 0
    is_torn: bool = False


def is_cut(path: Path) -> bool:
    """Whether the file does not end as a PDF does, whatever programs have written after its end."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - _TAIL_BYTES))
        tail = stream.read()
    end = max(tail.rfind(b"startxref"), tail.rfind(b"%%EOF"))
    return end < 0 or _OBJECT.search(tail, end) is not None


def salvage(path: Path, limits: Limits) -> TemporaryCopy | None:
    """A copy of the file with a directory of the pages found; ``None`` where there are none, or it is encrypted.

    Raises:
        DocumentError: ``too_large``.
    """
    if path.stat().st_size > _MOST_BYTES:
        return None
    content = path.read_bytes()
    if _ENCRYPTED.search(content):
        return None  # its key is derived from what stands in the directory that is lost
    found = _find_objects(content, limits)
    fonts = PageFonts(found.bodies)
    pages = [page for page in _list_pages(found.bodies) if fonts.are_whole(page)]
    if not pages:
        return None
    return TemporaryCopy([content[: found.end], *_write_end(found, pages)], 2 * limits.max_unpacked_bytes)


def _find_objects(content: bytes, limits: Limits) -> _Found:
    found = _Found()
    left = limits.max_unpacked_bytes
    match = _OBJECT.search(content)
    while match and (body_end := _BODY_END.search(content, match.end())):
        number, body = int(match[1]), content[match.end() : min(body_end.end(), match.end() + _LONGEST_DICTIONARY)]
        found.end = body_end.end()
        is_stream = body_end[0] != b"endobj"
        if is_stream:
            end = content.find(b"endstream", body_end.end())
            found.is_torn = end < 0
            found.end = len(content) if found.is_torn else end + len(b"endstream")
        if 0 < number < _MOST_NUMBER:
            found.bodies[number] = body
            found.packed.discard(number)
        if is_stream and _PACKED.search(body):
            left -= _unpack(body, content[body_end.end() : found.end], left, found)
        match = _OBJECT.search(content, found.end)
    return found


def _unpack(body: bytes, data: bytes, most: int, found: _Found) -> int:
    """Add the objects in a stream of them; gives how many bytes they have."""
    count, first = _COUNT.search(body), _FIRST.search(body)
    if not count or not first or _CODED.search(body) or most <= 0:
        return 0
    text = data
    if b"/Filter" in body:
        try:
            text = zlib.decompressobj().decompress(data, most)
        except zlib.error:
            return 0
    head, start = text[: int(first[1])].split(), int(first[1])
    places = [int(word) for word in head[: 2 * int(count[1])] if word.isdigit() and len(word) < 10]
    ends = [*places[3::2], len(text) - start]
    before = 0
    for number, at, end in zip(places[::2], places[1::2], ends, strict=False):
        # Objects stand one after the other: what overlaps would be copied again and again.
        if before <= at <= end <= len(text) - start and 0 < number < _MOST_NUMBER:
            before = end
            found.bodies[number] = text[start + at : start + end]
            found.packed.add(number)
    return len(text)


def _list_pages(bodies: dict[int, bytes]) -> list[int]:
    """The pages in the order of the tree, as far as that is there; then the others as they stand in the file."""
    catalogs = (body for body in bodies.values() if _CATALOG.search(body))
    roots = [int(match[1]) for body in catalogs if (match := _TREE.search(body))]
    pages: dict[int, None] = {}
    waiting, seen = roots[-1:], set[int]()
    while waiting:
        number = waiting.pop()
        body = bodies.get(number, b"")
        if number in seen:
            continue
        seen.add(number)
        if _PAGE.search(body):
            pages[number] = None
        elif children := _CHILDREN.search(body):
            waiting += [int(match[1]) for match in reversed([*REFERENCE.finditer(children[1])])]
    return [*dict.fromkeys([*pages, *(number for number, body in bodies.items() if _PAGE.search(body))])]


def _write_end(found: _Found, pages: list[int]) -> Iterator[bytes]:
    """The objects that were packed, the list of the pages, and the directory's end."""
    if found.is_torn:
        yield b"\nendstream"
    yield b"\nendobj\n"
    for number in sorted(found.packed):
        yield b"%d 0 obj\n%b\nendobj\n" % (number, found.bodies[number])
    tree = max(found.bodies) + 1
    catalog = next((body for body in reversed(found.bodies.values()) if _CATALOG.search(body)), b"")
    children = b" ".join(b"%d 0 R" % page for page in pages)
    yield b"%d 0 obj\n<</Type/Pages/Count %d/Kids[%b]>>\nendobj\n" % (tree, len(pages), children)
    kept = b"".join(_KEPT.findall(catalog))
    yield b"%d 0 obj\n<</Type/Catalog/Pages %d 0 R%b>>\nendobj\n" % (tree + 1, tree, kept)
    yield b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n0\n%%%%EOF\n" % (tree + 2, tree + 1)
