"""The place of events that were given up, as the failure destination of the cloud would get them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from local.disk import explain_shortage
from local.reporting import report

if TYPE_CHECKING:
    from pathlib import Path

_LOOK_SECONDS: Final = 1.0


class FailedEvents:
    """A folder with a file for each event.

    Args:
        folder: created with the first event.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_reported = False

    async def await_space(self) -> None:
        """Wait while the disk is full: an event that is tried then is only given up sooner."""
        while await asyncio.to_thread(explain_shortage, [self._existing()]):
            await asyncio.sleep(_LOOK_SECONDS)

    async def keep(self, name: str, record: dict[str, Any]) -> None:
        """Store a record under ``name``; while that fails, the event stays in the queue."""
        while True:
            try:
                await asyncio.to_thread(self._write, name, record)
            except OSError as error:
                if not self._is_reported:
                    report(
                        f"Failed events cannot be stored in {self._folder} ({error.strerror}); they are kept in memory."
                    )
                self._is_reported = True
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                self._is_reported = False
                return

    def _write(self, name: str, record: dict[str, Any]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{name}.json"
        # Written under another name and renamed, so that a reader of the folder never sees half a file.
        part = file.with_suffix(".part")
        try:
            part.write_text(json.dumps(record, ensure_ascii=False), "utf-8")
            part.rename(file)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def _existing(self) -> Path:
        """The folder, or the one it will be created in."""
        return next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
