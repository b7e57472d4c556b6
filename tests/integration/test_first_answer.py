"""docs/deploy.md is followed line by line, from an account to the first answer, with Alibaba Cloud replaced by mocks.

The commands run as they are but at the cloud's border: `aliyun configure` writes its file, the control APIs and
Function Compute are mocks, a recorder is in the place of `s`, the bucket is the emulator's, packages are not built.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ops import packaging
from ops.__main__ import main
from ops.packaging import Package
from ops.template import variables
from shared.ingestion.events import Action, parse
from tests.control_api import KEY, ControlApi, serve
from tests.integration.test_deploying import ControlPlane, serving
from tests.pages import commands, read
from tests.unit.test_docs_deploying import COMMANDS, DEPLOY, first_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Oss

ROOT = Path(__file__).parents[2]
MAKE = {"infra": ["infra", "--yes"], "infra-down": ["infra", "--down", "--yes"], "deploy": ["deploy"]}
# What the page names in sentences, and a block does not have.
NAMED = {"python -m ops --env dev run s preview": ["--env", "dev", "run", "s", "preview"]}
# Of Serverless Devs, about all resources.
WHOLE = {"config", "remove"}
# The address that the page shows in the place of the one that `make deploy` prints.
ADDRESS = "https://search-abcdefghij.cn-beijing.fcapp.run"
ASKS_SERVICES = "asks DashScope and Milvus themselves: tests/system/test_preflight.py runs it against emulators"
NOT_FOLLOWED = {
    "npm install -g @serverless-devs/s": "changes the machine",
    ".venv/bin/python -m ops preflight": ASKS_SERVICES,
    "make preflight ENV=dev": ASKS_SERVICES,
    "curl -s http://127.0.0.1:8000/invoke -H 'x-fc-control-path: /invoke' "
    """-d '{"records": [{"id": "x", "text": "x"}]}'""": "asks the local stack: tests/system/test_docs.py runs it",
}


class Cloud(ControlPlane):
    """Function Compute with a search function that has indexed what the bucket holds."""

    def __init__(self, oss: Oss) -> None:
        super().__init__({"embed": "new", "search": "new"})
        self._oss = oss

    def answer(self, path: str) -> Any:
        names = sorted(file.name for file in self._oss.folder.iterdir() if not file.name.startswith("."))
        match path.strip("/").split("/"):
            case [_, "documents"]:
                return {"documents": [{"key": name, "state": "indexed"} for name in names], "next": None}
            case [_, "search"]:
                document = {"key": names[0], "title": "Travel expenses"}
                return {"hits": [{"document": document, "location": {"headings": []}, "text": "At most CNY 600."}]}
        return super().answer(path)


@pytest.fixture
def project(tmp_path: Path, oss: Oss, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A clone as a new user has it, with an almost empty environment."""
    for name in ("s.yaml", "s.records.yaml", "s.domain.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "samples", tmp_path / "samples", ignore=shutil.ignore_patterns("scanned"))
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "s").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    (programs / "s").chmod(0o755)
    archive = tmp_path / "package.zip"
    archive.write_bytes(b"")
    monkeypatch.setattr(
        packaging, "build_for", lambda it, _: [Package(Path(name), archive, 1, 1, "new") for name in it.functions]
    )
    for name in os.environ:
        monkeypatch.delenv(name)
    with serve(ControlApi()) as api, serving(Cloud(oss)) as plane:
        api.looks = 0  # the stack is there at the first look
        border = {
            "ALIBABA_CLOUD_ENDPOINT": api.url, "FC_ENDPOINT": plane.url,
            "OSS_ENDPOINT": oss.endpoint, "OSS_BUCKET": oss.bucket,
        }  # fmt: skip
        for name, value in {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(tmp_path), **border}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield tmp_path


def run(command: str, home: Path) -> int:
    """Run one line of the page; its exit status."""
    match shlex.split(command):
        case ["aliyun", "configure"]:
            key = {"name": "default", "mode": "AK", "access_key_id": KEY, "access_key_secret": "s"}
            content = {"current": "default", "profiles": [key | {"region_id": "cn-beijing"}]}
            (home / ".aliyun").mkdir()
            (home / ".aliyun" / "config.json").write_text(json.dumps(content))
            return 0
        case [".venv/bin/python", "-m", "ops", *arguments]:
            return main(arguments)
        case ["s", *arguments]:
            check_arguments(arguments, home)
            return subprocess.run(["s", *arguments], check=False).returncode
        case ["curl", *arguments] if ADDRESS in command:
            mock = f"{os.environ['FC_ENDPOINT']}/semantic-search-search"
            asked = ["curl", "--fail", *(argument.replace(ADDRESS, mock) for argument in arguments)]
            return subprocess.run(asked, check=False).returncode
        case ["make", target, variable] if variable.startswith("ENV="):
            return main(["--env", variable.removeprefix("ENV="), *MAKE[target]])
        case ["make", "ask", question]:
            return main(["ask", question.removeprefix("Q=")])
        case ["make", target]:
            return main(MAKE[target])
    raise AssertionError(f"the page has a line that is not known here: {command}")


def check_arguments(arguments: list[str], folder: Path) -> None:
    """What the recorder takes and Serverless Devs or ingest would not: an unknown resource, another's event."""
    options = dict(pairwise(arguments))
    declared = yaml.safe_load((folder / options.get("-t", "s.yaml")).read_text("utf-8"))
    assert arguments[0] in {*WHOLE, *declared["resources"]}, arguments
    if "-e" in options:
        assert [type(event) for event in parse(options["-e"].encode())] == [Action]


def set_up(settings: str, folder: Path) -> None:
    """What a reader does with settings that the page shows."""
    if settings.startswith("ACCOUNT_ID="):  # a way without those of `make infra`
        (folder / ".env").write_text(settings)
    else:
        file = folder / (".env.dev" if "-dev" in settings else ".env")
        file.write_text((file.read_text() if file.exists() else "") + settings)


@pytest.mark.parametrize("page", DEPLOY)
def test_every_block_of_the_page_is_followed(
    project: Path, oss: Oss, page: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / ".env").write_text("DASHSCOPE_API_KEY=sk-of-the-test\n")
    passed_over = set()
    for block in read(page).fences:
        if block.language == "ini":
            set_up(block.content, project)
        for command in commands(block.content) if block.language == "sh" else ():
            if command in NOT_FOLLOWED:
                passed_over.add(command)
            elif command.startswith("ossutil cp "):
                oss.put(command.split()[2], "Thirty days of leave.")
            else:
                status = run(command, project)
                printed = capfd.readouterr()
                assert status == 0, (command, printed.out, printed.err)
    assert passed_over == set(NOT_FOLLOWED)
    for named, arguments in NAMED.items():
        assert named in read(page).codes
        # In a process of its own, which `ops run` replaces by the program.
        program = [sys.executable, "-m", "ops", *arguments]
        done = subprocess.run(program, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        assert done.returncode == 0, (named, capfd.readouterr())
    calls = (project / "calls").read_text().splitlines()
    assert calls.count("plan") == calls.count("deploy -y --skip-actions") == 3
    assert {"domain deploy -t s.domain.yaml -y", "preview", "remove -y"} <= set(calls)


@pytest.mark.parametrize("page", DEPLOY)
def test_the_page_leads_to_an_answer(project: Path, page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (project / ".env").write_text("DASHSCOPE_API_KEY=sk-of-the-test\n")  # the last step by hand
    warnings.warn("NOT TESTED against the real s preview: a recorder is in its place here", stacklevel=1)
    commands = first_commands(page, DEPLOY[page][1])
    assert len(commands) == 4
    for command in commands:
        status = run(command, project)
        printed = capsys.readouterr().out
        assert status == 0, (command, printed)
    assert "At most CNY 600." in printed
    assert "Asked at http" in printed
    assert (project / "calls").read_text().splitlines() == ["plan", "deploy -y --skip-actions"]
    assert variables(project / ".env")["DASHSCOPE_API_KEY"] == "sk-of-the-test"


@pytest.mark.parametrize("number", range(1, 4))
def test_each_line_without_the_ones_before_it_says_what_to_do(
    project: Path, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*COMMANDS, 'make ask Q="What?"'][number]
    assert run(command, project) == 1
    printed = capsys.readouterr().out
    assert "run `aliyun configure`" in printed or "`make infra`" in printed
