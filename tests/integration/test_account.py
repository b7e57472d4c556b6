"""What is made once in the account is looked at through each API; what is missing is named with what makes it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops.account import look_at_account, look_at_domain
from ops.deployment import load
from ops.findings import Verdict
from ops.roles import roles
from tests.control_api import ACCOUNT, KEY, ControlApi, RefusedError, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.findings import Finding

ROOT = Path(__file__).parents[2]
SETTINGS = {"ACCOUNT_ID": ACCOUNT, "VPC_ID": "vpc-1", "VSWITCH_ID": "vsw-1", "SECURITY_GROUP_ID": "sg-1"}


@pytest.fixture
def api() -> Iterator[ControlApi]:
    with serve(ControlApi()) as api:
        made = roles(load(ROOT / "s.yaml", SETTINGS))
        api.exists = {
            "roles": {role.name: (role.trust, copy.deepcopy(role.policy)) for role in made},
            "queues": {"semantic-search-failed": {}},
            "logs": {"functions": {}},
            "network": {"vsw-1": "vpc-1", "sg-1": "vpc-1"},
        }
        yield api


def look(api: ControlApi, **changes: str) -> list[Finding]:
    settings = SETTINGS | changes
    key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": KEY, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret"}
    environ = {**settings, **key, "ALIBABA_CLOUD_ENDPOINT": api.url, "FC_ENDPOINT": api.url, **changes}
    return list(look_at_account(load(ROOT / "s.yaml", settings), environ))


def wrong(found: list[Finding]) -> list[str]:
    return [str(finding) for finding in found if finding.verdict != Verdict.OK]


def test_an_account_that_has_everything_is_well(api: ControlApi) -> None:
    found = look(api)
    assert wrong(found) == []
    assert {finding.subject for finding in found} == {
        "access key", "Function Compute", "role", "queue", "logs", "network"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("roles", "semantic-search-ingest", "role/semantic-search-ingest or its policy does not exist: `make infra`"),
        ("queues", "semantic-search-failed", "there is no queue semantic-search-failed: `make infra` makes it"),
        ("logs", "functions", "does not exist, or has no index: `make infra` makes it"),
        ("network", "vsw-1", "the vSwitch vsw-1 does not exist: `make infra` makes it"),
        ("network", "sg-1", "the security group sg-1 does not exist"),
    ],
)
def test_what_is_missing_is_named_with_what_makes_it(api: ControlApi, kind: str, name: str, sentence: str) -> None:
    del api.exists[kind][name]
    (found,) = wrong(look(api))
    assert found.startswith("problem ")
    assert sentence in found


def test_a_network_of_another_vpc_is_a_problem(api: ControlApi) -> None:
    api.exists["network"]["sg-1"] = "vpc-2"
    (found,) = wrong(look(api))
    assert "sg-1 is in vpc-2, and VPC_ID is vpc-1" in found


@pytest.mark.parametrize("change", ["more", "less", "trust"])
def test_a_role_that_allows_something_else_is_a_warning(api: ControlApi, change: str) -> None:
    trust, policy = api.exists["roles"]["semantic-search-ingest"]
    if change == "more":
        policy["Statement"].append({"Effect": "Allow", "Action": "oss:*", "Resource": "*"})
    elif change == "less":
        policy["Statement"].pop()
    else:
        trust["Statement"][0]["Principal"] = {"Service": ["ecs.aliyuncs.com"]}
    (found,) = wrong(look(api))
    assert "`make infra` brings it up to date" in found


def test_the_same_policy_written_otherwise_is_the_same(api: ControlApi) -> None:
    _, policy = api.exists["roles"]["semantic-search-trigger"]
    statement = policy["Statement"][0]
    statement["Action"] = statement["Action"][0]
    statement["Resource"] = statement["Resource"][::-1]
    assert wrong(look(api)) == []


@pytest.mark.parametrize(
    ("action", "subject", "page"),
    [
        ("ListFunctions", "Function Compute", "fcnext.console.aliyun.com"),
        ("GetQueueAttributes", "queue", "mns.console.aliyun.com"),
        ("GetIndex", "logs", "sls.console.aliyun.com"),
        ("DescribeVSwitchAttributes", "network", "vpc.console.aliyun.com"),
    ],
)
def test_a_service_that_refuses_is_named_with_the_page_that_switches_it_on(
    api: ControlApi, action: str, subject: str, page: str
) -> None:
    api.refused[action] = RefusedError("ServiceNotOpened", "The service is not opened.")
    (found,) = wrong(look(api))
    assert found.startswith(f"problem  {subject}: ")
    assert page in found


@pytest.mark.parametrize("action", ["GetRole", "GetQueueAttributes", "DescribeSecurityGroupAttribute"])
def test_a_key_that_may_not_look_is_a_warning_with_the_policy_it_needs(api: ControlApi, action: str) -> None:
    api.refused[action] = RefusedError("NoPermission", "You are not authorized.", 403)
    (found,) = wrong(look(api))
    assert found.startswith("warning ")
    assert "`python -m ops roles`" in found


def test_a_key_of_another_account_is_a_problem(api: ControlApi) -> None:
    found = wrong(look(api, ACCOUNT_ID="1111111111111111"))
    assert f"it belongs to the account {ACCOUNT}, and ACCOUNT_ID is 1111111111111111" in found[0]


def test_a_key_that_is_not_known_ends_the_look(api: ControlApi) -> None:
    (found,) = wrong(look(api, ALIBABA_CLOUD_ACCESS_KEY_ID="LTAI-unknown"))
    assert "InvalidAccessKeyId" in found
    assert "aliyun configure" in found


def test_a_service_that_does_not_answer_is_a_line(api: ControlApi) -> None:
    (found,) = wrong(look(api, ALIBABA_CLOUD_ENDPOINT="http://127.0.0.1:1"))
    assert "got no answer" in found


def test_without_a_key_the_roles_are_named() -> None:
    found = list(look_at_account(load(ROOT / "s.yaml", SETTINGS), SETTINGS))
    assert [finding.verdict for finding in found] == [Verdict.WARNING] * 4


TARGET = f"{ACCOUNT}.cn-beijing.fc.aliyuncs.com"


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ({"a.example.com": (TARGET, ["a.example.com"], ["10.0.0.1"])}, Verdict.OK),
        ({"a.example.com": ("fc.aliyuncs.com", [], ["10.0.0.1"]), TARGET: (TARGET, [], ["10.0.0.1"])}, Verdict.OK),
        ({"a.example.com": ("x.example.com", [], ["10.0.0.2"]), TARGET: (TARGET, [], ["10.0.0.1"])}, Verdict.PROBLEM),
        ({}, Verdict.PROBLEM),
    ],
    ids=["the CNAME", "the same address", "another address", "no address"],
)
def test_a_domain_must_point_at_function_compute(answers: dict[str, Any], verdict: Verdict) -> None:
    resolve: Callable[[str], Any] = lambda name: answers[name] if name in answers else unknown()  # noqa: E731
    (found,) = look_at_domain("a.example.com", ACCOUNT, "cn-beijing", resolve)
    assert found.verdict == verdict
    assert TARGET in found.sentence


def unknown() -> Any:
    raise OSError("Name or service not known")


@pytest.mark.parametrize("domain", ["", "auto"])
def test_without_a_domain_nothing_is_looked_up(domain: str) -> None:
    assert list(look_at_domain(domain, ACCOUNT, "cn-beijing")) == []
