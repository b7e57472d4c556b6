"""The template as a Terraform module for the provider ``alicloud``, so that both create the same.

Resources and arguments are those of https://registry.terraform.io/providers/aliyun/alicloud/latest/docs, version 1.293.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ops.infrastructure.hcl import Block, Call, Expression, quote, render_block
from ops.infrastructure.names import REGION
from ops.infrastructure.settings import DEFAULT_REGION, ZONES
from ops.infrastructure.template import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_HEAD: Final = "# Generated from s.yaml by `python -m ops infra --terraform FOLDER`. Do not edit.\n"
_DEFAULTS: Final = {
    "region": DEFAULT_REGION,
    "prefix": "semantic-search",
    "log_store_name": "functions",
    "failure_queue_name": "semantic-search-failed",
    "zone": ZONES[DEFAULT_REGION],
}
_SUBSTITUTION: Final = re.compile(r"\$\{([\w:]+)\}")


class Kind(Struct, frozen=True):
    """A resource of the provider.

    Attributes:
        name: its type.
        arguments: by the property of the template; those with a dot are in a nested block.
    """

    name: str
    arguments: dict[str, str]


KINDS: Final = {
    "ALIYUN::ECS::VPC": Kind("alicloud_vpc", {"VpcName": "vpc_name", "CidrBlock": "cidr_block"}),
    "ALIYUN::ECS::VSwitch": Kind(
        "alicloud_vswitch",
        {"VSwitchName": "vswitch_name", "VpcId": "vpc_id", "ZoneId": "zone_id", "CidrBlock": "cidr_block"},
    ),
    "ALIYUN::ECS::SecurityGroup": Kind(
        "alicloud_security_group",
        {"SecurityGroupName": "security_group_name", "VpcId": "vpc_id", "SecurityGroupType": "security_group_type"},
    ),
    "ALIYUN::Milvus::Instance": Kind(
        "alicloud_milvus_instance",
        {
            "InstanceName": "instance_name", "DbVersion": "db_version", "DbAdminPassword": "db_admin_password",
            "PaymentType": "payment_type", "ZoneId": "zone_id", "VpcId": "vpc_id", "Ha": "ha",
            "Components": "components", "Components.Type": "type", "Components.CuType": "cu_type",
            "Components.CuNum": "cu_num", "Components.Replica": "replica",
            "VSwitchIds": "vswitch_ids", "VSwitchIds.VswId": "vsw_id", "VSwitchIds.ZoneId": "zone_id",
        },
    ),
    "ALIYUN::OSS::Bucket": Kind("alicloud_oss_bucket", {"BucketName": "bucket", "StorageClass": "storage_class"}),
    "ALIYUN::SLS::Project": Kind("alicloud_log_project", {"Name": "project_name"}),
    "ALIYUN::SLS::Logstore": Kind(
        "alicloud_log_store",
        {
            "ProjectName": "project_name", "LogstoreName": "logstore_name", "TTL": "retention_period",
            "ShardCount": "shard_count", "AutoSplit": "auto_split", "MaxSplitShard": "max_split_shard_count",
        },
    ),
    "ALIYUN::SLS::Index": Kind(
        "alicloud_log_store_index",
        {
            "ProjectName": "project", "LogstoreName": "logstore",
            "FullTextIndex": "full_text",
            "KeyIndices": "field_search", "KeyIndices.Name": "name", "KeyIndices.Type": "type",
            "KeyIndices.EnableAnalytics": "enable_analytics",
            "KeyIndices.JsonKeyIndices": "json_keys", "KeyIndices.JsonKeyIndices.Name": "name",
            "KeyIndices.JsonKeyIndices.Type": "type", "KeyIndices.JsonKeyIndices.EnableAnalytics": "doc_value",
        },
    ),
    "ALIYUN::SLS::Alert": Kind(
        "alicloud_sls_alert",
        {
            "Project": "project_name",
            "Configuration": "configuration",
            "Configuration.Version": "version", "Configuration.Type": "type", "Configuration.Dashboard": "dashboard",
            "Configuration.NoDataFire": "no_data_fire", "Configuration.SendResolved": "send_resolved",
            "Configuration.Threshold": "threshold",
            "Configuration.QueryList": "query_list",
            "Configuration.QueryList.Query": "query", "Configuration.QueryList.StoreType": "store_type",
            "Configuration.QueryList.Project": "project", "Configuration.QueryList.Store": "store",
            "Configuration.QueryList.Region": "region", "Configuration.QueryList.TimeSpanType": "time_span_type",
            "Configuration.QueryList.Start": "start", "Configuration.QueryList.End": "end",
            "Configuration.GroupConfiguration": "group_configuration",
            "Configuration.GroupConfiguration.Type": "type",
            "Configuration.SeverityConfigurations": "severity_configurations",
            "Configuration.SeverityConfigurations.Severity": "severity",
            "Configuration.SeverityConfigurations.EvalCondition": "eval_condition",
            "Configuration.SeverityConfigurations.EvalCondition.Condition": "condition",
            "Configuration.SeverityConfigurations.EvalCondition.CountCondition": "count_condition",
            "Configuration.Annotations": "annotations",
            "Configuration.Annotations.Key": "key", "Configuration.Annotations.Value": "value",
            "Configuration.PolicyConfiguration": "policy_configuration",
            "Configuration.PolicyConfiguration.AlertPolicyId": "alert_policy_id",
            "Configuration.PolicyConfiguration.ActionPolicyId": "action_policy_id",
            "Configuration.PolicyConfiguration.RepeatInterval": "repeat_interval",
            "Name": "alert_name", "DisplayName": "display_name", "Description": "description",
            "Schedule": "schedule", "Schedule.Type": "type", "Schedule.Interval": "interval",
        },
    ),
    "ALIYUN::MNS::Queue": Kind(
        "alicloud_message_service_queue",
        {"QueueName": "queue_name", "MessageRetentionPeriod": "message_retention_period"},
    ),
}  # fmt: skip
# What the provider calls otherwise, or has as resources of their own: written below.
_WRITTEN_BELOW: Final = {"AccessControl", "BlockPublicAccess", "CORSConfiguration", "Enable"}


def write_module(template: Mapping[str, Any], folder: Path) -> int:
    """Write the module into ``folder``; the exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in render_module(template).items():
        (folder / name).write_text(text, "utf-8")
        print(folder / name)
    return 0


def render_module(template: Mapping[str, Any]) -> dict[str, str]:
    """The files of the module, by name."""
    provider = {"source": "aliyun/alicloud", "version": ">= 1.293.0"}
    versions = [
        render_block(
            "terraform", (), {"required_version": ">= 1.5", "required_providers": Block({"alicloud": provider})}
        ),
        render_block("provider", ("alicloud",), {"region": Expression("var.region")}),
    ]
    return {
        "versions.tf": _HEAD + "\n" + "\n".join(versions),
        "variables.tf": _HEAD + "\n" + "\n".join(_variables(template)),
        "main.tf": _HEAD + "\n" + "\n".join(_Module(template).blocks()),
        "outputs.tf": _HEAD + "\n" + "\n".join(_Module(template).outputs()),
    }


def _variables(template: Mapping[str, Any]) -> Iterator[str]:
    region = {REGION: {"Description": "The region"}}
    for name, parameter in {**region, **template["Parameters"]}.items():
        body = {"description": parameter["Description"], "type": Expression("string")}
        variable = _snake(name)
        if variable in _DEFAULTS:
            body["default"] = _DEFAULTS[variable]
        if name == PASSWORD:
            body["sensitive"] = True
        yield render_block("variable", (variable,), body)


class _Module:
    """Renders the resources of a template."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._resources, self._outputs = template["Resources"], template["Outputs"]

    def blocks(self) -> Iterator[str]:
        for name, resource in self._resources.items():
            yield from self._render(name, resource)

    def outputs(self) -> Iterator[str]:
        for name, output in self._outputs.items():
            yield render_block("output", (_snake(name),), {"value": self._convert(output["Value"])})

    def _render(self, name: str, resource: Mapping[str, Any]) -> Iterator[str]:
        properties, label = resource["Properties"], _snake(name)
        match resource["Type"]:
            case "ALIYUN::RAM::Role":
                yield from self._role(label, properties)
            case "ALIYUN::SLS::Dashboard":
                yield render_block("resource", ("alicloud_log_dashboard", label), self._dashboard(properties))
            case "ALIYUN::OSS::Bucket":
                body = self._arguments(resource) | {"lifecycle": Block({"prevent_destroy": True})}
                yield render_block("resource", ("alicloud_oss_bucket", label), body)
                block = {"bucket": Expression(f"alicloud_oss_bucket.{label}.bucket"), "block_public_access": True}
                yield render_block("resource", ("alicloud_oss_bucket_public_access_block", label), block)
                if cors := properties.get("CORSConfiguration"):
                    yield render_block("resource", ("alicloud_oss_bucket_cors", label), self._cors(label, cors))
            case kind:
                yield render_block("resource", (KINDS[kind].name, label), self._arguments(resource))

    def _cors(self, label: str, cors: Mapping[str, Any]) -> dict[str, Any]:
        (rule,) = cors["CORSRule"]
        block = {
            "allowed_origins": self._convert(rule["AllowedOrigin"]),
            "allowed_methods": rule["AllowedMethod"],
            "allowed_headers": rule["AllowedHeader"],
            "expose_header": rule["ExposeHeader"],
            "max_age_seconds": rule["MaxAgeSeconds"],
        }
        return {"bucket": Expression(f"alicloud_oss_bucket.{label}.bucket"), "cors_rule": Block(block)}

    def _role(self, label: str, properties: Mapping[str, Any]) -> Iterator[str]:
        (policy,) = properties["Policies"]
        trust = Call(self._convert(properties["AssumeRolePolicyDocument"]))
        role = {"role_name": self._convert(properties["RoleName"]), "assume_role_policy_document": trust}
        yield render_block("resource", ("alicloud_ram_role", label), role)
        document = Call(self._convert(policy["PolicyDocument"]))
        allowed = {"policy_name": self._convert(policy["PolicyName"]), "policy_document": document}
        yield render_block("resource", ("alicloud_ram_policy", label), allowed)
        attachment = {
            "role_name": Expression(f"alicloud_ram_role.{label}.role_name"),
            "policy_name": Expression(f"alicloud_ram_policy.{label}.policy_name"),
            "policy_type": "Custom",
        }
        yield render_block("resource", ("alicloud_ram_role_policy_attachment", label), attachment)

    def _dashboard(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "project_name": self._convert(properties["ProjectName"]),
            "dashboard_name": self._convert(properties["DashboardName"]),
            "display_name": self._convert(properties["DisplayName"]),
            "attribute": Call({"type": "grid"}),
            "char_list": Call(self._convert(properties["Charts"])),
            **self._order("LogIndex"),
        }

    def _arguments(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        properties = resource["Properties"]
        flat = {**properties, **properties.get("Detail", {})}
        flat.pop("Detail", None)
        return self._nested(KINDS[resource["Type"]], flat, "") | self._order(resource.get("DependsOn", ""))

    def _order(self, name: str) -> dict[str, Any]:
        return {"depends_on": [Expression(self._address(name))]} if name in self._resources else {}

    def _nested(self, kind: Kind, properties: Mapping[str, Any], path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in properties.items():
            if name in _WRITTEN_BELOW:
                continue
            argument = kind.arguments[f"{path}{name}"]
            if _is_mapping(value):
                found[argument] = Block(self._nested(kind, value, f"{path}{name}."))
            elif isinstance(value, list) and value and _is_mapping(value[0]):
                found[argument] = [Block(self._nested(kind, item, f"{path}{name}.")) for item in value]
            else:
                found[argument] = self._convert(value)
        return found

    def _convert(self, value: Any) -> Any:
        """A value of the template; references become references of Terraform."""
        match value:
            case {"Ref": name}:
                return Expression(self._reference(name))
            case {"Fn::Sub": text}:
                return Expression('"' + _SUBSTITUTION.sub(lambda it: f"${{var.{_snake(it[1])}}}", text) + '"')
            case {"Fn::Join": ["", parts]}:
                return Expression('"' + "".join(self._part(part) for part in parts) + '"')
            case dict():
                return {key: self._convert(item) for key, item in value.items()}
            case list():
                return [self._convert(item) for item in value]
        return value

    def _part(self, part: Any) -> str:
        if isinstance(part, str):
            return quote(part)[1:-1]
        name, _ = part["Fn::GetAtt"]
        return f"${{{self._address(name)}.id}}"

    def _reference(self, name: str) -> str:
        return f"{self._address(name)}.id" if name in self._resources else f"var.{_snake(name)}"

    def _address(self, name: str) -> str:
        kind = self._resources[name]["Type"]
        found = {"ALIYUN::SLS::Dashboard": "alicloud_log_dashboard", "ALIYUN::RAM::Role": "alicloud_ram_role"}
        return f"{found.get(kind) or KINDS[kind].name}.{_snake(name)}"


def _is_mapping(value: Any) -> bool:
    """Whether it is an object of the template, and no reference."""
    return isinstance(value, dict) and not any(key == "Ref" or key.startswith("Fn::") for key in value)


def _snake(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition("::")[2])
    return words.lower()
