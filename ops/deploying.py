"""Deploys: rules, packages, the plan, everything that is wanted, and a look at what runs afterwards.

``s deploy`` alone asks whether it may go on where something differs, and without a terminal takes no answer for a no
and exits with 0. Here the plan is shown and then carried out. What ``s`` prints holds environment variables in clear,
so their secret values are masked; the files below ``~/.s/logs`` are its own and still hold them.
"""

from __future__ import annotations

import re
import subprocess
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ops import checks, invoking
from ops.checks.variables import find_oddities
from ops.credentials import name_for_serverless_devs
from ops.deployment import EventBridgeTrigger, load
from ops.readiness import find_missing
from ops.refusals import find_next_step
from ops.terminal import remove_colours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ops.deployment import Deployment, Function
    from ops.packaging import Package

# The file with the EventBridge triggers of a function.
_TRIGGERS: Final = {"embed": "s.records.yaml", "ingest": "s.batches.yaml"}
_SECRET: Final = re.compile(r"KEY|SECRET|TOKEN|PASSWORD|HEADERS")
_SHORTEST_SECRET: Final = 4
_CLOCKS_SECONDS: Final = 60.0
# Of what a command prints, the end says why it failed.
_LAST_LINES: Final = 60
_KEPT: Final = "What is deployed already stays as it is."
# A shell's status of a program that a signal ended is this and the signal's number.
_SIGNALS: Final = 128
_UNKNOWN: Final = "Remove the cause that the lines above name."


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
    wrong = [f"{path}: {problem}" for problem in checks.problems(deployment)] or find_missing(deployment, environ)
    wrong = list(wrong)
    for sentence in wrong:
        say(sentence)
    for warning in (*find_oddities(path, deployment, environ), *checks.find_warnings(deployment)):
        say(f"warning: {warning}")
    if wrong:
        say("Nothing was built or sent. Then run `make deploy` again.")
        return 1
    key = name_for_serverless_devs(environ, deployment.account)
    run = _Runner(path.parent, {**environ, **key}, (*_secrets(deployment), *list(key.values())[1:]), say)
    packages = build(deployment)
    say(f"Built {len(packages)} packages, zipped {sum(it.zipped for it in packages) / 1e6:.0f} MB")
    if run("s", "plan"):
        say(f"The plan failed, and nothing was sent. {run.find_next_step()} Then run `make deploy` again.")
        return run.status
    began = datetime.now(UTC)
    for command in _commands(deployment):
        if run(*command):
            say(f"This failed. {run.find_next_step()} Then run `make deploy` again. {_KEPT}")
            return run.status
    status = 0
    for name, found in _verify(deployment, packages, environ, began):
        note(name, found)
        status |= bool(found.problem)
        say(f"{'problem' if found.problem else 'ok':<8} {name}: {found.problem or found.address or 'updated'}")
    if status:
        say("Not all of it runs what was built: run `make deploy` again; `s NAME logs --tail` shows a function's log.")
    return status


def _commands(deployment: Deployment) -> Iterator[tuple[str, ...]]:
    # The packages were built and checked here: the actions of the file would do it again.
    yield ("s", "deploy", "-y", "--skip-actions")
    for resource, function in deployment.functions.items():
        # One at a time: the component ends at the first that did not change.
        for trigger in function.triggers_of(EventBridgeTrigger):
            yield ("s", resource, "deploy", "-t", _TRIGGERS[resource], "--trigger", trigger.trigger_name, "-y")


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
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    def __call__(self, *command: str) -> int:
        """Run one; its exit status, or that of a shell for a signal that ended it."""
        self._say(f"$ {' '.join(command)}")
        self._last.clear()
        try:
            status = self._run(command)
        except FileNotFoundError:
            self._print("Serverless Devs is not installed: npm install -g @serverless-devs/s")
            status = 1
        except OSError as error:
            self._print(f"{command[0]} cannot be started: {error.strerror}")
            status = 1
        self.status = status if status >= 0 else _SIGNALS - status
        return self.status

    def find_next_step(self) -> str:
        """What to do after the last one failed."""
        if self.status > _SIGNALS:
            return "It was ended from outside."
        return find_next_step("\n".join(self._last)) or _UNKNOWN

    def _run(self, command: tuple[str, ...]) -> int:
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
            try:
                for line in running.stdout or ():
                    self._print(mask(remove_colours(line.rstrip("\n")), self._secrets))
            except KeyboardInterrupt:
                running.terminate()
                self._say(f"Interrupted: run `make deploy` again, which goes on. {_KEPT}")
                raise
        return running.returncode

    def _print(self, line: str) -> None:
        self._last.append(line)
        self._say(line)


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
