"""The body of an HTTP request while it arrives: what is kept of it, where it ends, and whether it is well-formed.

The framing is that of RFC 9112, sections 6 and 7. A body is fed in pieces of any size, in time and memory that grow
with the bytes alone.
"""

from __future__ import annotations

import io
import re
from enum import Enum

# A line with the size of a chunk, and all trailers together.
_MAX_LINE_BYTES = 1_024
_MAX_TRAILER_BYTES = 8_192
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\x00]*)?")


class Problem(Enum):
    """Why a body is not there although the request is answered."""

    NONE = "none"
    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    ENCODED = "encoded"


class ReceivedBody(io.BytesIO):
    """A whole body, as the application reads it.

    Attributes:
        problem: why it is empty, if it is not what the client sent.
    """

    def __init__(self, content: bytes = b"", problem: Problem = Problem.NONE) -> None:
        super().__init__(content)
        self.problem = problem


class Body:
    """A body of known length; without one it has ended at once.

    Args:
        length: bytes of the body.
        limit: most bytes allowed.
        keep: whether its content is needed; otherwise it is only read to its end.

    Attributes:
        content: what was kept.
        problem: set once it is clear that the body cannot be used.
    """

    def __init__(self, length: int, limit: int, *, keep: bool) -> None:
        self.content = bytearray()
        self.problem = Problem.TOO_LARGE if length > limit else Problem.NONE
        self._left = length
        self._limit = limit
        self._keep = keep
        self._size = 0

    @property
    def is_complete(self) -> bool:
        """Whether its last byte has arrived."""
        return self._left == 0

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body, and return the rest."""
        own = data[: self._left]
        self._left -= len(own)
        self._add(own)
        return data[len(own) :]

    def finish(self) -> ReceivedBody:
        """Return the body for the application, and keep nothing of it here."""
        content = b"" if self.problem is not Problem.NONE else bytes(self.content)
        self.content = bytearray()
        return ReceivedBody(content, self.problem)

    def _add(self, own: bytes) -> None:
        self._size += len(own)
        if self._size > self._limit and self.problem is Problem.NONE:
            self.problem = Problem.TOO_LARGE
        if self.problem is not Problem.NONE:
            self.content.clear()
        elif self._keep:
            self.content += own


class _Part(Enum):
    SIZE = "size"
    DATA = "data"
    DATA_END = "data end"
    TRAILER = "trailer"
    END = "end"


class ChunkedBody(Body):
    """A body in chunks, each preceded by its size."""

    def __init__(self, limit: int, *, keep: bool) -> None:
        super().__init__(0, limit, keep=keep)
        self._part = _Part.SIZE
        self._line = b""  # the start of a line that is not complete
        self._trailer = 0

    @property
    def is_complete(self) -> bool:
        """Whether the last chunk and its trailer have arrived."""
        return self._part is _Part.END

    def feed(self, data: bytes) -> bytes:
        """Take what belongs to the body, and return the rest."""
        data, at = self._line + data, 0
        self._line = b""
        while self._part is not _Part.END and self.problem is not Problem.MALFORMED and at < len(data):
            if self._part is _Part.DATA:
                at = self._take_data(data, at)
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._hold(data[at:])
                return b""
            self._take_line(data[at:end])
            at = end + 2
        return data[at:]

    def _hold(self, line: bytes) -> None:
        whole = line.removesuffix(b"\r")
        limit = 0 if self._part is _Part.DATA_END else _MAX_LINE_BYTES
        if len(whole) > limit or b"\n" in whole or b"\r" in whole:
            self._reject()
        else:
            self._line = line

    def _take_data(self, data: bytes, at: int) -> int:
        end = min(len(data), at + self._left)
        self._add(data[at:end])
        self._left -= end - at
        if self._left == 0:
            self._part = _Part.DATA_END
        return end

    def _take_line(self, line: bytes) -> None:
        if self._part is _Part.SIZE:
            self._take_size(line)
        elif self._part is _Part.DATA_END:
            self._part = _Part.SIZE
            if line:
                self._reject()
        elif not line:
            self._part = _Part.END
        else:
            self._trailer += len(line)
            if self._trailer > _MAX_TRAILER_BYTES or b":" not in line:
                self._reject()

    def _take_size(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if size is None or len(line) > _MAX_LINE_BYTES:
            self._reject()
            return
        self._left = int(size[1], 16)
        self._part = _Part.DATA if self._left else _Part.TRAILER

    def _reject(self) -> None:
        self.problem = Problem.MALFORMED
        self.content.clear()
