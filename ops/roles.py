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

from ops.deployment import Logs, MnsTrigger, OssTrigger, Vpc

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


_NOTIFICATIONS: Final = (
    "oss:ListBucket",
    "oss:GetBucketEventNotification",
    "oss:PutBucketEventNotification",
    "oss:DeleteBucketEventNotification",
)
_LOG_READS: Final = ("log:Get*", "log:List*")
_QUEUE_READS: Final = ("mns:PeekMessage", "mns:ReceiveMessage", "mns:DeleteMessage")


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
        """What creates it or brings it up to date, by the ``aliyun`` command line."""
        trust = json.dumps(self.trust, separators=(",", ":"))
        yield _either(
            _ram("CreateRole", RoleName=self.name, AssumeRolePolicyDocument=trust),
            _ram("UpdateRole", RoleName=self.name, NewAssumeRolePolicyDocument=trust),
        )
        yield _write_policy(self.name, self.policy)
        attach = _ram("AttachPolicyToRole", PolicyType="Custom", PolicyName=self.name, RoleName=self.name)
        yield f"{attach} || true"  # it is attached already


@dataclass(frozen=True)
class Policy:
    """What a user may do who deploys: attached by hand, since only you know the user.

    Attributes:
        name: of the policy.
        statements: what it allows.
    """

    name: str
    statements: tuple[dict[str, Any], ...]

    @property
    def document(self) -> dict[str, Any]:
        """The document that says what it allows."""
        return _document(*self.statements)

    def commands(self) -> Iterator[str]:
        """What creates it or brings it up to date, and attaches it to the user ``DEPLOYER``."""
        yield _write_policy(self.name, self.document)
        attach = _ram("AttachPolicyToUser", PolicyType="Custom", PolicyName=self.name)
        yield f'{attach} --UserName "${{DEPLOYER:?name the RAM user who deploys}}" || true'


def roles(deployment: Deployment) -> list[Role]:
    """Every role that ``s.yaml`` names: one per function, and one for each service that calls a function."""
    own = [
        Role(it.role, "fc.aliyuncs.com", (*_function(it), *_sources(it, deployment)))
        for it in deployment.functions.values()
        if it.role
    ]
    return [*own, *_callers(deployment)]


def deployer(deployment: Deployment) -> Policy:
    """What ``s`` and ``ops`` do: Function Compute, notifications of the bucket, roles, logs, failed events."""
    account = _account(deployment)
    buckets = sorted({it.source_arn.split(":")[4] for it in _oss_triggers(deployment)})
    names = [f"acs:ram::{account}:role/{role.name}" for role in roles(deployment)]
    statements = [
        _allow("fc:*", f"acs:fc:*:{account}:*"),
        _allow("ram:PassRole", *names),
        _allow(_NOTIFICATIONS, *(f"acs:oss:*:{account}:{bucket}" for bucket in buckets)),
    ]
    projects = {it.log_config.project for it in deployment.functions.values() if isinstance(it.log_config, Logs)}
    statements += [_allow(_LOG_READS, f"acs:log:*:{account}:project/{project}/*") for project in sorted(projects)]
    queues = set(map(_find_queue, deployment.functions.values()))
    statements += [_allow(_QUEUE_READS, queue) for queue in sorted(queues) if queue.startswith("acs:mns:")]
    if deployment.has_records or deployment.has_batch_events:
        statements.append(_allow("eventbridge:*", f"acs:eventbridge:*:{account}:*"))
    return Policy(f"{deployment.variables.get('prefix', deployment.name)}-deployer", tuple(statements))


def _account(deployment: Deployment) -> str:
    return next((it.role.split(":")[3] for it in deployment.functions.values() if it.role), "*")


def _oss_triggers(deployment: Deployment) -> Iterator[OssTrigger]:
    for function in deployment.functions.values():
        yield from function.triggers_of(OssTrigger)


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
    yield from _retries(function, account)
    yield from _uploads(function, account)


def _find_queue(function: Function) -> str:
    """Where events go that failed for good; empty where they are dropped."""
    destinations = function.retrying.destination_config
    found = destinations.on_failure if destinations else None
    return found.destination if found else ""


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


def _sources(function: Function, deployment: Deployment) -> Iterator[dict[str, Any]]:
    """What links to documents need, which have the rights of who signed them; nothing where they are off."""
    if function.environment_variables.get("SOURCE_LINKS", "").lower() != "true":
        return
    for other in deployment.functions.values():
        if bucket := other.environment_variables.get("OSS_BUCKET"):
            prefix = other.environment_variables.get("OSS_PREFIX", "")
            account = function.role.split(":")[3]
            yield _allow("oss:GetObject", f"acs:oss:*:{account}:{bucket}/{prefix}*")


def _retries(function: Function, account: str) -> Iterator[dict[str, Any]]:
    """What /admin needs to have documents tried again; nothing where it is off."""
    settings = function.environment_variables
    if settings.get("ADMIN_API_KEYS") and (ingest := settings.get("INGEST_FUNCTION")):
        name = f"acs:fc:{function.region}:{account}:functions/{ingest}"
        yield _allow("fc:InvokeFunction", name, f"{name}/*")


def _uploads(function: Function, account: str) -> Iterator[dict[str, Any]]:
    """What uploads at /admin need, which have the rights of who signed them; nothing where they are off."""
    settings = function.environment_variables
    if settings.get("ADMIN_API_KEYS") and settings.get("UPLOADS", "").lower() == "true":
        prefix = settings.get("UPLOAD_PREFIX", "")
        yield _allow("oss:PutObject", f"acs:oss:*:{account}:{settings['UPLOAD_BUCKET']}/{prefix}*")


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


def _write_policy(name: str, document: dict[str, Any]) -> str:
    """Creates the policy, or makes a new version of it that replaces the oldest."""
    text = json.dumps(document, separators=(",", ":"))
    version = {"SetAsDefault": "true", "RotateStrategy": "DeleteOldestNonDefaultVersionWhenLimitExceeded"}
    return _either(
        _ram("CreatePolicy", PolicyName=name, PolicyDocument=text),
        _ram("CreatePolicyVersion", PolicyName=name, PolicyDocument=text, **version),
    )


def _either(create: str, update: str) -> str:
    return f"{create} || {update}"


def _ram(action: str, **parameters: str) -> str:
    return " ".join(("aliyun ram", action, *(f"--{name} {shlex.quote(value)}" for name, value in parameters.items())))
