"""A real Milvus server, 2.3.5, for the contract tests: installed at first use, and unreachable from outside.

The server listens on every interface and has no option not to. So it runs in a network namespace of its own, which has
nothing but loopback, and this process forwards one port of the tests' loopback to it: the listening socket is made
before the namespace is entered and stays where it was made. That way the tests stay where the other local servers are,
in one pytest. Where the machine forbids namespaces the server binds as it does, and the tests warn of it.

The process ends with the one that started it, and its data end with it.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import importlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

_REQUIREMENTS = Path(__file__).with_name("milvus-server.txt")
_FOLDER = Path(__file__).parents[1] / ".local" / "milvus-server"
_INSTALL_SECONDS = 120
# Four seconds on an idle machine.
_START_SECONDS = 120
_END_SECONDS = 10
_POLL_SECONDS = 0.1
# For tests, not for measures, as it keeps half a core busy: a Strong read waits for the next tick, a loading collection
# for the next look at it, the end for half an hour; shorter, so that tests do not wait. What is late stays late:
# Bounded reads keep their five seconds of tolerance.
_PACE = {
    "PROXY_TIMETICKINTERVAL": "20",
    "QUERYCOORD_CHECKINTERVAL": "100",
    "QUERYCOORD_CHECKCHANNELINTERVAL": "100",
    "QUERYCOORD_DISTPULLINTERVAL": "100",
    "COMMON_GRACEFULSTOPTIMEOUT": "1",
}
_SERVER_IDS = Path("/tmp/milvus")

_OPEN = "on every interface"
# https://man7.org/linux/man-pages/man2/unshare.2.html, mount.2.html
_CLONE_NEWNS, _CLONE_NEWUSER, _CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
# https://man7.org/linux/man-pages/man7/netdevice.7.html
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1


class UnavailableError(Exception):
    """The server cannot be had on this machine; the message says why."""


@contextmanager
def running(*, hurried: bool = True) -> Iterator[str]:
    """A server with no data; gives its address.

    Args:
        hurried: at a pace that makes tests short; else at its own.

    Raises:
        UnavailableError: it cannot be installed.
        StartError: it was installed and does not come up.
    """
    install()
    with tempfile.TemporaryDirectory(prefix="milvus-server-log-") as folder:
        log = Path(folder, "log")
        server = processes.start(
            "milvus 2.3.5", "tests.milvus_server", [], {**os.environ, **(_PACE if hurried else {})}, log, _START_SECONDS
        )
        try:
            if _OPEN in log.read_text("utf-8", "replace"):
                warnings.warn("No network namespace here: Milvus 2.3.5 listens on every interface.", stacklevel=2)
            yield server.address
        finally:
            server.stop()


def install() -> None:
    """Put the package into a folder of its own, once, checked against its hash.

    Raises:
        UnavailableError: pip could not.
    """
    ready = _FOLDER / "ready"
    wanted = _REQUIREMENTS.read_bytes()
    with _alone():
        if ready.exists() and ready.read_bytes() == wanted:
            return
        shutil.rmtree(_FOLDER / "package", ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        options = ["--require-hashes", "--only-binary=:all:", "--requirement", str(_REQUIREMENTS)]
        try:
            subprocess.run(
                [*pip, *options, "--target", str(_FOLDER / "package")],
                check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            output = str(error.stderr).strip().splitlines() or ["pip printed nothing"]
            raise UnavailableError(f"pip could not install {_REQUIREMENTS.name}: {output[-1]}") from None
        except subprocess.TimeoutExpired:
            raise UnavailableError(f"pip took more than {_INSTALL_SECONDS} s for {_REQUIREMENTS.name}") from None
        ready.write_bytes(wanted)


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time changes the folder."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Serve on a free port of 127.0.0.1 until SIGTERM, or until the parent has gone."""
    parent = os.getppid()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    signal.signal(signal.SIGINT, lambda *_: sys.exit())
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        tempfile.TemporaryDirectory(prefix="milvus-server-") as data,
    ):
        reach = _OPEN
        if _isolated():
            reach = "in a network namespace of its own"
            _own_server_ids(Path(data))
        with _served(Path(data)) as server:
            asyncio.run(_until_healthy(server))
            print(f"milvus 2.3.5 {reach}, at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)  # noqa: T201
            asyncio.run(_forward(listener, server, parent))


def _isolated() -> bool:
    """Enter a network namespace with loopback only; False where the machine does not allow it."""
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    # A user other than root may own a network as root of a user namespace.
    if unshare is None or (unshare(_CLONE_NEWNET) and unshare(_CLONE_NEWUSER | _CLONE_NEWNET)):
        return False
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))
    return True


def _own_server_ids(data: Path) -> None:
    """Put a folder of ours over the one with the servers' ids where that is another user's: its path is fixed."""
    if not _SERVER_IDS.exists() or os.access(_SERVER_IDS, os.W_OK):
        return
    libc = ctypes.CDLL(None)
    own = data / "ids"
    own.mkdir()
    # Without the second call the folder would cover it for the whole machine.
    if libc.unshare(_CLONE_NEWNS) or libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None):
        return
    libc.mount(os.fsencode(own), os.fsencode(_SERVER_IDS), None, _MS_BIND, None)


@contextmanager
def _served(data: Path) -> Iterator[Any]:
    sys.path.append(str(_FOLDER / "package"))
    package = importlib.import_module("milvus")
    config = package.MilvusServerConfig(data_dir=str(data))
    server = package.MilvusServer(config, wait_for_started=False)
    with _alone():
        # Shared by all runs: the binaries are packed, and unpacking them takes longer than starting.
        (_FOLDER / "bin").mkdir(exist_ok=True)
        (data / "bin").symlink_to(_FOLDER / "bin")
        server.start()
    process = server.server_proc
    try:
        yield server
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
        server.stop()
        # The one file it writes elsewhere, whatever its settings.
        (_SERVER_IDS / f"server_id_{process.pid}").unlink(missing_ok=True)
        with suppress(OSError):
            _SERVER_IDS.rmdir()


async def _until_healthy(server: Any) -> None:
    url = f"http://127.0.0.1:{server.webservice_port}/healthz"
    while not await asyncio.to_thread(_healthy, url):
        _check(server)
        await asyncio.sleep(_POLL_SECONDS)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return b"OK" in answer.read()
    except OSError:
        return False


def _check(server: Any) -> None:
    """Raises: SystemExit: the server has ended; the message has its last line."""
    if server.server_proc.poll() is not None:
        output = Path(server.config.base_data_dir, "logs", "milvus-stderr.log").read_text("utf-8", "replace")
        raise SystemExit(f"the server ended: {output.strip().splitlines()[-1:]}")


async def _forward(listener: socket.socket, server: Any, parent: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", server.listen_port)
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            # A server that is asked to end waits for its callers to hang up.
            back.transport.abort()

    async with await asyncio.start_server(serve, sock=listener):
        while os.getppid() == parent:
            _check(server)
            await asyncio.sleep(_POLL_SECONDS)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    main()
