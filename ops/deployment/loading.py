"""``s.yaml`` and the files that extend it: read, rendered and checked against the types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from ops.deployment.resources import Deployment, FunctionResource
from ops.template import DeploymentError, environment, lay_over, parse, render

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


# What is deployed by itself: an address of one's own, and the triggers that bring records.
_DOMAIN: Final = "s.domain.yaml"
_RECORDS: Final = "s.records.yaml"
# Values of a domain that is still to come: its routes are checked, and served by the local gateway, before it exists.
_NOT_YET: Final = {"DOMAIN": "auto", "CERTIFICATE_ID": "none"}


def load(path: Path, environ: Mapping[str, str]) -> Deployment:
    """Read and render ``path`` with the variables of ``environ`` (and of the ``.env`` file in its folder).

    The domain of ``s.domain.yaml`` next to it belongs to the deployment, and so do the triggers of ``s.records.yaml``
    where RECORDS_ENABLED is true.

    Raises:
        DeploymentError: not YAML, an expression that cannot be resolved, or a property that is misspelt, of the wrong
            type or out of range; the message names its place.
    """
    deployment, written = _convert(path, environ), parse(path)
    domain, records = path.with_name(_DOMAIN), path.with_name(_RECORDS)
    if domain.is_file():
        others = _convert(domain, _NOT_YET | environment(path, environ)).resources
        deployment = replace(deployment, resources=others | deployment.resources)
        written = lay_over(parse(domain), written)
    if deployment.has_records and records.is_file():
        deployment = _with_triggers(deployment, _convert(records, environ))
    return replace(deployment, written=written)


def _convert(path: Path, environ: Mapping[str, str]) -> Deployment:
    document = render(path, environ)
    try:
        return msgspec.convert(document, Deployment)
    except msgspec.ValidationError as error:
        raise DeploymentError(f"{path}: {error}") from error


def _with_triggers(deployment: Deployment, records: Deployment) -> Deployment:
    """The triggers of both; those of ``records`` replace the functions' own where it was rendered."""
    resources = dict(deployment.resources)
    for name, resource in resources.items():
        more = records.functions[name].triggers if isinstance(resource, FunctionResource) else ()
        if isinstance(resource, FunctionResource) and more != resource.props.triggers:
            props = replace(resource.props, triggers=(*resource.props.triggers, *more))
            resources[name] = replace(resource, props=props)
    return replace(deployment, resources=resources)
