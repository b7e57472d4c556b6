"""The operator's command line: each command is listed, explained and completed."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import requests

from ops.__main__ import main
from ops.asking import ask
from ops.commands import GROUPS, load_command
from ops.deployment import load
from ops.dotenv import parse_variables
from ops.remote_search import AskError, Search

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


@pytest.mark.parametrize(
    "command",
    [("dashboard", "--logs", "logs", "--output"), ("infra", "--terraform"), ("application", "--output")],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("place", ["file/under", "/proc/nothing/here"])
def test_an_output_that_cannot_be_written_is_a_sentence(
    command: tuple[str, ...], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "file").touch()
    output = tmp_path / place
    if command[0] == "dashboard":
        monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with redirect_stdout(printed):
        assert main([*command, str(output)]) == 1
    assert place.partition("/")[0] in printed.getvalue()
    assert len(printed.getvalue().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["explain", ""], "it is empty"),
        (["ask", " "], "it is empty"),
        (["retry", "--id", "handbook.pdf"], "`explain KEY` shows that of a document"),
    ],
)
def test_an_argument_that_can_name_nothing_is_refused_before_anything_is_asked(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(("after", "until"), [("z", "a"), ("a", "a"), ("文", "a")])
def test_a_range_without_keys_is_refused(after: str, until: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reconcile", "--after", after, "--until", until]) == 2
    assert "name the smaller one as --after" in capsys.readouterr().out


@pytest.fixture
def newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the deployment alone, and neither settings nor an access key."""
    for file in ROOT.glob("s*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    for name in os.environ:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        (["status"], "run `aliyun configure`"),
        (["explain", "a.txt"], "run `aliyun configure`"),
        (["ask", "What?"], "run `aliyun configure`"),
        (["estimate"], "run `aliyun configure`"),
        (["sync", "--dry-run"], "run `aliyun configure`"),
        (["reconcile"], "run `aliyun configure`"),
        (["retry", "--state", "failed"], "run `aliyun configure`"),
        (["delete", "old/"], "run `aliyun configure`"),
        (["migrate", "status"], "run `aliyun configure`"),
        (["migrate", "check", "missing.txt"], "missing.txt cannot be read: No such file or directory"),
        (["calibrate", "missing.txt"], "missing.txt cannot be read: No such file or directory"),
        (["dashboard"], "start the local stack with make demo"),
        (["package"], "run this in the folder of the project"),
        (["deploy"], "run `aliyun configure`"),
        (["--local", "status"], "`make demo` starts one"),
        (["--env", "dev", "check"], ".env.dev does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_without_settings_each_command_ends_with_the_next_step(
    newcomer: Path, arguments: list[str], step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    printed = capsys.readouterr()
    assert step in " ".join((printed.out + printed.err).split())
    assert "[Errno" not in printed.out + printed.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["backfill", "--hours", "0"], "'0' is not a whole number from 24 to 336"),
        (["backfill", "--hours", "1e2"], "'1e2' is not a whole number from 24 to 336"),
        (["backfill", "--hours", "9" * 5_000], "'9999"),
        (["backfill", "--max-cost", "-1"], "'-1' is not an amount of at least 0"),
        (["backfill", "--max-cost", "nan"], "'nan' is not an amount of at least 0"),
        (["backfill", "--max-cost", "five"], "'five' is not an amount of at least 0"),
        (["estimate", "--documents", "0"], "'0' is not a whole number of at least 1"),
        (["migrate", "start", "--dimension", "-1"], "'-1' is not a whole number of at least 1"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_number_out_of_range_is_refused_before_anything_is_asked(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert sentence in last
    assert last.startswith(f"python -m ops {arguments[0]}")
    assert len(last) < 200


@pytest.mark.parametrize(
    "tenant", ["", " a", "a ", "a\nb", "a\u2028b", "a\x00", "a+b", "a@b", "a,b", "\udcff", "\u3000a"]
)
def test_a_tenant_that_an_entry_cannot_hold_gets_no_key(tenant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--tenant", tenant]) == 1
    assert capsys.readouterr().out.startswith("a tenant has")


@pytest.mark.parametrize(("tenant", "advice"), [("a#b", "double quotes"), ("a$b", "API_KEYS_FILE."), ("a'b c", "")])
def test_an_entry_that_an_env_file_would_cut_short_comes_with_advice(
    tenant: str, advice: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "--tenant", tenant]) == 0
    entry, *more = capsys.readouterr().out.splitlines()[1:]
    value = entry.partition(": ")[2]
    assert value.endswith(f"@{tenant}")
    assert all(advice in line for line in more)
    assert bool(more) == bool(advice)
    if not advice.startswith("API"):
        written = f'"{value}"' if advice else value
        assert parse_variables(f"API_KEYS={written}", {}) == {"API_KEYS": value}


@pytest.mark.parametrize(
    ("status", "content", "sentence"),
    [
        (400, '{"error": {"code": "invalid_query", "message": "The query is empty."}}', "The query is empty. (invalid"),
        (429, '{"ErrorCode": "ResourceExhausted", "ErrorMessage": "Busy."}', "refuses: Busy. (ResourceExhausted)"),
        (502, "[]", "refuses: status 502"),
        (500, '{"error": "broken"}', "refuses: status 500"),
        (403, '{"error": null, "message": 5}', "refuses: status 403"),
        (200, "<html>a page</html>", "status 200 and no JSON"),
        (404, "", "status 404 and no JSON"),
    ],
)
def test_whatever_answers_in_place_of_search_is_a_sentence(
    status: int, content: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = requests.Response()
    answer.status_code = status
    answer._content = content.encode()
    monkeypatch.setattr(requests, "request", lambda *_, **__: answer)
    with pytest.raises(AskError, match=re.escape(sentence)):
        Search("http://search", "").get("/documents")


@pytest.mark.parametrize(("question", "method"), [("How often?", "GET"), ("年" * 2_000, "POST"), ("a" * 2_000, "GET")])
def test_a_question_is_asked_in_a_body_where_a_link_would_be_too_long(
    question: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 200, b'{"hits": [], "answerable": false}'
    asked: list[tuple[str, dict[str, Any]]] = []

    def request(method: str, _url: str, **options: Any) -> requests.Response:
        asked.append((method, options.get("params") or options["json"]))
        return answer

    monkeypatch.setattr(requests, "request", request)
    monkeypatch.setattr("ops.asking._fill_empty_bucket", lambda *_: set())
    monkeypatch.setattr("ops.asking.find_search", lambda *_: Search("http://search", ""))
    assert ask(question, load(ROOT / "s.yaml", {}), {}, ROOT, lambda _: None) is not None
    [(used, values)] = asked
    assert used == method
    assert question in values.values()
