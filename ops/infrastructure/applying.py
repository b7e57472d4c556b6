"""``make infra``: shows what would be created and what it costs, creates it after a yes, and keeps the result.

It may be interrupted and repeated at any moment: a stack that is under way is waited for, one that failed is made
again, and one that exists is changed by a change set, which never deletes what holds data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ops.cloud import CloudError, connect, read_account
from ops.credentials import find_region
from ops.deployment import load
from ops.infrastructure import settings
from ops.infrastructure.env_file import add_variables
from ops.infrastructure.names import load_marked, read_values
from ops.infrastructure.prices import describe_price
from ops.infrastructure.stacks import StackError, Stacks
from ops.infrastructure.template import PARTS, PASSWORD, list_parts, make_template
from ops.refusals import find_next_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ops.deployment import Deployment
    from ops.infrastructure.stacks import Stack

# Their loss is the loss of data, or of what holds data.
_KEPT: Final = ("Milvus", "Bucket", "Vpc", "VSwitch", "SecurityGroup", "LogProject", "LogStore")
# The creation failed, so that it holds nothing of use; ROLLBACK_COMPLETE is a change that was undone.
_NEVER_CREATED: Final = ("CREATE_FAILED", "CREATE_ROLLBACK_COMPLETE", "CREATE_ROLLBACK_FAILED")
_UNDONE: Final = ("ROLLBACK_COMPLETE", "CHECK_COMPLETE")
_OUTPUTS: Final = {
    "VpcId": "VPC_ID",
    "VSwitchId": "VSWITCH_ID",
    "SecurityGroupId": "SECURITY_GROUP_ID",
    "MilvusUri": "MILVUS_URI",
}
_SETTLED: Final = ("ACCOUNT_ID", "REGION", "OSS_BUCKET", "OSS_REGION", "DASHSCOPE_NETWORK")
_GIVEN: Final = {"network": ("VPC_ID", "VSWITCH_ID", "SECURITY_GROUP_ID"), "milvus": ("MILVUS_URI",)}
_API_KEYS_PAGE: Final = "https://bailian.console.aliyun.com/?tab=model#/api-key"


class Plan(Struct, frozen=True):
    """What is to be there.

    Attributes:
        environ: the variables, with a value for each name.
        values: of the template's parameters, but for the password.
        marked: the deployment, with marks instead of those values.
        file: the ``.env`` file that takes what was created.
    """

    environ: dict[str, str]
    values: dict[str, str]
    marked: Deployment
    file: Path

    @property
    def name(self) -> str:
        """Of the stack."""
        return self.values["Prefix"]

    def template(self, owned: Mapping[str, Any]) -> dict[str, Any]:
        """The template of what does not exist otherwise.

        Args:
            owned: what the stack holds already, by name.

        Raises:
            StackError: INFRA_EXISTING names no part.
        """
        return make_template(self.marked, find_existing(self, owned))


def make_plan(path: Path, environ: Mapping[str, str], file: Path, account: str) -> Plan:
    """Settle every name.

    Raises:
        StackError: the settings contradict each other, or lack what cannot be settled.
    """
    settled = settings.settle(environ, account)
    if settled["ACCOUNT_ID"] != account:
        raise StackError(f"ACCOUNT_ID is {settled['ACCOUNT_ID']}, but the access key belongs to {account}.")
    if settled["OSS_REGION"] != settled["REGION"] and "bucket" not in settled.get("INFRA_EXISTING", ""):
        raise StackError("A bucket in another region is not created here: make it, and put bucket into INFRA_EXISTING.")
    if not settled["ZONE_ID"]:
        raise StackError(f"Set ZONE_ID: which zones of {settled['REGION']} offer Milvus is not known here.")
    return Plan(settled, read_values(load(path, settled)), load_marked(path, settled), file)


def find_existing(plan: Plan, owned: Mapping[str, Any]) -> set[str]:
    """The parts that are used as they are: named in INFRA_EXISTING or by their variables, and not of the stack."""
    named = {part.strip() for part in plan.environ.get("INFRA_EXISTING", "").split(",")} - {""}
    if unknown := named - set(PARTS):
        raise StackError(f"INFRA_EXISTING names {', '.join(sorted(unknown))}; it may name {', '.join(PARTS)}.")
    parts = list_parts(plan.marked)
    held = {parts[name] for name in owned if name in parts}
    given = {part for part, names in _GIVEN.items() if any(plan.environ.get(name) for name in names)}
    if "network" in given - held and not all(plan.environ.get(name) for name in _GIVEN["network"]):
        raise StackError(f"Set all of {', '.join(_GIVEN['network'])}, or none of them.")
    return (named | given) - held


def apply(
    path: Path,
    environ: Mapping[str, str],
    file: Path,
    confirm: Callable[[str], bool],
    say: Callable[[str], object],
    wait: float = 5.0,
) -> int:
    """Create what is missing, or change what differs; the exit status.

    Args:
        path: ``s.yaml``.
        environ: the variables of the process and of the ``.env`` files, and the access key.
        file: the ``.env`` file that takes what was created.
        confirm: asks a question; whether the answer is yes.
        say: takes each line.
        wait: seconds between two looks at what is under way.
    """
    try:
        region = environ.get("REGION") or find_region(environ) or settings.DEFAULT_REGION
        cloud = connect(environ, region)
        plan = make_plan(path, environ, file, read_account(cloud))
        stacks = Stacks(cloud, wait)
        stack = _settle_earlier(stacks, stacks.find(plan.name), confirm, say)
        done = _update(plan, stacks, stack, confirm, say) if stack else _create(plan, stacks, confirm, say)
    except (CloudError, StackError) as error:
        say(f"{error} {find_next_step(str(error))}".rstrip())
        return 1
    return _keep(plan, done, say) if done else 1


def _settle_earlier(
    stacks: Stacks, stack: Stack | None, confirm: Callable[[str], bool], say: Callable[[str], object]
) -> Stack | None:
    """What an earlier run left: waited for while it is under way, and removed if it came to nothing."""
    if stack and stack.is_under_way:
        say(f"An earlier run is still under way ({stack.state}): waiting for it")
        stack = stacks.follow(stack.stack_id, say)
    if stack is None or stack.is_complete:
        return stack
    if stack.state in _NEVER_CREATED:
        say(f"An earlier run failed: {stack.reason or stack.state}")
        if not confirm("Delete what it left and begin again?"):
            raise StackError("Nothing was changed.")
        stacks.delete(stack.stack_id)
        left = stacks.follow(stack.stack_id, say)
        if left is None:
            return None
        raise StackError(f"It cannot be deleted: {left.reason}. Delete what it names, then run this again.")
    if stack.state.startswith("DELETE"):
        raise StackError(f"It is half deleted ({stack.reason}): run `make infra-down` again.")
    if stack.state not in _UNDONE:
        raise StackError(f"The stack is {stack.state}: {stack.reason}. Bring it in order in the console of ROS first.")
    say(f"The last change failed and was undone: {stack.reason}")
    return stack


def _create(plan: Plan, stacks: Stacks, confirm: Callable[[str], bool], say: Callable[[str], object]) -> Stack | None:
    template, values = plan.template({}), plan.values
    token = plan.environ.get("MILVUS_TOKEN", "")
    password = settings.read_password(token) if token else settings.make_password()
    creates_milvus = "Milvus" in template["Resources"]
    if creates_milvus and not password:
        raise StackError("MILVUS_TOKEN must be root:PASSWORD while there is no Milvus; or empty, to have one made.")
    values = values | ({PASSWORD: password} if creates_milvus else {})
    say(f"In {plan.environ['REGION']}, account {plan.environ['ACCOUNT_ID']}, this would be created:")
    for name, resource in template["Resources"].items():
        say(f"  {name:<22} {resource['Type']}")
    for line in describe_price(stacks, template, values):
        say(line)
    if not confirm("Create it?"):
        raise StackError("Nothing was created.")
    if creates_milvus and not token:
        # Before the instance exists: an interruption must not lose its password.
        add_variables(plan.file, {"MILVUS_TOKEN": settings.make_token(password)})
    return _finish(stacks, stacks.create(plan.name, template, values), say)


def _update(
    plan: Plan, stacks: Stacks, stack: Stack, confirm: Callable[[str], bool], say: Callable[[str], object]
) -> Stack | None:
    owned = stacks.list_resources(stack.stack_id)
    template, values = plan.template(owned), plan.values
    change_set, changes = stacks.compare(stack.stack_id, template, values)
    if not changes:
        say("Everything is as s.yaml wants it.")
        return stack
    for change in changes:
        say(f"  {'Replace' if change.is_replaced else change.action:<8} {change.name:<22} {change.kind}")
    lost = [it.name for it in changes if it.name in _KEPT and (it.is_replaced or it.action == "Remove")]
    if lost or not confirm("Make these changes?"):
        stacks.drop(change_set)
        why = f"This would delete {', '.join(lost)} with what is in it. " if lost else ""
        raise StackError(f"{why}Nothing was changed.")
    stacks.execute(change_set)
    return _finish(stacks, stack.stack_id, say)


def _finish(stacks: Stacks, stack_id: str, say: Callable[[str], object]) -> Stack | None:
    stack = stacks.follow(stack_id, say)
    if stack and stack.is_complete:
        return stack
    say(f"It failed and was undone: {stack.reason if stack else 'the stack is gone'}")
    say(_advise(stack.reason if stack else ""))
    return None


def _advise(reason: str) -> str:
    text = reason.lower()
    if "exist" in text:
        return "What exists already is used as it is if INFRA_EXISTING names its part: " + ", ".join(PARTS) + "."
    if "zone" in text or "stock" in text or "soldout" in text.replace(" ", ""):
        return "Choose another zone with ZONE_ID."
    return f"{find_next_step(reason) or 'Remove the cause.'} Then run this again."


def _keep(plan: Plan, stack: Stack, say: Callable[[str], object]) -> int:
    """Write what was created into the ``.env`` file, and say what is left to do."""
    found = {name: plan.environ[name] for name in _SETTLED}
    found |= {name: stack.outputs[output] for output, name in _OUTPUTS.items() if output in stack.outputs}
    if not any(plan.environ.get(name) for name in ("API_KEYS", "API_KEYS_FILE", "ALLOW_ANONYMOUS")):
        found |= settings.make_api_key()
    added = add_variables(plan.file, found)
    say(f"{plan.file} has now also {', '.join(added)}" if added else f"{plan.file} has everything")
    if not plan.environ.get("DASHSCOPE_API_KEY"):
        say(f"Left for you: an API key of Model Studio, as DASHSCOPE_API_KEY in {plan.file}; {_API_KEYS_PAGE}")
    say("Then: make deploy")
    return 0
