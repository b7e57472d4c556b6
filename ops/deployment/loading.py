"""``s.yaml`` read, rendered and checked against the types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ops.deployment.resources import Deployment
from ops.template import DeploymentError, parse, render

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def load(path: Path, environ: Mapping[str, str]) -> Deployment:
    """Read and render ``path`` with the variables of ``environ`` (and of the ``.env`` file in its folder).

    Raises:
        DeploymentError: not YAML, an expression that cannot be resolved, or a property that is misspelt, of the wrong
            type or out of range; the message names its place.
    """
    document = render(path, environ)
    try:
        deployment = msgspec.convert(document, Deployment)
    except msgspec.ValidationError as error:
        raise DeploymentError(f"{path}: {error}") from error
    return msgspec.structs.replace(deployment, written=parse(path))
