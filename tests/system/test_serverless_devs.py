"""The real ``s`` with the real component ``fc3`` deploys, changes and removes this system at a mock control plane.

The component comes from Serverless Devs' registry, which machines that test need not reach: `FC3_COMPONENTS` names a
folder like ``~/.s/components/devsapp.cn/v3`` with ``fc3`` and ``fc3-domain`` in it. Without it nothing is tested here,
audibly.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops.deployment import load
from tests.control_plane import ControlPlane, serving
from tests.system.test_deployment import serverless_devs

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["serverless_devs"]
ROOT = Path(__file__).parents[2]
FILES = ("s.yaml", "s.domain.yaml", "s.records.yaml", "s.batches.yaml")
NAMES = ("embed", "ingest", "search")
SECRETS = {"DASHSCOPE_API_KEY": "sk-of-the-test", "MILVUS_TOKEN": "user:of-the-test", "API_KEYS": "sha256:" + "0" * 64}
SECONDS = 240


@dataclass
class Desk:
    """A folder with the deployment, and how to call ``s`` in it."""

    program: Path
    folder: Path
    home: Path
    plane: ControlPlane
    seconds: dict[str, float] = field(default_factory=dict)

    def call(self, *command: str, **variables: str) -> tuple[int, str, list[str]]:
        """The exit status, what was printed, and the changes that the control plane was asked for."""
        self.plane.changes.clear()
        began = time.monotonic()
        done = subprocess.run(
            [str(self.program), *command],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.home),
                "FC_CLIENT_CUSTOM_ENDPOINT": self.plane.url,
                "FC_CODE_TEMP_OSS_ENDPOINT": self.plane.url,
                **SECRETS,
                **variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        self.seconds[" ".join(command)] = time.monotonic() - began
        return done.returncode, done.stdout + done.stderr, list(self.plane.changes)


@pytest.fixture
def desk(serverless_devs: Path, tmp_path: Path) -> Iterator[Desk]:
    given = os.environ.get("FC3_COMPONENTS", "")
    if not given:
        reason = "FC3_COMPONENTS names no folder with the components fc3 and fc3-domain"
        warnings.warn(f"NOT TESTED against the real s preview: {reason}", stacklevel=1)
        pytest.skip(reason)
    folder, home = tmp_path / "project", tmp_path / "home"
    components = home / ".s" / "components" / "devsapp.cn" / "v3"
    for name in ("fc3", "fc3-domain"):
        shutil.copytree(Path(given, name), components / name)
        # So new that the registry is not asked for a newer one.
        version = re.search(r"(?m)^Version: *(\S+)", (components / name / "publish.yaml").read_text("utf-8"))
        lock = {"version": version[1] if version else "0.0.0", "lastUpdateCheck": int(time.time() * 1000)}
        (components / name / ".s.lock").write_text(json.dumps(lock))
    for name in NAMES:
        (folder / "build" / name).mkdir(parents=True)
        (folder / "build" / name / "app.py").write_text(f"# {name}\n")
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    with serving(ControlPlane()) as plane:
        desk = Desk(serverless_devs, folder, home, plane)
        keys = ("--AccessKeyID", "LTAI-of-the-test", "--AccessKeySecret", "secret-of-the-test")
        status, printed, _ = desk.call("config", "add", "--AccountID", "77", *keys, "-a", "default", "-f")
        assert status == 0, printed
        yield desk


def created() -> list[str]:
    """The functions and triggers that a first deployment creates, in order."""
    requests: list[str] = []
    for function in load(ROOT / "s.yaml", {}).functions.values():
        requests += ["POST /functions"]
        requests += [f"POST /functions/{function.function_name}/triggers" for _ in function.triggers]
    return requests


def of_functions(changes: list[str]) -> list[str]:
    """The changes of functions and triggers, without how they are called."""
    return [change for change in changes if re.search(r"/functions(/[^/]+)?(/triggers(/[^/]+)?)?$", change)]


@pytest.mark.timeout(1_200)
def test_a_deployment_from_the_plan_to_its_removal(desk: Desk) -> None:
    status, printed, changes = desk.call("plan")
    assert (status, changes) == (0, []), printed  # nothing is made, no role either: RAM is not at this control plane
    assert {name for name, secret in SECRETS.items() if secret in printed} == set(SECRETS)  # docs/deploy.md lists them

    status, printed, changes = desk.call("deploy", "-y", "--skip-actions")
    assert status == 0, printed
    assert of_functions(changes) == created()
    assert desk.plane.uploads == len(NAMES)

    # Refused in the middle: what is deployed already stays, and what follows is not sent.
    desk.plane.refusals["semantic-search-ingest"] = (403, "NoPermission")
    status, printed, changes = desk.call("deploy", "-y", "--skip-actions", LOG_LEVEL="DEBUG")
    assert status == 101
    assert "NoPermission" in printed
    assert not [change for change in changes if "search-search" in change]

    # The same again completes it: what exists is changed, and nothing is created twice.
    desk.plane.refusals.clear()
    status, printed, changes = desk.call("deploy", "-y", "--skip-actions", LOG_LEVEL="DEBUG")
    assert status == 0, printed
    assert [change for change in changes if change.startswith("POST")] == []
    functions = [desk.plane.stored[f"/2023-03-30/functions/semantic-search-{name}"] for name in NAMES]
    assert {function["environmentVariables"]["LOG_LEVEL"] for function in functions} == {"DEBUG"}

    status, printed, _ = desk.call("remove", "-y")
    assert status == 0, printed
    assert [name for name in desk.plane.stored if "/triggers/" in name or name.count("/") == 3] == []
    # How long each took; only shown (pytest -s), because machines differ.
    print({command: round(seconds, 1) for command, seconds in desk.seconds.items()})  # noqa: T201
