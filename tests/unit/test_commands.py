"""The operator's command line: each command is listed, explained and completed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ops.__main__ import main
from ops.commands import GROUPS, load_command

ROOT = Path(__file__).parents[2]
COMMANDS = [name for group in GROUPS.values() for name in group]


def test_each_file_of_a_command_is_in_a_group() -> None:
    files = {path.stem for path in (ROOT / "ops" / "commands").glob("*.py")} - {"__init__"}
    assert files == {load_command(name).__name__.rpartition(".")[2] for name in COMMANDS}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    shown = "".join(capsys.readouterr().out.lower().split())
    assert "".join(load_command(name).SUMMARY.lower().split()) in shown


def test_help_lists_all_commands_by_group(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert "130 after Ctrl-C" in " ".join(shown.split())


def test_a_wrong_command_has_a_status_of_its_own() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["statsu"])
    assert ended.value.code == 2


def test_without_a_local_stack_it_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATA", str(tmp_path))
    assert main(["--local", "status"]) == 1
    assert "`make demo` starts one" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_commands_are_completed_in_a_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "ossearch" in script
    assert all(name in script for name in COMMANDS)


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    command = f"{sys.executable} -m ops completion bash | head -1"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.stderr == ""


def test_problems_of_a_deployment_are_printed_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.yaml"
    file.write_text((ROOT / "s.yaml").read_text("utf-8").replace("initializer:", "initialiser:", 1), "utf-8")
    assert main(["check", str(file), "--json"]) == 1
    shown = capsys.readouterr().out
    assert "initialiser" in shown


def test_a_deployment_without_problems_has_an_empty_list_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", str(ROOT / "s.yaml"), "--json"])
    assert isinstance(json.loads(capsys.readouterr().out)["problems"], list)


# Those that print something else: a script, the output of another program, a report to attach (verify --json FILE), or
# JSON in any case.
NOT_FOR_PROGRAMS = {"completion", "run", "verify", "calibrate"}


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - NOT_FOR_PROGRAMS - {"migrate"}))
def test_each_command_prints_for_programs(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("step", ["start", "status", "check", "switch", "back", "finish", "cancel"])
def test_each_step_of_a_migration_prints_for_programs(step: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["migrate", step, "--help"])
    assert "--json" in capsys.readouterr().out


def test_roles_are_one_document_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["roles", str(ROOT / "s.yaml"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"role", "trust", "policy"} == set(printed["roles"][0])
    assert printed["deployer"]["Statement"]
