"""docs/deploy.md is followed line by line, from an account to the first answer, with Alibaba Cloud replaced by mocks.

The commands run as they are but at the cloud's border: `aliyun configure` writes its file, the control APIs and
Function Compute are mocks, a recorder is in the place of `s`, the bucket is the emulator's, packages are not built.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops import packaging
from ops.__main__ import main
from ops.packaging import Package
from ops.template import variables
from tests.control_api import KEY, ControlApi, serve
from tests.integration.test_deploying import ControlPlane, serving
from tests.unit.test_docs_deploying import COMMANDS, DEPLOY, first_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Oss

ROOT = Path(__file__).parents[2]
MAKE = {"infra": ["infra", "--yes"], "deploy": ["deploy"]}


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
        case ["make", "ask", question]:
            return main(["ask", question.removeprefix("Q=")])
        case ["make", target]:
            return main(MAKE[target])
    raise AssertionError(f"the page has a line that is not known here: {command}")


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
