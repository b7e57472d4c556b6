"""Changes that people make to the bucket's folder by hand."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from watchfiles import awatch

from local.oss.stored_object import Identity
from local.reporting import report

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.oss.folder import Folder
    from local.oss.stored_object import Change

_log = logging.getLogger(__name__)

_LOOK_AGAIN: Final = timedelta(seconds=2)  # a safety net: file system notifications may be lost or unavailable
_NOTHING: Final = Identity(0, 0, -1)


async def changes(folder: Folder, quiet: timedelta) -> AsyncIterator[Change]:
    """Changes made to the ordinary files by hand, each once, as soon as a file has been at rest for ``quiet``.

    The notifications of the file system only say that it is time to look: what changed is the difference between the
    folder and what was reported before. So a directory moved in is its files, an editor's rename over the old file is
    one change, a half-copied file is none, and a lost notification is only late.
    """
    watch = _Watch(folder, quiet)
    async for change in watch.settled():
        yield change
    async for _ in _wakes(folder):
        async for change in watch.settled():
            yield change


async def _wakes(folder: Folder) -> AsyncIterator[None]:
    """Each moment at which to look, without end.

    The library gives up at a name that is not UTF-8, when the kernel has no watch left and when the folder is gone: it
    is started again, and until then the folder is looked through every other second.
    """
    while True:
        notified = awatch(
            folder.root,
            watch_filter=lambda _, path: not path.startswith(str(folder.hidden)),
            debounce=200,
            rust_timeout=int(_LOOK_AGAIN.total_seconds() * 1000),
            yield_on_timeout=True,
            ignore_permission_denied=True,
        )
        try:
            async for _ in notified:
                yield
                if not folder.root.is_dir():
                    break
        except Exception as error:  # noqa: BLE001 - it raises errors of a private class, in a group
            _log.warning("the file system's notifications ended and are started again: %r", error)
        yield
        await asyncio.sleep(_LOOK_AGAIN.total_seconds())


class _Watch:
    """Looks through the folder, and reports what cannot be read once."""

    def __init__(self, folder: Folder, quiet: timedelta) -> None:
        self._folder = folder
        self._quiet = quiet.total_seconds()
        self._unreadable: dict[str, Identity | None] = {}
        self._is_gone = False

    async def settled(self) -> AsyncIterator[Change]:
        """Changes, until nothing is in motion: a state counts once it has been seen twice, ``quiet`` apart."""
        moving: dict[str, Identity | None] = {}
        skipped: set[str] = set()
        while True:
            found = await self._look()
            resting = [key for key, state in found.items() if key in moving and moving[key] == state]
            created: Change | None = None
            for key in resting:
                state = found.pop(key)
                try:
                    change = await asyncio.to_thread(self._folder.announce, key, state)
                except OSError as error:
                    self._report_unreadable(key, state, error)
                    skipped.add(key)
                    continue
                except Exception:
                    if created:  # it counts as reported already
                        yield created
                    raise
                self._unreadable.pop(key, None)
                # What came waits for what follows: a removal after it may be of its previous name, and goes with it.
                if created:
                    yield created
                created = change if change and change.now else None
                if change and not change.now:
                    yield change
            if created:
                yield created
            moving = {key: state for key, state in found.items() if key not in skipped}
            if not moving:
                return
            await asyncio.sleep(self._quiet)

    async def _look(self) -> dict[str, Identity | None]:
        try:
            found = await asyncio.to_thread(self._folder.unannounced)
            if self._is_gone:
                await asyncio.to_thread(self._folder.recover)
        except OSError as error:
            if not self._is_gone:
                report(f"The bucket's folder {self._folder.root} cannot be read ({error.strerror}): create it again.")
            self._is_gone = True
            return {}
        if self._is_gone:
            report(f"The bucket's folder {self._folder.root} is there again.")
        self._is_gone = False
        return found

    def _report_unreadable(self, key: str, state: Identity | None, error: OSError) -> None:
        """Report it the first time; it is tried again each time the folder is looked through."""
        if self._unreadable.get(key, _NOTHING) != state:
            report(f"{key} cannot be read ({error.strerror or error}): it is indexed as soon as it can be.")
        self._unreadable[key] = state
