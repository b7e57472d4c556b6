"""The resources other than those that watch: network, Milvus, bucket, logs, queues and roles.

Types and properties are those of https://help.aliyun.com/zh/ros/developer-reference/list-of-resource-types-by-service;
tests/unit/infrastructure holds a table of them. The roles are those of `ops.roles`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ops import roles
from ops.infrastructure.names import read_failure_queue
from ops.monitoring.charts import list_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.deployment import Deployment
    from ops.roles import Role

Resources: TypeAlias = dict[str, dict[str, Any]]

_NETWORK: Final = "10.42.0.0/16"
_SUBNET: Final = "10.42.0.0/20"
_LOG_DAYS: Final = 30
_WEEK_SECONDS: Final = 604_800
_PREFLIGHT_SECONDS: Final = 600


def make(kind: str, properties: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """A resource of the template."""
    return {"Type": kind, "Properties": dict(properties), **options}


def ref(name: str) -> dict[str, str]:
    """A reference to a resource or a parameter."""
    return {"Ref": name}


def make_network(deployment: Deployment) -> Resources:
    """VPC, vSwitch and security group. Functions only call out of it, so it lets nothing in."""
    prefix, zone = (str(deployment.variables[name]) for name in ("prefix", "zone"))
    subnet = {"VSwitchName": prefix, "VpcId": ref("Vpc"), "ZoneId": zone, "CidrBlock": _SUBNET}
    return {
        "Vpc": make("ALIYUN::ECS::VPC", {"VpcName": prefix, "CidrBlock": _NETWORK}),
        "VSwitch": make("ALIYUN::ECS::VSwitch", subnet),
        "SecurityGroup": make(
            "ALIYUN::ECS::SecurityGroup",
            {"SecurityGroupName": prefix, "VpcId": ref("Vpc"), "SecurityGroupType": "normal"},
        ),
    }


def make_milvus(deployment: Deployment, network: Mapping[str, Any]) -> Resources:
    """One Milvus instance of the starter edition, in the smallest size that the settings name.

    Args:
        network: the VPC and the vSwitch it is placed in.
    """
    variables = deployment.variables
    size = {"Type": "standalone", "CuType": "general", "CuNum": int(variables["milvusUnits"]), "Replica": 1}
    properties = {
        "InstanceName": str(variables["prefix"]),
        "DbVersion": str(variables["milvusVersion"]),
        "DbAdminPassword": ref("MilvusPassword"),
        "PaymentType": "PayAsYouGo",
        "Components": [size],
        "ZoneId": str(variables["zone"]),
        "VpcId": network["VpcId"],
        "VSwitchIds": [{"VswId": network["VSwitchId"], "ZoneId": str(variables["zone"])}],
        "Ha": False,
    }
    return {"Milvus": make("ALIYUN::Milvus::Instance", properties)}


def make_bucket(deployment: Deployment) -> Resources:
    """A private bucket, which stays when everything else is deleted."""
    properties: dict[str, Any] = {
        "BucketName": str(deployment.variables["bucket"]),
        "AccessControl": "private",
        "BlockPublicAccess": True,
        "StorageClass": "Standard",
    }
    if str(deployment.variables.get("uploads", "")).lower() == "true":
        properties["CORSConfiguration"] = {"CORSRule": [_make_upload_rule(deployment)]}
    return {"Bucket": make("ALIYUN::OSS::Bucket", properties, DeletionPolicy="Retain")}


def _make_upload_rule(deployment: Deployment) -> dict[str, Any]:
    """The rule of CORS that lets the page /admin upload.

    Who may write is decided by the signature of a link. The rule only names the pages that browsers send
    requests of; the name that Function Compute gives to a function is known only after the deployment.
    """
    domain = str(deployment.variables.get("domain", "auto"))
    origin = "https://*.fcapp.run" if domain in ("", "auto") else f"https://{domain}"
    return {
        "AllowedOrigin": [origin],
        "AllowedMethod": ["PUT"],
        "AllowedHeader": ["content-type", "x-oss-forbid-overwrite"],
        "ExposeHeader": ["ETag", "x-oss-request-id"],
        "MaxAgeSeconds": _PREFLIGHT_SECONDS,
    }


def make_logs(deployment: Deployment) -> Resources:
    """Log project, store, and an index on the fields of the lines that charts and alarms read."""
    project, store = (str(deployment.variables[name]) for name in ("logProject", "logStore"))
    fields = [{"Name": name, "Type": kind, "EnableAnalytics": True} for name, kind in sorted(list_fields().items())]
    keys = [
        {"Name": "functionName", "Type": "text", "EnableAnalytics": True},
        {"Name": "message", "Type": "json", "EnableAnalytics": True, "JsonKeyIndices": fields},
    ]
    return {
        "LogProject": make("ALIYUN::SLS::Project", {"Name": project}),
        "LogStore": make(
            "ALIYUN::SLS::Logstore",
            {"ProjectName": project, "LogstoreName": store, "TTL": _LOG_DAYS, "ShardCount": 1, "AutoSplit": True,
             "MaxSplitShard": 8},
            DependsOn="LogProject",
        ),
        "LogIndex": make(
            "ALIYUN::SLS::Index",
            {"ProjectName": project, "LogstoreName": store, "FullTextIndex": {"Enable": True}, "KeyIndices": keys},
            DependsOn="LogStore",
        ),
    }  # fmt: skip


def make_queues(deployment: Deployment) -> Resources:
    """The queue of failed events, and that of records where they are wanted."""
    queues = {"FailureQueue": read_failure_queue(deployment)}
    if deployment.has_records:
        queues["RecordsQueue"] = str(deployment.variables["recordsQueue"])
    return {
        name: make("ALIYUN::MNS::Queue", {"QueueName": queue, "MessageRetentionPeriod": _WEEK_SECONDS})
        for name, queue in queues.items()
    }


def make_roles(deployment: Deployment) -> Resources:
    """The roles of `ops.roles`, each with its one policy."""
    prefix = str(deployment.variables["prefix"])
    return {_name(role, prefix): _role(role) for role in roles.roles(deployment)}


def _name(role: Role, prefix: str) -> str:
    words = role.name.removeprefix(prefix).strip("-").replace("_", "-").split("-")
    return f"{''.join(word.capitalize() for word in words)}Role"


def _role(role: Role) -> dict[str, Any]:
    properties = {
        "RoleName": role.name,
        "AssumeRolePolicyDocument": role.trust,
        "Policies": [{"PolicyName": role.name, "PolicyDocument": role.policy}],
        "DeletionForce": True,
    }
    return make("ALIYUN::RAM::Role", properties)
