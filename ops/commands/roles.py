"""The roles a deployment needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ops.arguments import add_deployment, add_json
from ops.deployment import load
from ops.printing import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "the RAM roles the deployment needs, and the deployer's policy"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    add_deployment(parser)
    add_json(parser)
    parser.add_argument("--commands", action="store_true", help="as commands of the aliyun command line that make them")


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print them as JSON or as commands."""
    from ops.roles import deployer, roles

    deployment = load(asked.deployment, environ)
    if asked.as_json:
        found = [{"role": role.name, "trust": role.trust, "policy": role.policy} for role in roles(deployment)]
        print_json({"roles": found, "deployer": deployer(deployment).document})
        return 0
    for role in roles(deployment):
        described = {"role": role.name, "trust": role.trust, "policy": role.policy}
        print("\n".join(role.commands()) if asked.commands else json.dumps(described, indent=2))
    policy = deployer(deployment)
    described = {"user": "who deploys", "policy": policy.document}
    print("\n".join(policy.commands()) if asked.commands else json.dumps(described, indent=2))
    return 0
