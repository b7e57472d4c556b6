"""The RAM roles a deployment needs, each with the least its function does: read from ``s.yaml``, so never out of step.

Nothing here calls the cloud. The roles are printed as documents, or as commands of the official ``aliyun`` command line
(https://github.com/aliyun/aliyun-cli), which the deployer reads before running them; a user with the permission to
create roles should see what is created. Actions and resource names are those of
https://help.aliyun.com/zh/functioncompute/fc/security/policies-and-sample-policies, of OSS, SLS and MNS.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.deployment import MnsTrigger, OssTrigger, Vpc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.deployment import Deployment, Function

_NETWORK: Final = (
    "vpc:DescribeVSwitchAttributes",
    "vpc:DescribeVpcAttribute",
    "ecs:CreateNetworkInterface",
    "ecs:DeleteNetworkInterface",
    "ecs:DescribeNetworkInterfaces",
    "ecs:CreateNetworkInterfacePermission",
    "ecs:DeleteNetworkInterfacePermission",
    "ecs:DescribeNetworkInterfacePermissions",
)


@dataclass(frozen=True)
class Role:
    """A role and the one policy it has.

    Attributes:
        arn: its full name, as ``s.yaml`` refers to it.
        service: who may take the role on, such as ``fc.aliyuncs.com``.
        statements: what it allows.
    """

    arn: str
    service: str
    statements: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """The role's own name; its policy is called the same."""
        return self.arn.rpartition("/")[2]

    @property
    def trust(self) -> dict[str, Any]:
        """The document that says who may take it on."""
        return _document({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": [self.service]}})

    @property
    def policy(self) -> dict[str, Any]:
        """The document that says what it allows."""
        return _document(*self.statements)

    def commands(self) -> Iterator[str]:
        """What creates it, by the ``aliyun`` command line."""
        trust, policy = (json.dumps(document, separators=(",", ":")) for document in (self.trust, self.policy))
        yield _ram("CreateRole", RoleName=self.name, AssumeRolePolicyDocument=trust)
        yield _ram("CreatePolicy", PolicyName=self.name, PolicyDocument=policy)
        yield _ram("AttachPolicyToRole", PolicyType="Custom", PolicyName=self.name, RoleName=self.name)


def roles(deployment: Deployment) -> list[Role]:
    """Every role that ``s.yaml`` names: one per function, and one for each service that calls a function."""
    own = [Role(it.role, "fc.aliyuncs.com", tuple(_function(it))) for it in deployment.functions.values() if it.role]
    return [*own, *_callers(deployment)]


def _function(function: Function) -> Iterator[dict[str, Any]]:
    account = function.role.split(":")[3]
    logs = function.log_config
    if logs and logs != "auto":
        store = f"acs:log:{function.region}:{account}:project/{logs.project}/logstore/{logs.logstore}"
        yield _allow("log:PostLogStoreLogs", store)
    if isinstance(function.vpc_config, Vpc):
        yield _allow(_NETWORK, "*")  # these calls know no narrower resource
    yield from _failures(function)
    yield from _bucket(function, account)


def _failures(function: Function) -> Iterator[dict[str, Any]]:
    destinations = function.retrying.destination_config
    for outcome in (destinations.on_failure, destinations.on_success) if destinations else ():
        if outcome and outcome.destination.startswith("acs:mns:"):
            yield _allow("mns:SendMessage", outcome.destination)


def _bucket(function: Function, account: str) -> Iterator[dict[str, Any]]:
    bucket = function.environment_variables.get("OSS_BUCKET")
    if not bucket:
        return
    prefix = function.environment_variables.get("OSS_PREFIX", "")
    # Reading only: what cannot write cannot feed itself.
    yield _allow("oss:GetObject", f"acs:oss:*:{account}:{bucket}/{prefix}*")
    listing = _allow("oss:ListObjects", f"acs:oss:*:{account}:{bucket}")
    yield {**listing, "Condition": {"StringLike": {"oss:Prefix": [f"{prefix}*"]}}} if prefix else listing


def _callers(deployment: Deployment) -> Iterator[Role]:
    called: dict[tuple[str, str], list[str]] = {}
    for function in deployment.functions.values():
        for trigger in function.triggers:
            if isinstance(trigger, OssTrigger | MnsTrigger) and trigger.invocation_role:
                service = "oss.aliyuncs.com" if isinstance(trigger, OssTrigger) else "mns.aliyuncs.com"
                account = trigger.invocation_role.split(":")[3]
                name = f"acs:fc:{function.region}:{account}:functions/{function.function_name}"
                # Function Compute asks for the function, or for one of its versions.
                called.setdefault((trigger.invocation_role, service), []).extend((name, f"{name}/*"))
    for (arn, service), functions in called.items():
        yield Role(arn, service, (_allow("fc:InvokeFunction", *functions),))


def _allow(actions: str | tuple[str, ...], *resources: str) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": [actions] if isinstance(actions, str) else list(actions),
        "Resource": list(resources),
    }


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "1", "Statement": list(statements)}


def _ram(action: str, **parameters: str) -> str:
    return " ".join(("aliyun ram", action, *(f"--{name} {shlex.quote(value)}" for name, value in parameters.items())))
