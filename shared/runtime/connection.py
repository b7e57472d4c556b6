"""The HTTP connections under the SDKs of DashScope and OSS, with a bound on the whole answer.

The timeout of `requests` bounds each read, so a server that drips one byte a second holds a caller forever. Here the
read timeout bounds the answer as a whole; a stream gives what has arrived, so that its reader can look at the clock.
"""

from __future__ import annotations

import os
import socket
import urllib.request
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import should_bypass_proxies

from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_BYTES = 65_536
# When its time is over, for so long an answer may still be read, as far as it has arrived: while this process was
# frozen, or waited for a processor. It is paid for.
_ARRIVED_SECONDS, _LOOK_SECONDS = 1.0, 0.05
# Seconds without traffic before the first probe, seconds between two, and probes without an answer that end it.
_KEEPALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
# The file of certificates to trust, by the variables of requests, curl and OpenSSL.
_CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class _BoundedAdapter(HTTPAdapter):
    """Reads each answer to its end within the read timeout, or as it arrives if it is to be streamed.

    Args:
        bound_streams: whether a stream too must end within the read timeout, which is looked at as data arrives.
        decodes: whether ``Content-Encoding`` is undone.
    """

    def __init__(self, *, bound_streams: bool, decodes: bool, **options: Any) -> None:
        self._bound_streams = bound_streams
        self._decodes = decodes
        super().__init__(**options)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        # A connection that died while the instance was frozen is noticed by the kernel within half a minute of idling,
        # not by a user; its own default is two hours.
        keepalive = [
            (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            *(
                (socket.IPPROTO_TCP, getattr(socket, name), value)
                for name, value in _KEEPALIVE
                if hasattr(socket, name)
            ),
        ]
        super().init_poolmanager(connections, maxsize, block, socket_options=keepalive, **options)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        _, seconds = options["timeout"]
        ends = clock.monotonic() + seconds
        response = super().send(request, *arguments, **options)
        if options.get("stream"):
            # By itself it waits for so many bytes, however long they take.
            bound = ends if self._bound_streams else None
            response.iter_content = lambda *_, **__: _read(response, bound, self._decodes)  # type: ignore[method-assign]
            return response
        response._content = b"".join(_read(response, ends, self._decodes))  # noqa: SLF001 - where requests keeps a body
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
        return response


def _read(response: requests.Response, ends: float | None, decodes: bool) -> Iterator[bytes]:
    is_late = False
    try:
        while piece := response.raw.read1(_READ_BYTES, decode_content=decodes):
            yield piece
            if ends and clock.monotonic() > ends:
                if is_late:
                    raise requests.ReadTimeout("the answer was not complete in time")
                ends, is_late = clock.monotonic() + _ARRIVED_SECONDS, True
                _stop_waiting(response)
    except requests.RequestException:
        response.close()
        raise
    except Exception as error:
        response.close()
        raise requests.exceptions.ChunkedEncodingError(str(error)) from error


def _stop_waiting(response: requests.Response) -> None:
    """Let the next reads give what has arrived, or fail."""
    if (connection := response.raw.connection) and connection.sock:  # neither where all has been read
        connection.sock.settimeout(_LOOK_SECONDS)


def bounded_session(
    address: str, connections: int, *, bound_streams: bool = False, decodes: bool = True
) -> requests.Session:
    """A session with ``address``: ``connections`` reused connections at most, answers whole within the read timeout.

    Args:
        bound_streams: see `_BoundedAdapter`.
        decodes: whether ``Content-Encoding`` is undone; without it bodies are the bytes that the server stores.

    Of the environment it honours ``HTTP_PROXY``, ``HTTPS_PROXY``, ``NO_PROXY`` and a file of certificates in
    ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE`` or ``SSL_CERT_FILE``; not ``.netrc``.
    """
    session = requests.Session()
    # The environment is looked up here once, and not at every call.
    session.trust_env = False
    session.verify = next((os.environ[name] for name in _CERTIFICATES if os.environ.get(name)), True)
    session.proxies = {} if should_bypass_proxies(address, None) else urllib.request.getproxies()
    adapter = _BoundedAdapter(
        bound_streams=bound_streams, decodes=decodes, pool_connections=4, pool_maxsize=connections
    )
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
