"""Changes that people make to the bucket's folder by hand."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from watchfiles import awatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from local.oss.folder import Folder
    from local.oss.stored_object import Change, Identity

_log = logging.getLogger(__name__)

_LOOK_AGAIN: Final = timedelta(seconds=2)  # a safety net: file system notifications may be lost or unavailable


async def changes(folder: Folder, quiet: timedelta) -> AsyncIterator[Change]:
    """Changes made to the ordinary files by hand, each once, as soon as a file has been at rest for ``quiet``.

    The notifications of the file system only say that it is time to look: what changed is the difference between the
    folder and what was reported before. So a directory moved in is its files, an editor's rename over the old file is
    one change, a half-copied file is none, and a lost notification is only late.
    """
    async for change in _settled(folder, quiet):
        yield change
    wakes = awatch(
        folder.root,
        watch_filter=lambda _, path: not path.startswith(str(folder.hidden)),
        debounce=200,
        rust_timeout=int(_LOOK_AGAIN.total_seconds() * 1000),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    async for _ in wakes:
        async for change in _settled(folder, quiet):
            yield change


async def _settled(folder: Folder, quiet: timedelta) -> AsyncIterator[Change]:
    """Report until nothing is in motion: a state counts once it has been seen twice, ``quiet`` apart."""
    moving: dict[str, Identity | None] = {}
    while True:
        try:
            found = await asyncio.to_thread(folder.unannounced)
        except OSError as error:
            _log.warning("cannot look through the bucket's folder: %s", error)
            return
        for key in [key for key, state in found.items() if key in moving and moving[key] == state]:
            change = await _announced(folder, key, found.pop(key))
            if change:
                yield change
        if not found:
            return
        moving = found
        await asyncio.sleep(quiet.total_seconds())


async def _announced(folder: Folder, key: str, state: Identity | None) -> Change | None:
    try:
        return await asyncio.to_thread(folder.announce, key, state)
    except OSError as error:
        _log.warning("cannot read %r in the bucket's folder: %s", key, error)
        folder.ignore(key, state)
        return None
