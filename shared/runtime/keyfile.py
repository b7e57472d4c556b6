"""API keys in a file, for more of them than the 4 KB that all environment variables of a function may take.

A file, because Function Compute mounts OSS and NAS as folders: the keys may lie in an object of OSS without an SDK in
the functions that would cost their cold starts 0.3 s. The file is read once at the start, and again when it changes; a
lookup waits for neither.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from shared.domain.errors import TransientError
from shared.runtime import clock
from shared.runtime.auth import read_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.auth import Keys, Scope

log = logging.getLogger(__name__)

MAX_BYTES = 8 * 1024 * 1024
MAX_KEYS = 50_000
# How long a key that was taken out of the file may still be accepted.
_REFRESH_SECONDS = 60.0
# How long keys are accepted while the file cannot be read.
_STALE_SECONDS = 3_600.0


class KeyFile:
    """The keys of a file, one entry a line; empty lines and those that start with ``#`` do not count.

    Raises:
        ValueError: the file cannot be read, is too large, or holds a line that is no entry.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._refreshing = threading.Lock()
        self._stamp = self._look()
        self._keys = self._load()
        self._checked = self._valid = clock.monotonic()

    def read(self) -> Mapping[bytes, Scope]:
        """The keys in force.

        Raises:
            TransientError: ``keys_unavailable``: the file could not be read for an hour.
        """
        if clock.monotonic() - self._checked > _REFRESH_SECONDS and self._refreshing.acquire(blocking=False):
            try:
                self._refresh()
            finally:
                self._refreshing.release()
        if clock.monotonic() - self._valid > _STALE_SECONDS:
            raise TransientError("keys_unavailable", "The file of API_KEYS_FILE cannot be read.")
        return self._keys

    def _refresh(self) -> None:
        self._checked = clock.monotonic()
        try:
            if (stamp := self._look()) != self._stamp:
                self._keys = self._load()
                self._stamp = stamp
        except ValueError as error:
            log.warning("api_keys_unreadable", extra={"reason": str(error)})
        else:
            self._valid = self._checked

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise ValueError(f"API_KEYS_FILE: {self._path} cannot be read ({error.strerror})") from None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _load(self) -> Keys:
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise ValueError(f"API_KEYS_FILE: {self._path} cannot be read ({error.strerror})") from None
        lines = [line.strip() for line in data.decode("utf-8-sig", "replace").splitlines()]
        entries = [line for line in lines if line and not line.startswith("#")]
        if len(data) > MAX_BYTES or len(entries) > MAX_KEYS:
            raise ValueError(f"API_KEYS_FILE: a file holds at most {MAX_KEYS} keys in {MAX_BYTES} bytes")
        if not entries:
            raise ValueError(f"API_KEYS_FILE: {self._path} holds no key")
        return read_keys(entries)
