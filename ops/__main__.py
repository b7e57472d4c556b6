"""The operator's command line: what stands between this project and its deployment; ``--help`` lists it."""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from ops import checks, packaging, retrying, syncing
from ops.deployment import DeploymentError, load
from ops.template import environment, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ops.deployment import Deployment
    from ops.explaining import Explanation
    from ops.status import Status


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status is 0 when all is well, 1 when something is wrong, 2 for a wrong command."""
    asked = _parser().parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops", description=__doc__)
    parser.add_argument("--env", default="", help="which environment: dev reads .env.dev before .env")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what is wrong with a deployment, without asking the cloud")
    package = commands.add_parser("package", help="build what is deployed into build/<function>")
    package.add_argument("functions", nargs="*", help="which functions; all of them by default")
    commands.add_parser("deploy", help="show the plan, deploy all that is wanted, and see that it runs")
    roles = commands.add_parser("roles", help="print the RAM roles the deployment needs, and the deployer's policy")
    roles.add_argument("--commands", action="store_true", help="as commands of the aliyun command line that make them")
    preflight = commands.add_parser("preflight", help="ask DashScope, Milvus and the bucket whether they fit")
    for command in (check, roles, preflight):
        command.add_argument("deployment", nargs="?", type=Path, default=Path("s.yaml"))
    ask = commands.add_parser("ask", help="ask the deployment a question; an empty bucket gets the samples first")
    ask.add_argument("question")
    status = commands.add_parser("status", help="say how the index stands: documents by state, failures with advice")
    explain = commands.add_parser("explain", help="say all about one document, and why it is found or not")
    explain.add_argument("key", help="its name in the bucket")
    explain.add_argument("--query", default="", help="say where this query finds it")
    keys = commands.add_parser("keys", help="make an API key, and the entry of API_KEYS that holds its hash")
    keys.add_argument("--tenant", action="append", default=[], help="bind it to this tenant; may be repeated")
    keys.add_argument("--hash", action="store_true", help="make the entry of a key that is read from standard input")
    for command in (status, explain):
        command.add_argument("--json", action="store_true", dest="as_json", help="for programs")
    _add_estimate(commands.add_parser("estimate", help="say what indexing costs and takes, before anything is billed"))
    sync = commands.add_parser("sync", help="bring everything in the bucket into the index, with progress")
    sync.add_argument("--dry-run", action="store_true", help="only say what would be done")
    _add_retry(commands.add_parser("retry", help="try documents again that failed, or read them again"))
    calibrate = commands.add_parser("calibrate", help="fit the scores to judged queries, and print SCORE_CALIBRATION")
    calibrate.add_argument("queries", type=Path, help='lines of JSON: {"query": "...", "documents": ["key", ...]}')
    calibrate.add_argument("--url", default="http://127.0.0.1:8000", help="where search answers; API_KEY is its key")
    calibrate.add_argument("--version", default="own", help="name of the calibration, which answers repeat")
    export = commands.add_parser("export", help="write the index as files that another search engine loads")
    _add_export(export)
    commands.add_parser("openapi", help="describe the HTTP functions again, in shared/runtime/openapi.json")
    commands.add_parser("docs", help="bring the tables of settings and errors in docs/ up to date")
    run = commands.add_parser("run", help="run a program, such as s deploy, with an environment's variables")
    run.add_argument("program", nargs=argparse.REMAINDER)
    return parser


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--documents",
        type=positive_number,
        nargs="*",
        default=(),
        help="of so many documents, instead of the bucket; several compare",
    )
    parser.add_argument("--tokens", type=positive_number, default=1_000, help="of each of them; 1000 by default")
    parser.add_argument("--searches", type=positive_number, default=10_000, help="a month; 10000 by default")
    parser.add_argument("--sample", type=positive_number, default=300, help="about how many documents are read; 300")
    parser.add_argument("--megabytes", type=positive_number, default=500, help="of them together; 500 by default")
    parser.add_argument("--seed", type=int, default=1, help="chooses them")
    parser.add_argument("--json", action="store_true", dest="as_json", help="for programs")


def positive_number(text: str) -> int:
    """A whole number of at least 1; argparse makes a sentence of another, with this function's name."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _add_retry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", choices=("pending", "failed", "indexed"), help="only documents in this state")
    parser.add_argument("--code", help="only documents that failed with this code, such as broken_file")
    parser.add_argument("--prefix", help="only documents with keys that begin with this")
    parser.add_argument("--id", help="only the document with this id")
    parser.add_argument(
        "--reread", action="store_true", help="also read documents again that an older release has indexed"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list the documents")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("elasticsearch",), default="elasticsearch", help="for which one")
    parser.add_argument("--output", type=Path, default=Path("export"), help="a new or empty folder")
    parser.add_argument("--index", default="search", help="name of the index there")
    parser.add_argument("--tenant", default="", help="only documents of this tenant")
    parser.add_argument("--prefix", default="", help="only documents with keys that begin with this")


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
