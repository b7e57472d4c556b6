"""The deployment that a command works on, with all its variables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.deployment import load
from ops.template import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.deployment import Deployment


@dataclass(frozen=True)
class Project:
    """A deployment and what it is rendered from.

    Attributes:
        path: of its ``s.yaml``.
        environ: the process's variables, and what they leave to the ``.env`` file.
    """

    path: Path
    deployment: Deployment
    environ: Mapping[str, str]


def read_project(environ: Mapping[str, str], path: Path = Path("s.yaml")) -> Project:
    """Read the deployment in the present folder.

    Raises:
        DeploymentError: ``s.yaml`` cannot be used.
    """
    return Project(path, load(path, environ), environment(path, environ))
