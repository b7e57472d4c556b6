"""Temporary files for what is taken out of a document: a decrypted copy, a document embedded in another one."""

from __future__ import annotations

import resource
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from shared.domain.disk import FullDiskError, is_full_disk
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_DESCRIPTORS = Path("/proc/self/fd" if sys.platform == "linux" else "/dev/fd")


class TemporaryCopy:
    """A file that lasts as long as this object.

    It has no name in any folder, so it ends with the process at the latest.

    Attributes:
        path: where it can be opened.
    """

    def __init__(self, chunks: Iterable[bytes], max_bytes: int) -> None:
        """Write ``chunks``.

        A parser process may write small files only; this lifts the bound to ``max_bytes`` while the copy is written.

        Raises:
            DocumentError: ``too_large``.
            FullDiskError: there is no room for it.
        """
        with _name_full_disk():
            self._stream: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this object
        self.path = _DESCRIPTORS / str(self._stream.fileno())
        usual, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        allowed = max_bytes if most == resource.RLIM_INFINITY else min(max_bytes, most)
        if usual != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_FSIZE, (max(usual, allowed), most))
        try:
            self._write(chunks, max_bytes)
        except BaseException:
            self.close()
            raise
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (usual, most))

    def _write(self, chunks: Iterable[bytes], max_bytes: int) -> None:
        size = 0
        for data in chunks:
            size += len(data)
            if size > max_bytes:
                raise refuse("too_large", f"The file unpacks to more than {max_bytes >> 20} MiB.")
            with _name_full_disk():
                self._stream.write(data)
        with _name_full_disk():
            self._stream.flush()

    def close(self) -> None:
        """End the file."""
        with suppress(OSError):  # what did not fit on a full disk is written once more
            self._stream.close()


@contextmanager
def _name_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full_disk(error):
            raise FullDiskError from None
        raise
