"""``make infra-down``: lists what it would delete and what stays, and deletes after a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.cloud import CloudError, connect, read_account
from ops.credentials import find_region
from ops.infrastructure import settings
from ops.infrastructure.applying import make_plan
from ops.infrastructure.stacks import StackError, Stacks
from ops.refusals import find_next_step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_RETAINED: Final = "Bucket"
_CREATED: Final = ("VPC_ID", "VSWITCH_ID", "SECURITY_GROUP_ID", "MILVUS_URI", "MILVUS_TOKEN")


def remove(
    path: Path,
    environ: Mapping[str, str],
    file: Path,
    confirm: Callable[[str], bool],
    say: Callable[[str], object],
    wait: float = 5.0,
) -> int:
    """Delete what ``make infra`` created, but for the bucket; the exit status.

    Its arguments are those of `applying.apply`.
    """
    try:
        region = environ.get("REGION") or find_region(environ) or settings.DEFAULT_REGION
        cloud = connect(environ, region)
        plan = make_plan(path, environ, file, read_account(cloud))
        return _remove(Stacks(cloud, wait), plan.name, file, confirm, say)
    except (CloudError, StackError) as error:
        say(f"{error} {find_next_step(str(error))}".rstrip())
        return 1


def _remove(stacks: Stacks, name: str, file: Path, confirm: Callable[[str], bool], say: Callable[[str], object]) -> int:
    stack = stacks.find(name)
    if stack is None:
        say(f"There is no stack {name}: nothing to delete.")
        return 0
    if stack.is_under_way:
        stack = stacks.follow(stack.stack_id, say) or stack
    owned = stacks.list_resources(stack.stack_id)
    say("This would be deleted, with everything in it:")
    for resource, (kind, identifier) in owned.items():
        if resource != _RETAINED:
            say(f"  {resource:<22} {kind:<28} {identifier}")
    if _RETAINED in owned:
        say(f"This stays: the bucket {owned[_RETAINED][1]} and its documents.")
    say("Functions that still use the network keep it from being deleted: run `s remove` first.")
    if not confirm("Delete it?"):
        raise StackError("Nothing was deleted.")
    stacks.delete(stack.stack_id)
    left = stacks.follow(stack.stack_id, say)
    if left:
        raise StackError(f"Not everything could be deleted: {left.reason}. Remove the cause and run this again.")
    say(f"Deleted. Take these lines out of {file} before the next `make infra`: {', '.join(_CREATED)}")
    return 0
