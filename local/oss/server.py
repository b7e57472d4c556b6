"""An emulator that listens: until it is stopped, or in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from local.oss.emulator import Emulator
from local.oss.folder import Folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.oss.settings import Settings


async def serve(settings: Settings, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set; ``ready`` is called with the endpoint once requests are answered.

    Raises:
        NotADirectoryError: the folder is missing.
        OSError: the address is taken or cannot be used.
    """
    folder = await asyncio.to_thread(Folder, settings.root, announce_existing=settings.announce_existing)
    # OSS stores a body as it was sent, compressed or not.
    runner = web.AppRunner(
        Emulator(settings, folder).application(), access_log=None, shutdown_timeout=5.0, auto_decompress=False
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        ready(f"http://{settings.host}:{runner.addresses[0][1]}")
        await stop.wait()
    finally:
        await runner.cleanup()


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """Run an emulator in a thread of this process; gives its endpoint.

    Raises:
        NotADirectoryError: the folder is missing.
        OSError: the address is taken or cannot be used.
    """
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    endpoint: Future[str] = Future()
    thread = threading.Thread(target=_run, args=(loop, settings, endpoint, stop), name="oss emulator", daemon=True)
    thread.start()
    url = endpoint.result()
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, settings: Settings, endpoint: Future[str], stop: asyncio.Event) -> None:
    with closing(loop):
        try:
            loop.run_until_complete(serve(settings, endpoint.set_result, stop))
        except Exception as error:
            if endpoint.done():
                raise
            # It belongs to the thread that waits for the endpoint.
            endpoint.set_exception(error)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
