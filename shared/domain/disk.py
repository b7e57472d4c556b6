"""A full disk, which is no fault of the file that did not fit any more."""

from __future__ import annotations

import errno

from shared.domain.errors import TransientError

# The code of the error of work that did not fit on the disk.
FULL_DISK = "disk_full"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class FullDiskError(Exception):
    """The disk of the instance is full.

    It is no ``OSError``: parsers take those for signs of a damaged file.
    """


def is_full_disk(error: BaseException) -> bool:
    """Whether an error says that the disk is full."""
    return isinstance(error, FullDiskError) or (isinstance(error, OSError) and error.errno in _FULL)


def make_full_disk_error() -> TransientError:
    """The error of work that did not fit on the disk: what fills it ends sooner or later."""
    return TransientError(
        "disk_full", "The function's disk is full; it is tried again. If that stays so, raise diskSize.", soon=False
    )
