"""TCP ports of this machine: a free one, whether one is taken, and which process holds it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import socket
import sys
from collections import deque
from pathlib import Path

_PORTS = range(10_000, 32_000)
_TRIES = 100
_LISTENING = "0A"  # the state in /proc/net/tcp, man 5 proc
_SHOWN_CHARACTERS = 80
# Older ones are used by now, or never will be.
_MOST_RESERVATIONS = 200
_reservations: deque[int] = deque()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at the moment.

    It is chosen at random below the range that the system takes ports of connections from, and reserved among all
    processes that call this, so that none of them and no connection takes it before it is used.
    """
    for port in (*(_PORTS.start + secrets.randbelow(len(_PORTS)) for _ in range(_TRIES)), 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _reserve(port)
            return int(probe.getsockname()[1])
    raise OSError("no port of 127.0.0.1 is free")


def _reserve(port: int) -> None:
    """Reserve a port by a name that only one process can hold, and that ends with the process.

    Raises:
        OSError: another process has reserved it.
    """
    if sys.platform == "linux" and port:  # abstract addresses: man 7 unix
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as name:
            name.bind(f"\0semantic-search-port-{port}")
            _reservations.append(name.detach())
        while len(_reservations) > _MOST_RESERVATIONS:
            os.close(_reservations.popleft())


def is_taken(port: int) -> bool:
    """Whether a process listens on ``port``, even one that is stopped and answers nothing."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def describe_holder(port: int) -> str:
    """The process that listens on ``port``, such as ``process 123 (python -m local.milvus)``; empty if not known.

    Another user's processes are not known, nor those of a system without ``/proc``.
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_sockets(port)}
    for process in Path("/proc").glob("[0-9]*") if sockets else ():
        with contextlib.suppress(OSError):
            if any(str(file.readlink()) in sockets for file in (process / "fd").iterdir()):
                words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
                return f"process {process.name} ({words[:_SHOWN_CHARACTERS]})"
    return ""


def _listening_sockets(port: int) -> set[str]:
    """Inodes of the sockets that listen on ``port``, with IPv4 or IPv6."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found
