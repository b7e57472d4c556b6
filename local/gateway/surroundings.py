"""What every instance of a deployment shares: code, logs, variables and connections of this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import aiohttp

    from ops.deployment import Function


@dataclass(frozen=True)
class Surroundings:
    """Where instances run.

    Attributes:
        root: the project's folder, which replaces ``/code``.
        data: folder for logs and failed events.
        environ: the variables the functions' platform is taken from.
        session: the connections to instances.
        names: the resource of each function in ``s.yaml``, by deployed name; logs are named after it.
        freeze_idle: whether an instance without a request is stopped until the next one, as in the cloud.
        idle_seconds: how long a further instance stays without a request, unless the function declares ``idleTimeout``.
    """

    root: Path
    data: Path
    environ: Mapping[str, str]
    session: aiohttp.ClientSession
    names: Mapping[str, str]
    freeze_idle: bool = False
    idle_seconds: float = 60.0

    def log(self, function: Function, number: int) -> Path:
        """The log of one instance: ``ingest.log``, ``ingest-2.log`` and so on."""
        name = self.names[function.function_name]
        return self.data / "logs" / (f"{name}.log" if number == 1 else f"{name}-{number}.log")
