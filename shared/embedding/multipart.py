"""A form with a file, sent as it is read: `requests` by itself would hold the whole file in memory."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PIECE_BYTES = 1 << 16


class FileForm:
    """The body of a ``multipart/form-data`` request with one file.

    Args:
        file: open at its beginning, in binary mode.
        size: bytes of it.
        name: of the file; letters, digits, dots, hyphens and underscores.
        fields: of the form, besides; plain words.
    """

    def __init__(self, file: BinaryIO, size: int, name: str, fields: Mapping[str, str]) -> None:
        boundary = uuid.uuid4().hex
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{fields[key]}' for key in fields]
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        self._head = "\r\n".join(parts).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        left = self._size
        while left and (piece := self._file.read(min(_PIECE_BYTES, left))):
            left -= len(piece)
            yield piece
        yield self._tail
