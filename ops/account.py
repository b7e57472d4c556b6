"""What of a deployment is made once in the account: key, services, roles, queue, logs, network, domain.

Each is looked at through the service's own API, with the operator's key, and what is missing is a line with the command
or the page that makes it. Without a key the lines say how to look.
"""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Final

from ops import invoking, roles
from ops.cloud import ECS, MNS, RAM, VPC, CloudError, connect, read_account
from ops.credentials import find_credentials
from ops.deployment import Logs
from ops.deployment import Vpc as Network
from ops.findings import Finding, Verdict
from ops.log_service import has_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ops.cloud import Api, Cloud
    from ops.deployment import Deployment
    from ops.roles import Role

_MAKE: Final = "`make infra` makes it"
_FORBIDDEN: Final = ("Forbidden", "NoPermission", "AccessDenied", "Unauthorized")
_RIGHTS: Final = "`python -m ops roles` prints the policy that the deployer's user needs"
_PAGES: Final = {
    "Function Compute": "https://fcnext.console.aliyun.com",
    "Resource Access Management": "https://ram.console.aliyun.com",
    "Simple Message Queue": "https://mns.console.aliyun.com",
    "Simple Log Service": "https://sls.console.aliyun.com",
    "Virtual Private Cloud": "https://vpc.console.aliyun.com",
}


def look_at_account(deployment: Deployment, environ: Mapping[str, str]) -> Iterator[Finding]:
    """A finding for each thing that is made once."""
    if find_credentials(environ) is None:
        yield from _without_key(deployment)
        return
    region = str(deployment.variables["region"])
    try:
        cloud = connect(environ, region)
        account = read_account(cloud)
    except CloudError as error:
        yield Finding(Verdict.PROBLEM, "access key", f"{error}: `aliyun configure` sets another")
        return
    yield _judge_account(account, deployment.account)
    yield _function_compute(region, environ)
    yield from _look("Resource Access Management", "role", lambda: _roles(cloud, deployment))
    yield from _look("Simple Message Queue", "queue", lambda: _queue(cloud, deployment))
    yield from _look("Simple Log Service", "logs", lambda: _logs(cloud, deployment))
    yield from _look("Virtual Private Cloud", "network", lambda: _network(cloud, deployment))
    yield from look_at_domain(str(deployment.variables["domain"]), account, region)


def _without_key(deployment: Deployment) -> Iterator[Finding]:
    for role in roles.roles(deployment):
        command = f"aliyun ram GetRole --RoleName {role.name}"
        sentence = f"{role.arn} was not looked for: `{command}` shows whether it exists, `python -m ops roles` makes it"
        yield Finding(Verdict.WARNING, "role", sentence)


def _judge_account(account: str, declared: str) -> Finding:
    if account == declared:
        return Finding(Verdict.OK, "access key", f"it belongs to the account {account}")
    sentence = f"it belongs to the account {account}, and ACCOUNT_ID is {declared}: set one of them right"
    return Finding(Verdict.PROBLEM, "access key", sentence)


def _function_compute(region: str, environ: Mapping[str, str]) -> Finding:
    try:
        invoking.check_access(region, environ)
    except invoking.InvocationError as error:
        page = _PAGES["Function Compute"]
        sentence = f"{error}: switch it on at {page}; {_RIGHTS}"
        return Finding(Verdict.PROBLEM, "Function Compute", sentence)
    return Finding(Verdict.OK, "Function Compute", "it is switched on, and the key may use it")


def _look(service: str, subject: str, look: Callable[[], Iterator[tuple[Verdict, str]]]) -> Iterator[Finding]:
    """Findings about one service; a refusal of the service is one."""
    try:
        for verdict, sentence in look():
            yield Finding(verdict, subject, sentence)
    except CloudError as error:
        if error.code.startswith(_FORBIDDEN):
            yield Finding(Verdict.WARNING, subject, f"the key may not look: {error}; {_RIGHTS}")
        else:
            yield Finding(Verdict.PROBLEM, subject, f"{error}: is {service} switched on? {_PAGES[service]}")


def _roles(cloud: Cloud, deployment: Deployment) -> Iterator[tuple[Verdict, str]]:
    for role in roles.roles(deployment):
        yield _judge_role(cloud, role)


def _judge_role(cloud: Cloud, role: Role) -> tuple[Verdict, str]:
    """Whether a role is there, may be taken on, and has the policy that ``s.yaml`` needs."""
    try:
        found = cloud.call(RAM, "GetRole", RoleName=role.name)["Role"]
        policy = cloud.call(RAM, "GetPolicy", PolicyName=role.name, PolicyType="Custom")
    except CloudError as error:
        if not error.code.startswith("EntityNotExist"):
            raise
        return Verdict.PROBLEM, f"{role.arn} or its policy does not exist: {_MAKE}, or `python -m ops roles --commands`"
    trust = _normalize(found.get("AssumeRolePolicyDocument"))
    allowed = _normalize((policy.get("DefaultPolicyVersion") or {}).get("PolicyDocument"))
    if (trust, allowed) == (_normalize(role.trust), _normalize(role.policy)):
        return Verdict.OK, f"{role.arn} allows what s.yaml needs, and no more"
    return Verdict.WARNING, f"{role.arn} allows something else than s.yaml needs: `make infra` brings it up to date"


def _normalize(document: Any) -> set[str]:
    """The statements of a policy, in a form that can be compared."""
    try:
        content = json.loads(document) if isinstance(document, str) else document
        statements = content["Statement"]
    except (ValueError, KeyError, TypeError):
        return set()
    return {
        json.dumps(
            {
                key: sorted(value) if isinstance(value, list) else [value] if isinstance(value, str) else value
                for key, value in statement.items()
            },
            sort_keys=True,
        )
        for statement in statements
    }


def _queue(cloud: Cloud, deployment: Deployment) -> Iterator[tuple[Verdict, str]]:
    names = [str(deployment.variables["failures"]).split("/")[2]]
    if deployment.has_records:
        names.append(str(deployment.variables["recordsQueue"]))
    for name in names:
        try:
            cloud.call(MNS, "GetQueueAttributes", QueueName=name)
        except CloudError as error:
            if "NotExist" not in error.code:
                raise
            yield Verdict.PROBLEM, f"there is no queue {name}: {_MAKE}"
        else:
            yield Verdict.OK, f"the queue {name} exists"


def _logs(cloud: Cloud, deployment: Deployment) -> Iterator[tuple[Verdict, str]]:
    kept = {it.log_config for it in deployment.functions.values() if isinstance(it.log_config, Logs)}
    for logs in sorted(kept, key=lambda it: (it.project, it.logstore)):
        where = f"{logs.project}/{logs.logstore}"
        if has_index(cloud, logs.project, logs.logstore):
            yield Verdict.OK, f"{where} exists and has an index"
        else:
            yield Verdict.PROBLEM, f"the log project or store {where} does not exist, or has no index: {_MAKE}"


def _network(cloud: Cloud, deployment: Deployment) -> Iterator[tuple[Verdict, str]]:
    networks = {it.vpc_config for it in deployment.functions.values() if isinstance(it.vpc_config, Network)}
    for network in networks:
        if network.v_switch_ids == "auto":
            continue
        for vswitch in network.v_switch_ids:
            place = _find_place(cloud, VPC, "DescribeVSwitchAttributes", VSwitchId=vswitch)
            yield _judge_place(f"the vSwitch {vswitch}", place, network.vpc_id)
        group = network.security_group_id
        place = _find_place(cloud, ECS, "DescribeSecurityGroupAttribute", SecurityGroupId=group)
        yield _judge_place(f"the security group {group}", place, network.vpc_id)


def _find_place(cloud: Cloud, api: Api, action: str, **asked: str) -> str:
    """The VPC of something; empty if it does not exist."""
    try:
        return str(cloud.call(api, action, **asked).get("VpcId", ""))
    except CloudError as error:
        if "NotFound" not in error.code:
            raise
        return ""


def _judge_place(what: str, found: str, wanted: str) -> tuple[Verdict, str]:
    if not found:
        return Verdict.PROBLEM, f"{what} does not exist: {_MAKE}"
    if found != wanted:
        return Verdict.PROBLEM, f"{what} is in {found}, and VPC_ID is {wanted}: choose one of the same VPC"
    return Verdict.OK, f"{what} is in {wanted}"


def look_at_domain(
    domain: str,
    account: str,
    region: str,
    resolve: Callable[[str], tuple[str, list[str], list[str]]] = socket.gethostbyname_ex,
) -> Iterator[Finding]:
    """Whether a domain of one's own points at Function Compute; nothing where there is none."""
    if domain in ("", "auto"):
        return
    target = f"{account}.{region}.fc.aliyuncs.com"
    try:
        name, aliases, addresses = resolve(domain)
        there = {name, *aliases} & {target} or set(addresses) & set(resolve(target)[2])
    except OSError:
        there = set()
    if there:
        yield Finding(Verdict.OK, "domain", f"{domain} points at {target}")
    else:
        sentence = f"{domain} does not point at {target} yet: add that as a CNAME record where the domain is managed"
        yield Finding(Verdict.PROBLEM, "domain", sentence)
