"""The operator's command line: what stands between this project and its deployment; ``--help`` lists it."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ops import checks, packaging, retrying, syncing
from ops.arguments import make_parser
from ops.deployment import DeploymentError, load
from ops.template import environment, variables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ops.deployment import Deployment
    from ops.explaining import Explanation
    from ops.status import Status


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 1 when something is wrong, 2 for a wrong command."""
    asked = make_parser().parse_args(arguments)
    try:
        environ = _environ(asked.env)
        return _execute(asked, environ)
    except (DeploymentError, packaging.PackagingError) as error:
        print(error)
        return 1


def _execute(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    commands: dict[str, Callable[[], int]] = {
        "check": lambda: _check(asked.deployment, environ),
        "package": lambda: _package(asked.functions, environ),
        "deploy": lambda: _deploy(environ),
        "roles": lambda: _roles(asked.deployment, environ, commands=asked.commands),
        "preflight": lambda: _preflight(asked.deployment, environ, asked.env),
        "ask": lambda: _ask(asked.question, environ),
        "status": lambda: _status(environ, as_json=asked.as_json),
        "explain": lambda: _explain(asked, environ),
        "keys": lambda: _keys(asked.hash, tuple(asked.tenant)),
        "estimate": lambda: _estimate(asked, environ),
        "sync": lambda: _sync(environ, dry_run=asked.dry_run),
        "retry": lambda: _retry(asked, environ),
        "calibrate": lambda: _calibrate(asked.queries, asked.url, asked.version),
        "export": lambda: _export(asked, environ),
        "openapi": _openapi,
        "docs": _docs,
        "run": lambda: _run(asked.program, environ),
    }
    return commands[asked.command]()


def _environ(name: str) -> dict[str, str]:
    """The process's variables over those of the environment's file.

    Raises:
        DeploymentError: there is no such file.
    """
    file = Path(f".env.{name}")
    if name and not file.is_file():
        raise DeploymentError(f"there is no environment {name}: {file} does not exist")
    return {**(variables(file) | {"ENVIRONMENT": name} if name else {}), **os.environ}


def _ask(question: str, environ: Mapping[str, str]) -> int:
    from ops.asking import ask

    path = Path("s.yaml")
    say = functools.partial(print, flush=True)
    return ask(question, load(path, environ), environment(path, environ), path.resolve().with_name("samples"), say)


def _status(environ: Mapping[str, str], *, as_json: bool) -> int:
    from ops.remote_search import find_search
    from ops.status import read_status

    path = Path("s.yaml")
    return _show(lambda: read_status(find_search(load(path, environ), environment(path, environ))), as_json=as_json)


def _explain(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ops.explaining import explain
    from ops.remote_search import find_search

    path = Path("s.yaml")
    deployment, complete = load(path, environ), environment(path, environ)
    return _show(
        lambda: explain(
            asked.key, asked.query, find_search(deployment, complete), deployment.functions["ingest"], complete
        ),
        as_json=asked.as_json,
    )


def _keys(is_given: bool, tenants: tuple[str, ...]) -> int:
    from ops.keys import hash_key, make_key

    try:
        made = hash_key(sys.stdin.readline().strip(), tenants) if is_given else make_key(tenants)
    except ValueError as error:
        print(error)
        return 1
    if not is_given:
        print(f"Key, for who calls (it is not shown again): {made.key}")
    print(f"Entry, for API_KEYS or API_KEYS_FILE: {made.entry}")
    return 0


def _show(read: Callable[[], Status | Explanation], *, as_json: bool) -> int:
    """Print what was read, or why it was not."""
    from ops.invoking import InvocationError
    from ops.remote_search import AskError

    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    try:
        found = read()
    except (AskError, InvocationError) as error:
        print(error)
        return 1
    print(json.dumps(found.to_json(), ensure_ascii=False, indent=2) if as_json else "\n".join(found.describe()))
    return 0


def _estimate(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ops.estimation.command import Question, run

    path = Path("s.yaml")
    names = ("tokens", "searches", "sample", "megabytes", "seed", "as_json")
    question = Question(tuple(asked.documents), **{name: getattr(asked, name) for name in names})
    console = Console(highlight=False, stderr=asked.as_json)
    return run(load(path, environ), environment(path, environ), question, console)


def _sync(environ: Mapping[str, str], *, dry_run: bool) -> int:
    ingest = load(Path("s.yaml"), environ).functions["ingest"]
    command = syncing.would_do if dry_run else syncing.sync
    return command(ingest, environment(Path("s.yaml"), environ), Console(highlight=False))


def _retry(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    ingest = load(Path("s.yaml"), environ).functions["ingest"]
    selection = {name: getattr(asked, name) for name in ("state", "code", "prefix", "id", "reread", "dry_run")}
    return retrying.retry(ingest, environment(Path("s.yaml"), environ), Console(highlight=False), **selection)


def _check(path: Path, environ: Mapping[str, str]) -> int:
    deployment = load(path, environ)
    problems = checks.problems(deployment)
    for problem in problems:
        print(f"{path}: {problem}")
    if not problems:
        print(f"{path}: {len(deployment.functions)} functions, all is well")
    return 1 if problems else 0


def _package(functions: list[str], environ: Mapping[str, str]) -> int:
    for package in _build(functions, load(Path("s.yaml"), environ), environ):
        sizes = f"{package.size / 1e6:.1f} MB, zipped {package.zipped / 1e6:.1f} MB"
        print(f"{package.folder}: {package.files} files, {sizes}")
    return 0


def _deploy(environ: Mapping[str, str]) -> int:
    from ops.deploying import deploy

    def build(deployment: Deployment) -> list[packaging.Package]:
        return list(_build((), deployment, environ))

    path = Path("s.yaml").resolve()
    return deploy(path, environment(path, environ), build, functools.partial(print, flush=True))


def _build(functions: Sequence[str], deployment: Deployment, environ: Mapping[str, str]) -> Iterator[packaging.Package]:
    telemetry = environ.get("TELEMETRY", "") not in ("", "0")
    return packaging.build(Path.cwd(), functions, packaging.unused(deployment), telemetry=telemetry)


def _roles(path: Path, environ: Mapping[str, str], *, commands: bool) -> int:
    from ops.roles import deployer, roles

    deployment = load(path, environ)
    for role in roles(deployment):
        if commands:
            print("\n".join(role.commands()))
        else:
            print(json.dumps({"role": role.name, "trust": role.trust, "policy": role.policy}, indent=2))
    policy = deployer(deployment)
    print(
        "\n".join(policy.commands())
        if commands
        else json.dumps({"user": "who deploys", "policy": policy.document}, indent=2)
    )
    return 0


def _calibrate(queries: Path, url: str, version: str) -> int:
    from ops.calibrating import calibrate

    return calibrate(queries, url, version, Console(highlight=False, stderr=True))


def _export(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ops.exporting import export

    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    deployment = load(Path("s.yaml"), environ)
    print(export(deployment, asked.output, asked.index, tenant=asked.tenant, prefix=asked.prefix))
    return 0


def _openapi() -> int:
    from ops import openapi
    from shared.runtime.openapi import FILE

    openapi.write(Path.cwd(), FILE)
    return 0


def _docs() -> int:
    from ops import docs

    for page in docs.write(Path.cwd()):
        print(f"{page} was brought up to date")
    return 0


def _preflight(path: Path, environ: Mapping[str, str], env: str) -> int:
    from ops.preflight import Verdict, findings

    logging.disable(logging.CRITICAL)  # what goes wrong is a line of ours
    file = variables(path.parent / ".env") | (variables(Path(f".env.{env}")) if env else {})
    verdicts = set()
    for finding in findings(load(path, environ), {**file, **environ}, file):
        print(finding, flush=True)
        verdicts.add(finding.verdict)
    return 1 if Verdict.PROBLEM in verdicts else 0


def _run(program: list[str], environ: Mapping[str, str]) -> int:
    if not program:
        print("run what? For example: python -m ops --env dev run s deploy")
        return 2
    try:
        os.execvpe(program[0], program, dict(environ))  # noqa: S606 - what the operator asked for
    except OSError as error:
        print(f"{program[0]} cannot be run: {error.strerror}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
