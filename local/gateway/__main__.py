"""Command line of the gateway."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from local import gateway as package
from local.gateway.application import application
from local.gateway.errors import GatewayError
from local.gateway.gateway import Gateway
from local.gateway.server import listen, serve
from local.processes import StartError
from ops.deployment import DeploymentError, load

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the gateway; the exit status is 1 when it could not start, after one sentence."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        deployment = load(options.deployment, os.environ)
        listening = listen(options.host, options.port)
        gateway = Gateway(
            deployment,
            root=(options.root or options.deployment.resolve().parent).resolve(),
            data=options.data.resolve(),
            environ=os.environ,
            retry_seconds=options.retry_seconds,
            freeze_idle=options.freeze_idle,
            idle_seconds=options.idle_seconds,
        )
        front = application(gateway, pass_client_headers=options.pass_client_fc_headers)
        asyncio.run(serve(gateway, front, listening))
    except (DeploymentError, GatewayError, StartError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.gateway", description=package.__doc__)
    parser.add_argument("--deployment", type=Path, default=Path("s.yaml"), help="the deployment to run")
    parser.add_argument("--root", type=Path, help="the code, which replaces /code; default: the deployment's folder")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free one")
    parser.add_argument("--data", type=Path, default=Path(".local"), help="folder for logs and failed events")
    parser.add_argument("--retry-seconds", type=float, default=1.0, help="wait before the first retry of an event")
    parser.add_argument("--idle-seconds", type=float, default=60.0, help="life of a further instance without requests")
    parser.add_argument("--freeze-idle", action="store_true", help="stop instances without requests, as the cloud does")
    parser.add_argument("--pass-client-fc-headers", action="store_true", help="pass on x-fc-* headers clients send")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
