"""Deploys: rules, packages, the plan, everything that is wanted, and a look at what runs afterwards.

``s deploy`` alone asks whether it may go on where something differs, and without a terminal takes no answer for a no
and exits with 0. Here the plan is shown and then carried out. What ``s`` prints holds environment variables in clear,
so their secret values are masked; the files below ``~/.s/logs`` are its own and still hold them.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ops import checks, invoking
from ops.credentials import name_for_serverless_devs
from ops.deployment import EventBridgeTrigger, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ops.deployment import Deployment, Function
    from ops.packaging import Package

_RECORDS: Final = "s.records.yaml"
_SECRET: Final = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|HEADERS")
_SHORTEST_SECRET: Final = 4
_CLOCKS_SECONDS: Final = 60.0


Build: TypeAlias = "Callable[[Deployment], Sequence[Package]]"


def deploy(
    path: Path,
    environ: Mapping[str, str],
    build: Build,
    say: Callable[[str], object],
    note: Callable[[str, Deployed], object] = lambda *_: None,
) -> int:
    """Deploy what ``path`` declares; the exit status.

    Args:
        path: ``s.yaml``.
        environ: the variables of the process and of the ``.env`` files.
        build: builds the packages.
        say: takes each line of progress.
        note: takes the name of each function that was deployed, and how it stands afterwards.

    Raises:
        DeploymentError: the declaration cannot be used.
        PackagingError: a package cannot be built.
    """
    deployment = load(path, environ)
    problems = checks.problems(deployment)
    if problems:
        for problem in problems:
            say(f"{path}: {problem}")
        return 1
    key = name_for_serverless_devs(environ, deployment.account)
    run = _Runner(path.parent, {**environ, **key}, (*_secrets(deployment), *list(key.values())[1:]), say)
    packages = build(deployment)
    say(f"Built {len(packages)} packages, zipped {sum(it.zipped for it in packages) / 1e6:.0f} MB")
    if run("s", "plan"):
        return run.status
    began = datetime.now(UTC)
    for command in _commands(deployment):
        if run(*command):
            say("This failed. Remove the cause and deploy again: what is deployed already stays as it is.")
            return run.status
    status = 0
    for name, found in _verify(deployment, packages, environ, began):
        note(name, found)
        status |= bool(found.problem)
        say(f"{'problem' if found.problem else 'ok':<8} {name}: {found.problem or found.address or 'updated'}")
    return status


def _commands(deployment: Deployment) -> Iterator[tuple[str, ...]]:
    # The packages were built and checked here: the actions of the file would do it again.
    yield ("s", "deploy", "-y", "--skip-actions")
    for resource, function in deployment.functions.items():
        # One at a time: the component ends at the first that did not change.
        for trigger in function.triggers_of(EventBridgeTrigger):
            yield ("s", resource, "deploy", "-t", _RECORDS, "--trigger", trigger.trigger_name, "-y")


def _secrets(deployment: Deployment) -> Iterator[str]:
    for function in deployment.functions.values():
        for name, value in function.environment_variables.items():
            if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
                yield value


def mask(text: str, secrets: Iterable[str]) -> str:
    """``text`` without ``secrets``."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "********")
    return text


class _Runner:
    """Runs programs in the project's folder and passes on what they print, masked."""

    def __init__(
        self, folder: Path, environ: Mapping[str, str], secrets: tuple[str, ...], say: Callable[[str], object]
    ) -> None:
        self._folder, self._environ, self._secrets, self._say = folder, environ, secrets, say
        self.status = 0

    def __call__(self, *command: str) -> int:
        self._say(f"$ {' '.join(command)}")
        try:
            with subprocess.Popen(  # noqa: S603 - the commands below
                command,
                cwd=self._folder,
                env=dict(self._environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            ) as running:
                for line in running.stdout or ():
                    self._say(mask(line.rstrip("\n"), self._secrets))
            self.status = running.returncode
        except FileNotFoundError:
            self._say("Serverless Devs is not installed: npm install -g @serverless-devs/s")
            self.status = 1
        return self.status


@dataclass(frozen=True)
class Deployed:
    """How one function stands after a deployment.

    Attributes:
        problem: what is wrong with it; empty if nothing is.
        address: where it answers over HTTPS; empty for a function without an HTTP trigger.
    """

    problem: str
    address: str = ""


def _verify(
    deployment: Deployment, packages: Iterable[Package], environ: Mapping[str, str], began: datetime
) -> Iterator[tuple[str, Deployed]]:
    """How each function stands, by the name it was deployed under."""
    revisions = {package.folder.name: package.revision for package in packages}
    for name, function in deployment.functions.items():
        try:
            found = _look_at(function, revisions[name], environ, began)
        except invoking.InvocationError as error:
            found = Deployed(f"it could not be looked at: {error}")
        yield function.function_name, found


def _look_at(function: Function, revision: str, environ: Mapping[str, str], began: datetime) -> Deployed:
    state = invoking.describe(function, environ)
    if state.last_update_status not in ("", "Successful"):
        return Deployed(f"its last update is {state.last_update_status}: {state.reason}")
    if (began - state.modified).total_seconds() > _CLOCKS_SECONDS:
        return Deployed(f"it was not updated: its last change was at {state.modified:%Y-%m-%d %H:%M} UTC")
    if not state.address:
        return Deployed("")
    health: dict[str, Any] = invoking.read_health(state.address)
    if health.get("revision") != revision:
        return Deployed(f"{state.address} runs {health.get('revision') or 'another package'}, not {revision}")
    return Deployed("", state.address)
