"""``s.yaml`` and the files that extend it: read, rendered and checked against the types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec.structs import replace

from ops.deployment.names import find_wrong_names
from ops.deployment.resources import Deployment, FunctionResource
from ops.template import DeploymentError, environment, lay_over, parse, render
from shared.runtime.settings.storage import check_bucket_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ops.deployment.function import Function


# What is deployed by itself: an address of one's own, and triggers of EventBridge.
_DOMAIN: Final = "s.domain.yaml"
_RECORDS: Final = "s.records.yaml"
_BATCHES: Final = "s.batches.yaml"
# Values of a domain that is still to come: its routes are checked, and served by the local gateway, before it exists.
_NOT_YET: Final = {"DOMAIN": "auto", "CERTIFICATE_ID": "none"}


def load(path: Path, environ: Mapping[str, str]) -> Deployment:
    """Read and render ``path`` with the variables of ``environ`` (and of the ``.env`` file in its folder).

    The domain of ``s.domain.yaml`` next to it belongs to the deployment, and so do the triggers of ``s.records.yaml``
    where RECORDS_ENABLED is true, and that of ``s.batches.yaml`` where BATCH_EVENTS is.

    Raises:
        DeploymentError: not YAML, an expression that cannot be resolved, or a property that is misspelt, of the wrong
            type or out of range; the message names its place.
    """
    deployment, written = _convert(path, environ), parse(path)
    domain = path.with_name(_DOMAIN)
    if domain.is_file():
        others = _convert(domain, _NOT_YET | environment(path, environ)).resources
        deployment = replace(deployment, resources=others | deployment.resources)
        written = lay_over(parse(domain), written)
    base = deployment.functions
    for name, is_wanted in ((_RECORDS, deployment.has_records), (_BATCHES, deployment.has_batch_events)):
        if is_wanted and path.with_name(name).is_file():
            deployment = _with_triggers(deployment, base, _convert(path.with_name(name), environ))
    return replace(deployment, written=written)


def _convert(path: Path, environ: Mapping[str, str]) -> Deployment:
    document = render(path, environ)
    try:
        return msgspec.convert(document, Deployment)
    except msgspec.ValidationError as error:
        raise DeploymentError(f"{path}: {_explain(document, error)}") from error


def _explain(document: Mapping[str, Any], error: msgspec.ValidationError) -> str:
    """Name the variable whose value makes the file wrong, if one does, and else the place in the file."""
    variables = document.get("vars")
    wrong = list(find_wrong_names(variables)) if isinstance(variables, dict) else []
    try:
        check_bucket_name(str(document["vars"]["bucket"]))
    except ValueError as problem:
        wrong.append(str(problem))
    except (KeyError, TypeError):  # another file than the project's
        pass
    return "; ".join(wrong) or str(error)


def _with_triggers(deployment: Deployment, base: Mapping[str, Function], more: Deployment) -> Deployment:
    """The deployment with the triggers of ``more``, which replace those of ``base`` where it was rendered."""
    resources = dict(deployment.resources)
    for name, resource in resources.items():
        if isinstance(resource, FunctionResource) and more.functions[name].triggers != base[name].triggers:
            props = replace(resource.props, triggers=(*resource.props.triggers, *more.functions[name].triggers))
            resources[name] = replace(resource, props=props)
    return replace(deployment, resources=resources)
