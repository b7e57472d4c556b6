"""Connections of clients that leave characters such as Chinese ones unencoded in links, which aiohttp refuses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from shared.runtime.links import encode_link

if TYPE_CHECKING:
    from collections.abc import Callable


class LenientProtocol(asyncio.Protocol):
    """Passes everything on to a server's own protocol, with links encoded.

    Only what arrives at the beginning of a packet is looked at, where clients put the head of a request.

    Args:
        make: makes the server's protocol.
    """

    def __init__(self, make: Callable[[], asyncio.Protocol]) -> None:
        self._protocol = make()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._protocol.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Something arrived."""
        self._protocol.data_received(encode_link(data))

    def eof_received(self) -> bool | None:
        """The client sends no more."""
        return self._protocol.eof_received()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._protocol.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection has ended."""
        self._protocol.connection_lost(error)
