"""How commands find the local stack: it writes the settings it chose into a file, and removes it when it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops.template import LOCAL_STACK, DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE: Final = "stack.json"
_FOLDER: Final = ".local"


def write_settings(data: Path, url: str, chosen: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Write what a local stack chose itself; what its user gave may be secret and stays where it was.

    Args:
        data: its folder.
        url: where its gateway answers.
        chosen: all settings of its functions.
        given: those of its user.
    """
    own = {name: value for name, value in chosen.items() if given.get(name) != value}
    (data / _FILE).write_text(json.dumps(own | {"FC_ENDPOINT": url, "SEARCH_URL": url}, indent=2), "utf-8")


def remove_settings(data: Path) -> None:
    """Remove what was written, if it was."""
    (data / _FILE).unlink(missing_ok=True)


def read_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings of the local stack that runs.

    Args:
        environ: ``DATA`` names its folder; ``.local`` by default.

    Raises:
        DeploymentError: none runs.
    """
    file = Path(environ.get("DATA") or _FOLDER).expanduser() / _FILE
    try:
        return {**json.loads(file.read_text("utf-8")), LOCAL_STACK: str(file.parent)}
    except (OSError, ValueError):
        raise DeploymentError(f"no local stack runs ({file} is missing): `make demo` starts one") from None


def is_local(environ: Mapping[str, str]) -> bool:
    """Whether the local stack is asked, and not the deployment."""
    return LOCAL_STACK in environ


def find_logs(environ: Mapping[str, str]) -> Path | None:
    """The folder with the logs of the local stack; ``None`` where the deployment is asked."""
    return Path(environ[LOCAL_STACK]) / "logs" if LOCAL_STACK in environ else None


def find_failures(environ: Mapping[str, str]) -> Path | None:
    """The folder in which the local stack keeps events that failed for good; ``None`` where the deployment is asked."""
    return Path(environ[LOCAL_STACK]) / "failed" if LOCAL_STACK in environ else None
