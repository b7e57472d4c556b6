"""Child processes with one line when they are ready, a log file, and a certain end."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.last_words import last_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_ADDRESS = re.compile(r"https?://[^\s,]+")
_END_SECONDS = 20
_PORTS = range(10_000, 32_000)
_TRIES = 100


class StartError(Exception):
    """A process did not come up; the message is one sentence, with the process's own reason where it gave one."""


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on at the moment.

    It is chosen at random below the range that the system takes ports of connections from, so that neither a connection
    nor another process that looks for a port at the same time takes it before it is used.
    """
    for port in (*(_PORTS.start + secrets.randbelow(len(_PORTS)) for _ in range(_TRIES)), 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("no port of 127.0.0.1 is free")


def taken(port: int) -> bool:
    """Whether something listens on ``port`` of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Process:
    """A running child.

    Attributes:
        address: the URL it printed.
        log: file that holds what it printed.
    """

    name: str
    popen: subprocess.Popen[bytes]
    address: str
    log: Path

    def stop(self) -> None:
        """Ask it to end, wait, and kill it if it does not."""
        if self.popen.poll() is None:
            self.popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(_END_SECONDS)
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


def start(
    name: str, module: str, arguments: Sequence[str], environ: Mapping[str, str], log: Path, seconds: float
) -> Process:
    """Run ``python -m module`` and wait for the line that names its address.

    Raises:
        StartError: it ended or printed no address within ``seconds``; the message repeats its last words.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    # Both its outputs are appended, or one would overwrite the other.
    with log.open("ab") as file:
        popen = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file, env=dict(environ),
            start_new_session=True,  # Ctrl-C is ours to pass on, in order
        )  # fmt: skip
    address = _await_address(popen, log, seconds)
    if address is None:
        Process(name, popen, "", log).stop()
        time.sleep(0.1)  # its last output may still be on its way to the log
        raise StartError(f"{name} did not start: {last_words(log) or 'it printed nothing'} (see {log})")
    return Process(name, popen, address, log)


def _await_address(popen: subprocess.Popen[bytes], log: Path, seconds: float) -> str | None:
    found: list[str] = []
    ready = threading.Event()

    def copy() -> None:
        # Reads to the end, so that the child never blocks on a full pipe.
        assert popen.stdout is not None
        with popen.stdout, log.open("ab") as file:
            for line in popen.stdout:
                file.write(line)
                file.flush()
                match = _ADDRESS.search(line.decode("utf-8", "replace"))
                if match and not found:
                    found.append(match.group())
                    ready.set()
        ready.set()

    threading.Thread(target=copy, name=f"log-{log.stem}", daemon=True).start()
    ready.wait(seconds)
    return found[0] if found else None
