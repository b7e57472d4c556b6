"""The one template: its parts, its parameters and what it gives back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.infrastructure import observation, resources
from ops.infrastructure.names import FAILURE_QUEUE, PARAMETERS, REGION, refer

if TYPE_CHECKING:
    from collections.abc import Collection

    from ops.deployment import Deployment
    from ops.infrastructure.resources import Resources

PASSWORD: Final = "MilvusPassword"  # noqa: S105 - the name of the parameter
# What may exist already, and is then used as it is: the parts by name, with their resources' names.
PARTS: Final = ("network", "milvus", "bucket", "logs", "queues", "roles", "dashboard")
_PORT: Final = 19_530


def make_template(deployment: Deployment, existing: Collection[str] = ()) -> dict[str, Any]:
    """The template of what ``s.yaml`` needs.

    Args:
        deployment: what `load_marked` returns; it names the network that exists.
        existing: parts that are not created, of `PARTS`.
    """
    declared: Resources = {}
    for part in PARTS:
        if part not in existing:
            declared |= _make_part(part, deployment, declared)
    return {
        "ROSTemplateFormatVersion": "2015-09-01",
        "Description": "What a deployment of semantic search needs: generated from s.yaml by `python -m ops infra`.",
        "Parameters": _parameters(declared),
        "Resources": {name: _without_missing(refer(it), declared) for name, it in declared.items()},
        "Outputs": _outputs(declared),
    }


def list_parts(deployment: Deployment) -> dict[str, str]:
    """The part that each resource belongs to, by the resource's name."""
    return {name: part for part in PARTS for name in _make_part(part, deployment, {})}


def _make_part(part: str, deployment: Deployment, declared: Resources) -> Resources:
    match part:
        case "network":
            return resources.make_network(deployment)
        case "milvus":
            return resources.make_milvus(deployment, _network(deployment, declared))
        case "bucket":
            return resources.make_bucket(deployment)
        case "logs":
            return resources.make_logs(deployment)
        case "queues":
            return resources.make_queues(deployment)
        case "roles":
            return resources.make_roles(deployment)
        case _:
            return observation.make_dashboard(deployment) | observation.make_alerts(deployment)


def _network(deployment: Deployment, declared: Resources) -> dict[str, Any]:
    if "Vpc" in declared:
        return {"VpcId": resources.ref("Vpc"), "VSwitchId": resources.ref("VSwitch")}
    return {"VpcId": deployment.variables["vpc"], "VSwitchId": deployment.variables["vSwitch"]}


def _parameters(declared: Resources) -> dict[str, Any]:
    found: dict[str, Any] = {
        it.name: {"Type": "String", "Description": it.description}
        for it in (*PARAMETERS, FAILURE_QUEUE)
        if it.name != REGION
    }
    if "Milvus" in declared:
        found[PASSWORD] = {
            "Type": "String",
            "NoEcho": True,
            "MinLength": 8,
            "MaxLength": 30,
            "Description": "The password of Milvus' user root",
        }
    return found


def _outputs(declared: Resources) -> dict[str, Any]:
    names = [name for name in ("Vpc", "VSwitch", "SecurityGroup") if name in declared]
    found: dict[str, Any] = {f"{name}Id": {"Value": resources.ref(name)} for name in names}
    if "Milvus" in declared:
        address = ["http://", {"Fn::GetAtt": ["Milvus", "InstanceId"]}, f"-internal.milvus.aliyuncs.com:{_PORT}"]
        found["MilvusUri"] = {"Value": {"Fn::Join": ["", address]}}
    return found


def _without_missing(resource: dict[str, Any], declared: Resources) -> dict[str, Any]:
    """Without the order after a resource that exists already."""
    if resource.get("DependsOn", "") in declared or "DependsOn" not in resource:
        return resource
    return {key: value for key, value in resource.items() if key != "DependsOn"}
