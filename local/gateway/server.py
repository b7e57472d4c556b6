"""The gateway as a server: a listening socket, and a run that ends on SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import TYPE_CHECKING, Final

from aiohttp import web

from local.gateway.errors import GatewayError
from local.gateway.protocol import LenientProtocol

if TYPE_CHECKING:
    from local.gateway.gateway import Gateway

MAX_LINE_BYTES: Final = 64 * 1024


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, opened before anything starts so that a taken port is reported at once.

    Raises:
        GatewayError: the port is taken, or the host is not this machine's.
    """
    try:
        return socket.create_server((host, port), backlog=256)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise GatewayError(f"{host}:{port} cannot be used ({why}): choose another with --port") from error


async def serve(gateway: Gateway, application: web.Application, listening: socket.socket) -> None:
    """Start the gateway, print one line when it is ready, and run until SIGTERM or Ctrl-C.

    Raises:
        StartError: a function did not become ready.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    until_stopped = asyncio.create_task(stopping.wait())
    starting = asyncio.create_task(gateway.start())
    await asyncio.wait((starting, until_stopped), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await gateway.stop()
        return
    starting.result()
    # A client that went away must not keep a function busy.
    # Bodies are passed on as they were sent, and long links to the function, which refuses them itself.
    runner = web.AppRunner(
        application,
        access_log=None,
        handler_cancellation=True,
        auto_decompress=False,
        max_line_size=MAX_LINE_BYTES,
        max_field_size=MAX_LINE_BYTES,
    )
    try:
        await runner.setup()
        make = runner.server
        if make is None:
            raise RuntimeError("the server was not set up")
        server = await asyncio.get_running_loop().create_server(lambda: LenientProtocol(make), sock=listening)
        host, port = listening.getsockname()[:2]
        print(f"gateway ready on http://{host}:{port}", flush=True)
        await until_stopped
        server.close()
    finally:
        await runner.cleanup()
        await gateway.stop()
