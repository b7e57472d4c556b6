"""Command line of the emulator."""

from __future__ import annotations

import argparse
import asyncio
import errno
import signal
import sys
from typing import TYPE_CHECKING

from local.dashscope.encoders import ENCODERS
from local.dashscope.ocr_process import MODELS
from local.dashscope.server import serve
from local.dashscope.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence


async def _serve_until_told(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def announce(base_url: str) -> None:
        print(f"dashscope emulator (model {settings.model}) on {base_url}", flush=True)

    await serve(settings, announce, stop)


def _read_settings(arguments: Sequence[str] | None = None) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m local.dashscope", description="DashScope on one machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100, help="0 picks a free one")
    parser.add_argument("--api-key", action="append", help="a key to accept; may be repeated (default: sk-local)")
    parser.add_argument("--model", choices=sorted(ENCODERS), default="use", help="hash is for load tests only")
    parser.add_argument("--ocr-model", choices=MODELS, default="pp-ocr", help="hash reads nothing; for load tests only")
    parser.add_argument("--latency-ms", type=float, default=0, help="added to each call")
    parser.add_argument("--requests-per-second", type=float, default=0, help="quota per key and model; 0 is none")
    parser.add_argument("--tokens-per-minute", type=float, default=0, help="quota per key and model; 0 is none")
    parser.add_argument("--documented-quota", action="store_true", help="the documented quota of each model")
    parser.add_argument("--batch-seconds", type=float, default=2, help="in which a batch task is in progress")
    parser.add_argument("--batch-events", default="", help="address to which the end of each batch task is announced")
    given = vars(parser.parse_args(arguments))
    keys = given.pop("api_key") or ["sk-local"]
    return Settings(api_keys=tuple(keys), **given)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; exit with 1 and a sentence when the address cannot be listened on."""
    settings = _read_settings()
    try:
        asyncio.run(_serve_until_told(settings))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sys.exit(f"Port {settings.port} of {settings.host} is taken: stop what uses it, or choose one with --port.")
        sys.exit(f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}): check --host and --port.")


if __name__ == "__main__":
    main()
