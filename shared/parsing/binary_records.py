"""Records of binary workbooks: a number, a length and the data. [MS-XLSB] 2.1.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.doc_file import read_number
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.archive import Archive

_LONGEST_RECORD_BYTES = 16 << 20
_COMMENT, _COMMENT_TEXT = 635, 637


def read_records(chunks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The number and the data of each record.

    Raises:
        DocumentError: ``broken_file``.
    """
    rest = b""
    for data in chunks:
        rest += data
        at = 0
        while (head := _read_head(rest, at)) is not None:
            number, size, start = head
            if size > _LONGEST_RECORD_BYTES:
                raise refuse("broken_file", "The file is damaged: a record is longer than any can be.")
            if start + size > len(rest):
                break
            yield number, rest[start : start + size]
            at = start + size
        rest = rest[at:]
    if rest:
        raise refuse("broken_file", "The file is damaged: a record ends too early.")


def _read_head(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Number and length of the record at ``at``, and where its data begin; ``None`` where its head is not complete."""
    if at >= len(data):
        return None
    number = data[at]
    at += 1
    if number & 0x80:
        if at >= len(data):
            return None
        number = number & 0x7F | (data[at] & 0x7F) << 7
        at += 1
    size = 0
    for place in range(4):
        if at >= len(data):
            return None
        size |= (data[at] & 0x7F) << 7 * place
        at += 1
        if not data[at - 1] & 0x80:
            break
    return number, size, at


def read_wide(data: bytes, at: int) -> tuple[str, int]:
    """The text at ``at``, and where it ends; empty where there is none."""
    count = read_number(data, at)
    if count == 0xFFFFFFFF:
        return "", at + 4
    end = min(at + 4 + 2 * count, len(data))
    text = data[at + 4 : at + 4 + (end - at - 4) // 2 * 2]
    return text.decode("utf-16-le", "replace"), end


def read_comments(archive: Archive, relations: dict[str, tuple[str, str]]) -> dict[int, list[str]]:
    """Comments of a sheet by row, counted from 1."""
    found: dict[int, list[str]] = {}
    for kind, part in relations.values():
        if kind != "comments" or archive.resolve(part) not in archive.names:
            continue
        row = 0
        for number, data in archive.until_damage(part, read_records(archive.chunks(part))):
            if number == _COMMENT:
                row = read_number(data, 4) + 1
            elif number == _COMMENT_TEXT and (text := " ".join(read_wide(data, 1)[0].split())):
                found.setdefault(row, []).append(text)
    return found
