"""The entries of a zip container whose directory is missing, because the file was cut off or damaged at its end.

Each entry begins with a header of its own, which is enough to find it; programs that repair archives do the same.
https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7 to 4.3.16.
"""

from __future__ import annotations

import struct
import zlib
from itertools import chain
from typing import IO, TYPE_CHECKING

from msgspec import Struct

from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_SIGNATURE = b"PK\x03\x04"
# Where a record of the directory has the offset of its entry, and what stands there when it needs more bytes.
_OFFSET_AT, _ZIP64 = 42, 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW = 0x1, 0x8
# Sizes and a checksum after the data, of 12 to 24 bytes.
_LONGEST_DESCRIPTOR = 24
_CHUNK_BYTES = 1 << 18
_MOST_ENTRIES = 0xFFFF


class _Entry(Struct, frozen=True):
    """An entry: where its header begins, what stands there, and what its data proved to be."""

    offset: int
    name: bytes
    flags: int
    method: int
    checksum: int
    packed: int
    unpacked: int


class _Data(Struct):
    """What was read of the data of an entry."""

    packed: int = 0
    unpacked: int = 0
    checksum: int = 0
    is_whole: bool = False


def is_inside_another(container: zipfile.ZipFile) -> bool:
    """Whether the directory found is that of a file in a container whose own is missing.

    Its offsets count from the beginning of that file then. A program that unpacks itself does not begin with an entry.
    """
    stream, members = container.fp, container.infolist()
    if stream is None or not members:
        return False
    stream.seek(0)
    if stream.read(4) != _SIGNATURE:
        return False
    stream.seek(container.start_dir + _OFFSET_AT)
    return int.from_bytes(stream.read(4), "little") not in (members[0].header_offset, _ZIP64)


def salvage(path: Path, limits: Limits) -> TemporaryCopy | None:
    """A copy of the file with a directory of the entries found; ``None`` where there are none.

    The last entry may be cut: it holds what could be unpacked.

    Raises:
        DocumentError: ``too_large``.
    """
    size = path.stat().st_size
    if size > limits.max_unpacked_bytes:
        return None
    with path.open("rb") as stream:
        most = min(limits.max_members, _MOST_ENTRIES)
        entries = [entry for entry, _ in zip(_find_entries(stream, limits), range(most), strict=False)]
        if not entries:
            return None
        stream.seek(0)
        pieces = iter(lambda: stream.read(_CHUNK_BYTES), b"")
        return TemporaryCopy(chain(pieces, _write_directory(entries, size)), 2 * limits.max_unpacked_bytes)


def _find_entries(stream: IO[bytes], limits: Limits) -> Iterator[_Entry]:
    left = limits.max_unpacked_bytes
    names: set[bytes] = set()
    while len(head := stream.read(_LOCAL.size)) == _LOCAL.size:
        offset = stream.tell() - len(head)
        signature, _, flags, method, _, _, checksum, packed, _, name_length, more = _LOCAL.unpack(head)
        if signature != _SIGNATURE or flags & _ENCRYPTED or method not in (_STORED, _DEFLATED):
            return
        name = stream.read(name_length)
        stream.seek(more, 1)
        if method == _STORED and flags & _SIZES_FOLLOW:
            return  # nothing tells where it ends
        data = _inflate(stream, left) if method == _DEFLATED else _skip(stream, packed, left)
        left -= data.unpacked
        if data.unpacked and left > 0 and name not in names:
            names.add(name)
            is_declared = data.is_whole and not flags & _SIZES_FOLLOW
            sum_ = checksum if is_declared else data.checksum
            yield _Entry(offset, name, flags & ~_SIZES_FOLLOW, method, sum_, data.packed, data.unpacked)
        if not data.is_whole or left <= 0 or not _find_next(stream):
            return


def _inflate(stream: IO[bytes], most: int) -> _Data:
    """Unpack the data of an entry; the stream is after it then."""
    found, start = _Data(), stream.tell()
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while not inflater.eof and found.unpacked < most and (piece := stream.read(_CHUNK_BYTES)):
            while piece and not inflater.eof and found.unpacked < most:
                text = inflater.decompress(piece, _CHUNK_BYTES)
                found.unpacked += len(text)
                found.checksum = zlib.crc32(text, found.checksum)
                piece = inflater.unconsumed_tail
    except zlib.error:
        pass
    found.is_whole = inflater.eof
    found.packed = stream.tell() - start - len(inflater.unused_data)
    stream.seek(start + found.packed)
    return found


def _skip(stream: IO[bytes], size: int, most: int) -> _Data:
    """Read the data of an entry that is not packed."""
    found = _Data()
    while found.unpacked < min(size, most) and (piece := stream.read(min(_CHUNK_BYTES, size - found.unpacked))):
        found.unpacked += len(piece)
        found.checksum = zlib.crc32(piece, found.checksum)
    found.packed = found.unpacked
    found.is_whole = found.unpacked == size
    return found


def _find_next(stream: IO[bytes]) -> bool:
    """Go to the next header, after the sizes that may stand in front of it."""
    start = stream.tell()
    place = stream.read(_LONGEST_DESCRIPTOR + len(_SIGNATURE)).find(_SIGNATURE)
    stream.seek(start + max(0, place))
    return place >= 0


def _write_directory(entries: list[_Entry], offset: int) -> Iterator[bytes]:
    size = 0
    for entry in entries:
        sizes = (entry.checksum, entry.packed, entry.unpacked, len(entry.name), 0, 0, 0, 0, 0, entry.offset)
        record = _CENTRAL.pack(b"PK\x01\x02", 20, 20, entry.flags, entry.method, 0, 0, *sizes) + entry.name
        size += len(record)
        yield record
    yield _END.pack(b"PK\x05\x06", 0, 0, len(entries), len(entries), size, offset, 0)
