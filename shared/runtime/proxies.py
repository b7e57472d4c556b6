"""Proxies of the environment, and addresses of this machine, to which no proxy leads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import MutableMapping

PROXY_VARIABLE: Final = re.compile(r"(?:https?|all|no|grpc)_proxy", re.IGNORECASE)
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


def exempt_loopback(environ: MutableMapping[str, str]) -> None:
    """Add the names of this machine to ``no_proxy``, where a variable names a proxy.

    Many networks set ``http_proxy`` and no exception: requests, gRPC and curl would ask the proxy for 127.0.0.1.
    """
    if not any(PROXY_VARIABLE.fullmatch(name) and value for name, value in environ.items()):
        return
    # Clients read one of the two, most of them the small one.
    named = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    hosts = [host for part in named.split(",") if (host := part.strip())]
    value = ",".join([*hosts, *(host for host in _LOOPBACK if host not in hosts)])
    environ["no_proxy"] = environ["NO_PROXY"] = "*" if "*" in hosts else value
