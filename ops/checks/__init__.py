"""What is wrong with a deployment though it is well-formed: one rule per function, one sentence per problem.

Limits are those of https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits; the reasons are given with
the rules. Nothing here calls the cloud.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.checks.deployments import RULES as DEPLOYMENT_RULES
from ops.checks.functions import ENVIRONMENT_BYTES
from ops.checks.functions import RULES as FUNCTION_RULES
from ops.checks.triggers import RULES as TRIGGER_RULES
from ops.checks.triggers import find_open_door
from ops.checks.values import RULES as VALUE_RULES
from ops.checks.values import WARNINGS

if TYPE_CHECKING:
    from ops.deployment import Deployment

__all__ = ["ENVIRONMENT_BYTES", "find_warnings", "problems"]


def problems(deployment: Deployment, *, is_local: bool = False) -> list[str]:
    """Every problem as one sentence that names its place; empty when there is none.

    Args:
        is_local: whether the functions run on this machine only, where no key is needed.
    """
    rules = [rule for rule in (*FUNCTION_RULES, *TRIGGER_RULES) if not (is_local and rule is find_open_door)]
    return [
        *(f"{name}: {problem}" for name, it in deployment.functions.items() for rule in rules for problem in rule(it)),
        *(problem for rule in (*VALUE_RULES, *DEPLOYMENT_RULES) for problem in rule(deployment)),
    ]


def find_warnings(deployment: Deployment) -> list[str]:
    """What is probably wrong and stops nothing, one sentence each."""
    return [warning for rule in WARNINGS for warning in rule(deployment)]
