"""Deaths of the functions' workers, which gunicorn only writes to the log of the function."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_BYTES = 1 << 20
_DEATH = re.compile(
    rb"\[(?:ERROR|WARNING)\] Worker \(pid:([0-9]{1,10})\) (was sent [A-Za-z0-9 ]{1,20}|exited with code [0-9]{1,3})"
)


class FunctionLogs:
    """Reads what was added to the logs of a folder.

    Args:
        logs: the folder; what its files hold already is not read.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._read: dict[Path, int] = {path: self._size(path) for path in logs.glob("*.log")}

    def read_deaths(self) -> Iterator[str]:
        """Yield a sentence for each worker that ended since the last call, other than in order."""
        for path in self._logs.glob("*.log"):
            for found in _DEATH.finditer(self._read_added(path)):
                process, how = (part.decode() for part in found.groups())
                yield f"{path.stem}: worker process {process} {how}; another one is started."

    def _read_added(self, path: Path) -> bytes:
        """The whole lines that were added; of very many only the last."""
        added = b""
        with suppress(OSError), path.open("rb") as log:
            size = self._size(path)
            start = self._read.get(path, 0)
            start = max(start if start <= size else 0, size - _MOST_BYTES)
            log.seek(start)
            added = log.read(_MOST_BYTES)
            added = added[: added.rfind(b"\n") + 1]
            self._read[path] = start + len(added)
        return added

    @staticmethod
    def _size(path: Path) -> int:
        with suppress(OSError):
            return path.stat().st_size
        return 0
