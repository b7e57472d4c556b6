"""The template follows from s.yaml, holds what the service takes and nothing else, and Terraform makes the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops.deployment import load
from ops.infrastructure import files
from ops.infrastructure.names import FAILURE_QUEUE, PARAMETERS, load_marked, read_values
from ops.infrastructure.settings import make_password
from ops.infrastructure.template import PARTS, list_parts, make_template
from ops.infrastructure.terraform import render_module
from ops.monitoring.charts import ALARMS, CHARTS
from ops.roles import roles

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "infrastructure"
# Properties and attributes of each type: names, kinds, "*" for required ones and allowed values, as the packages
# ros-cdk-* 1.15.0 declare them, which are generated from the service's own descriptions.
TYPES = json.loads(Path(__file__).with_name("ros_types.json").read_text("utf-8"))
KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}
REFERENCES = ("Ref", "Fn::Sub", "Fn::GetAtt", "Fn::Join")


@cache
def template(**environ: str) -> dict[str, Any]:
    return make_template(load_marked(ROOT / "s.yaml", environ))


def every_value(value: Any) -> Iterator[Any]:
    yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from every_value(item)


def mistakes(value: Any, kind: Any, place: str) -> Iterator[str]:
    """Where ``value`` is not of a declared kind."""
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in REFERENCES:
        return
    if isinstance(kind, dict) and "|" in kind:
        if value not in kind["|"]:
            yield f"{place} must be one of {kind['|']}, not {value!r}"
    elif isinstance(kind, dict):
        yield from mistakes_of_mapping(value, kind, place)
    elif isinstance(kind, list):
        if not isinstance(value, list):
            yield f"{place} must be a list"
        for number, item in enumerate(value if isinstance(value, list) else ()):
            yield from mistakes(item, kind[0], f"{place}[{number}]")
    elif kind != "any" and (not isinstance(value, KINDS[kind]) or (kind == "number" and isinstance(value, bool))):
        yield f"{place} must be a {kind}, not {value!r}"


def mistakes_of_mapping(value: Any, kind: dict[str, Any], place: str) -> Iterator[str]:
    declared = {name.rstrip("*"): it for name, it in kind.items()}
    for name in kind:
        if name.endswith("*") and name[:-1] not in value:
            yield f"{place}.{name[:-1]} is missing"
    for name, item in value.items():
        if name not in declared:
            yield f"{place}.{name} does not exist"
        else:
            yield from mistakes(item, declared[name], f"{place}.{name}")


@pytest.mark.parametrize("environ", [{}, {"RECORDS_ENABLED": "true"}, {"ALERT_ACTION_POLICY": "mail"}], ids=str)
def test_every_resource_is_of_a_type_that_takes_its_properties(environ: dict[str, str]) -> None:
    found: list[str] = []
    for name, resource in template(**environ)["Resources"].items():
        found += mistakes(resource["Properties"], TYPES[resource["Type"]]["properties"], name)
    assert found == []


def test_the_check_of_types_finds_mistakes() -> None:
    kind = TYPES["ALIYUN::MNS::Queue"]["properties"]
    assert list(mistakes({"QueueNam": "x", "DelaySeconds": "1"}, kind, "Q")) == [
        "Q.QueueName is missing",
        "Q.QueueNam does not exist",
        "Q.DelaySeconds must be a number, not '1'",
    ]


def test_every_reference_leads_to_a_parameter_or_a_resource() -> None:
    whole = template()
    known = whole["Parameters"].keys() | whole["Resources"].keys() | {"ALIYUN::Region"}
    for value in every_value([whole["Resources"], whole["Outputs"]]):
        if isinstance(value, dict) and "Ref" in value:
            assert value["Ref"] in known
        if isinstance(value, dict) and "Fn::GetAtt" in value:
            name, attribute = value["Fn::GetAtt"]
            assert attribute in TYPES[whole["Resources"][name]["Type"]]["attributes"]
        if isinstance(value, dict) and "DependsOn" in value:
            assert value["DependsOn"] in whole["Resources"]


def test_no_parameter_has_the_name_of_a_resource() -> None:
    assert template()["Parameters"].keys() & template(RECORDS_ENABLED="true")["Resources"].keys() == set()


def test_no_mark_is_left() -> None:
    text = json.dumps(template(RECORDS_ENABLED="true"))
    assert [it.mark for it in (*PARAMETERS, FAILURE_QUEUE) if it.mark in text] == []


def test_the_roles_are_those_the_deployment_needs() -> None:
    deployment = load(ROOT / "s.yaml", {"OSS_PREFIX": "papers/"})
    values = {**read_values(deployment), "ALIYUN::Region": "cn-beijing"}

    def resolve(value: Any) -> Any:
        match value:
            case {"Ref": name}:
                return values[name]
            case {"Fn::Sub": text}:
                for name, word in values.items():
                    text = text.replace(f"${{{name}}}", word)
                return text
            case dict():
                return {key: resolve(item) for key, item in value.items()}
            case list():
                return [resolve(item) for item in value]
        return value

    made = [it for it in template(OSS_PREFIX="papers/")["Resources"].values() if it["Type"] == "ALIYUN::RAM::Role"]
    assert {
        it["RoleName"]: (it["AssumeRolePolicyDocument"], it["Policies"][0]["PolicyDocument"])
        for it in (resolve(role["Properties"]) for role in made)
    } == {role.name: (role.trust, role.policy) for role in roles(deployment)}


def test_every_chart_and_alarm_is_created() -> None:
    resources = template()["Resources"]
    shown = {chart["title"] for chart in resources["Dashboard"]["Properties"]["Charts"]}
    assert shown == {chart.name for chart in CHARTS}
    alerts = [it for it in resources.values() if it["Type"] == "ALIYUN::SLS::Alert"]
    assert {it["Properties"]["Detail"]["DisplayName"] for it in alerts} == {alarm.title for alarm in ALARMS}


def test_the_queue_of_records_is_made_only_where_they_are_wanted() -> None:
    assert "RecordsQueue" not in template()["Resources"]
    assert "RecordsQueue" in template(RECORDS_ENABLED="true")["Resources"]


def test_no_secret_is_in_the_template() -> None:
    secret = {"DASHSCOPE_API_KEY": "sk-secret", "MILVUS_TOKEN": "root:secret", "API_KEYS": "secret-key"}
    assert "secret" not in json.dumps(template(**secret)).replace("access-key-secret", "")
    assert template()["Parameters"]["MilvusPassword"]["NoEcho"] is True


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_exists_is_left_out_and_nothing_refers_to_it(part: str) -> None:
    marked = load_marked(ROOT / "s.yaml", {})
    left = make_template(marked, {part})
    gone = {name for name, of in list_parts(marked).items() if of == part}
    assert left["Resources"].keys() == template()["Resources"].keys() - gone
    for value in every_value([left["Resources"], left["Outputs"]]):
        assert not (isinstance(value, dict) and value.get("Ref", value.get("DependsOn")) in gone)


@pytest.mark.parametrize("number", range(20))
def test_a_password_has_every_kind_of_character_and_needs_no_quotes(number: int) -> None:
    password = make_password()
    assert 8 <= len(password) <= 30
    assert set("-") & set(password)
    assert any(it.isupper() for it in password)
    assert any(it.islower() for it in password)
    assert any(it.isdigit() for it in password)
    assert not set(password) & set("#$%'\"\\ :@")


def test_the_bucket_takes_uploads_of_pages_only_where_they_are_on() -> None:
    def rules(**environ: str) -> Any:
        return template(**environ)["Resources"]["Bucket"]["Properties"].get("CORSConfiguration")

    assert rules() is None
    (rule,) = rules(UPLOADS="true", DOMAIN="search.example.com")["CORSRule"]
    assert (rule["AllowedOrigin"], rule["AllowedMethod"]) == (["https://search.example.com"], ["PUT"])
    assert rules(UPLOADS="true")["CORSRule"][0]["AllowedOrigin"] == ["https://*.fcapp.run"]


def test_terraform_makes_the_rule_for_uploads() -> None:
    module = render_module(template(UPLOADS="true", DOMAIN="search.example.com"))["main.tf"]
    block = module.partition('resource "alicloud_oss_bucket_cors" "bucket" {')[2].partition("\n}")[0]
    assert "alicloud_oss_bucket.bucket.bucket" in block
    assert "cors_rule {" in block
    assert '"https://search.example.com"' in block
    assert '["PUT"]' in block


# --- The files that people read, and Terraform -------------------------------------------------------------------


def test_the_files_are_current() -> None:
    for name, text in files.render(ROOT).items():
        assert (ROOT / name).read_text("utf-8") == text, "run make docs"


# What the provider's documentation of 1.293 requires of each resource.
REQUIRED = {
    "alicloud_vpc": ("cidr_block",),
    "alicloud_vswitch": ("vpc_id", "cidr_block", "zone_id"),
    "alicloud_security_group": ("vpc_id",),
    "alicloud_milvus_instance": ("instance_name", "db_version", "payment_type", "vpc_id", "components", "vswitch_ids"),
    "alicloud_oss_bucket": ("bucket",),
    "alicloud_oss_bucket_public_access_block": ("bucket", "block_public_access"),
    "alicloud_log_project": ("project_name",),
    "alicloud_log_store": ("project_name", "logstore_name"),
    "alicloud_log_store_index": ("project", "logstore"),
    "alicloud_message_service_queue": ("queue_name",),
    "alicloud_ram_role": ("role_name", "assume_role_policy_document"),
    "alicloud_ram_policy": ("policy_name", "policy_document"),
    "alicloud_ram_role_policy_attachment": ("role_name", "policy_name", "policy_type"),
    "alicloud_log_dashboard": ("project_name", "dashboard_name", "char_list"),
    "alicloud_sls_alert": ("project_name", "alert_name", "display_name", "schedule", "configuration"),
}


def test_terraform_makes_every_resource_with_what_it_requires() -> None:
    module = render_module(template(RECORDS_ENABLED="true"))["main.tf"]
    blocks = [block for block in module.split("\nresource ") if block.startswith('"')]
    kinds = [block.split('"')[1] for block in blocks]
    assert set(kinds) == REQUIRED.keys()
    for kind, block in zip(kinds, blocks, strict=True):
        for name in REQUIRED[kind]:
            assert f"\n  {name} " in block, (kind, name)
    assert kinds.count("alicloud_ram_role") == 4
    assert kinds.count("alicloud_sls_alert") == len(ALARMS)


def test_every_variable_that_terraform_reads_is_declared() -> None:
    module = render_module(template())
    declared = {line.split('"')[1] for line in module["variables.tf"].splitlines() if line.startswith("variable")}
    text = module["main.tf"] + module["outputs.tf"] + module["versions.tf"]
    read = {part.split("\n")[0].split("}")[0].split(",")[0].strip() for part in text.split("var.")[1:]}
    assert read == declared


def test_terraform_reads_the_module() -> None:
    program = shutil.which("terraform")
    if program is None:
        warnings.warn("NOT TESTED with terraform: it is not installed", stacklevel=1)
        pytest.skip("terraform is not installed")
    done = subprocess.run(
        [program, "fmt", "-check", "-diff", str(FOLDER / "terraform")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
