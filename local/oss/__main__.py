"""Command line of the emulator."""

from __future__ import annotations

import argparse
import asyncio
import errno
import logging
import signal
import sys
from pathlib import Path

import msgspec

from local.oss.notification import LOOPBACK, Notification
from local.oss.server import serve
from local.oss.settings import Settings


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; exit with 1 and a sentence when that is impossible."""
    logging.basicConfig(level=logging.WARNING, format="oss emulator: %(message)s")
    options = _parser().parse_args()
    try:
        options.notifications = _notifications(options.notifications)
        options.allowed_origins = tuple(options.allowed_origins)
        asyncio.run(_serve_until_told(Settings(**vars(options))))
    except (OSError, ValueError) as error:
        sys.exit(f"oss emulator: {_advice(error, options)}")


async def _serve_until_told(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def announce(endpoint: str) -> None:
        print(f"oss emulator: bucket {settings.bucket} over {settings.root} on {endpoint}", flush=True)

    await serve(settings, announce, stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.oss", description="Serve a folder as an OSS bucket.")
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=9200, help="0 takes any free port")
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--root", type=Path, required=True, help="the folder")
    parser.add_argument(
        "--allow-origin", dest="allowed_origins", action="append", default=[], help="a web page that may upload"
    )
    parser.add_argument("--notify", dest="notifications", default="[]", help="where events go, as a JSON list")
    return parser


def _notifications(value: str) -> tuple[Notification, ...]:
    try:
        return msgspec.json.decode(value, type=tuple[Notification, ...])
    except msgspec.DecodeError as error:
        raise ValueError(f"--notify is not a list of notifications (url, events, prefix, suffix): {error}.") from None


def _advice(error: Exception, options: argparse.Namespace) -> str:
    """One sentence that says what to do."""
    if isinstance(error, NotADirectoryError):
        return f"{options.root} is not a folder: create it, or name another with --root."
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {options.port} of {options.host} is taken: stop what uses it, or choose another with --port."
    return str(error)


if __name__ == "__main__":
    main()
