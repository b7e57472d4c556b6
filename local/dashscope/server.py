"""An emulator that listens: until it is stopped, or in a thread of this process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from aiohttp import web

from local.dashscope.emulator import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.dashscope.settings import Settings


async def serve(settings: Settings, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until ``stop``; ``ready`` is called with the base URL once calls are accepted.

    Raises:
        OSError: the address cannot be listened on.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Bound before the model loads, so that a taken port is known at once; no call is accepted yet.
        listener.bind((settings.host, settings.port))
        emulator = Emulator(settings)
        await emulator.load()
        # A call that hangs on purpose must not hold up the end.
        runner = web.AppRunner(emulator.application(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            ready(f"http://{settings.host}:{listener.getsockname()[1]}/api/v1")
            await stop.wait()
        finally:
            await runner.cleanup()
            emulator.close()


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[str]:
    """Run an emulator in a thread of this process; gives its base URL, ending in ``/api/v1``.

    Raises:
        OSError: the address cannot be listened on.
    """
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    address: Future[str] = Future()
    thread = threading.Thread(target=_run, args=(loop, settings, address, stop), name="dashscope emulator", daemon=True)
    thread.start()
    base_url = address.result()
    try:
        yield base_url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, settings: Settings, address: Future[str], stop: asyncio.Event) -> None:
    with contextlib.closing(loop):
        try:
            loop.run_until_complete(serve(settings, address.set_result, stop))
        except Exception as error:
            if address.done():
                raise
            # It belongs to the thread that waits for the address.
            address.set_exception(error)
