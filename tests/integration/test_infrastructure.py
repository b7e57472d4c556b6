"""``make infra`` creates, changes and deletes through the API of Resource Orchestration Service, and loses nothing."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ops.commands.infra import _confirm
from ops.infrastructure.applying import apply
from ops.infrastructure.removing import remove
from ops.template import environment, variables
from tests.control_api import ACCOUNT, KEY, MILVUS_ID, ControlApi, RefusedError, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def api() -> Iterator[ControlApi]:
    with serve(ControlApi()) as api:
        yield api


class Runner:
    """Runs the commands in a folder of their own, with answers to their questions."""

    def __init__(self, folder: Path, api: ControlApi) -> None:
        for file in ("s.yaml", "s.records.yaml", "s.batches.yaml", "s.domain.yaml"):
            shutil.copy(ROOT / file, folder)
        self.file, self._path, self._api = folder / ".env", folder / "s.yaml", api
        self.lines: list[str] = []
        self.questions: list[str] = []

    def __call__(self, *, answer: bool = True, down: bool = False, **changes: str) -> int:
        self.lines, self.questions = [], []
        key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": KEY, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret"}
        environ = environment(self._path, {**key, "ALIBABA_CLOUD_ENDPOINT": self._api.url, **changes})

        def confirm(question: str) -> bool:
            self.questions.append(question)
            return answer

        work = remove if down else apply
        return work(self._path, environ, self.file, confirm, self.lines.append, 0.0)

    @property
    def printed(self) -> str:
        return "\n".join(self.lines)

    @property
    def saved(self) -> dict[str, str]:
        return variables(self.file)


@pytest.fixture
def run(tmp_path: Path, api: ControlApi) -> Runner:
    return Runner(tmp_path, api)


def test_everything_is_created_and_kept_in_the_env_file(run: Runner, api: ControlApi) -> None:
    assert run() == 0, run.printed
    assert run.saved["VPC_ID"] == "vpc-2ze0made"
    assert run.saved["MILVUS_URI"] == f"http://{MILVUS_ID}-internal.milvus.aliyuncs.com:19530"
    assert run.saved["MILVUS_TOKEN"] == f"root:{api.parameters['MilvusPassword']}"
    assert run.saved["OSS_BUCKET"] == api.parameters["BucketName"] == f"semantic-search-{ACCOUNT}"
    assert api.parameters["LogProjectName"] == f"semantic-search-{ACCOUNT}"
    assert run.saved["API_KEYS"].startswith("sha256:")
    assert run.file.stat().st_mode & 0o777 == 0o600
    assert "DASHSCOPE_API_KEY" in run.printed


def test_no_secret_is_printed(run: Runner) -> None:
    run()
    assert [run.saved[name] for name in ("MILVUS_TOKEN", "API_KEY") if run.saved[name] in run.printed] == []


def test_the_settings_it_writes_are_a_deployment_that_the_checks_accept(run: Runner) -> None:
    from ops.checks import problems
    from ops.deployment import load

    run()
    assert problems(load(run.file.with_name("s.yaml"), {"DASHSCOPE_API_KEY": "sk-of-the-test"})) == []


def test_the_price_is_stated_before_the_question(run: Runner, api: ControlApi) -> None:
    order = {"Order": {"TradeAmount": 1.5, "Currency": "CNY"}, "OrderSupplement": {"PriceUnit": "/Hour"}}
    api.price = {"Milvus": {"Type": "ALIYUN::Milvus::Instance", "Success": True, "Result": order}}
    assert run(answer=False) == 1
    assert "CNY 1.5 /Hour, about CNY 1,080 a month" in run.printed
    assert run.questions == ["Create it?"]
    assert "CreateStack" not in api.calls
    assert not run.file.exists()


@pytest.mark.parametrize("price", [{}, {"Milvus": {"Success": False}}, {"Milvus": {"Result": {"Order": None}}}])
def test_without_a_price_the_reader_learns_where_it_is(run: Runner, api: ControlApi, price: dict[str, object]) -> None:
    api.price = price
    run(answer=False)
    assert "the service names no price: see https://" in run.printed


def test_a_price_that_is_refused_stops_nothing(run: Runner, api: ControlApi) -> None:
    api.refused["GetTemplateEstimateCost"] = RefusedError("Forbidden.RAM", status=403)
    assert run() == 0
    assert "The price could not be asked for" in run.printed


def test_what_the_env_file_says_stays(run: Runner) -> None:
    run.file.write_text("# mine\nOSS_BUCKET=papers\nAPI_KEYS=my-key\nREGION=cn-hangzhou")
    assert run() == 0, run.printed
    assert run.file.read_text().startswith("# mine\nOSS_BUCKET=papers\nAPI_KEYS=my-key\nREGION=cn-hangzhou\n")
    assert "API_KEY" not in run.saved
    assert run.saved["OSS_REGION"] == "cn-hangzhou"


def test_a_second_run_changes_nothing(run: Runner, api: ControlApi) -> None:
    run()
    before = run.file.read_text()
    assert run() == 0, run.printed
    assert "Everything is as s.yaml wants it." in run.printed
    assert run.questions == []
    assert run.file.read_text() == before


def test_a_change_is_listed_and_made_after_a_yes(run: Runner, api: ControlApi) -> None:
    run()
    assert run(OSS_PREFIX="papers/") == 0, run.printed
    assert "Modify   IngestRole" in run.printed
    assert run.questions == ["Make these changes?"]
    assert "papers/" in str(api.template["Resources"]["IngestRole"])


def test_a_change_that_is_not_wanted_is_dropped(run: Runner, api: ControlApi) -> None:
    run()
    assert run(answer=False, OSS_PREFIX="papers/") == 1
    assert "ExecuteChangeSet" not in api.calls
    assert api.calls[-1] == "DeleteChangeSet"


@pytest.mark.parametrize(
    "change",
    [
        {"Action": "Modify", "LogicalResourceId": "Milvus", "Replacement": "True"},
        {"Action": "Modify", "LogicalResourceId": "Milvus", "Replacement": "Conditional"},
        {"Action": "Remove", "LogicalResourceId": "Bucket"},
    ],
)
def test_what_holds_data_is_never_deleted_by_a_change(run: Runner, api: ControlApi, change: dict[str, str]) -> None:
    run()
    api.changes = [change]
    assert run() == 1
    assert f"This would delete {change['LogicalResourceId']}" in run.printed
    assert run.questions == []
    assert "ExecuteChangeSet" not in api.calls


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("BucketAlreadyExists: the bucket exists", "INFRA_EXISTING"),
        ("Forbidden.RAM: You are not authorized", "lacks a right"),
        ("NotEnoughBalance", "cannot pay"),
        ("Zone.SoldOut", "ZONE_ID"),
        ("InternalError", "Remove the cause"),
    ],
)
def test_a_creation_that_fails_says_why_and_what_to_do(run: Runner, api: ControlApi, reason: str, advice: str) -> None:
    api.failing = reason
    assert run() == 1
    assert reason in run.printed
    assert advice in run.lines[-1]


def test_after_a_failure_the_next_run_begins_again_with_the_same_password(run: Runner, api: ControlApi) -> None:
    api.failing = "NotEnoughBalance"
    run()
    password = api.parameters["MilvusPassword"]
    assert run() == 0, run.printed
    assert run.questions == ["Delete what it left and begin again?", "Create it?"]
    assert api.parameters["MilvusPassword"] == password
    assert run.saved["MILVUS_TOKEN"] == f"root:{password}"


def test_a_change_that_failed_leaves_everything_and_can_be_repeated(run: Runner, api: ControlApi) -> None:
    run()
    api.failing = "EntityNotExist.Policy"
    assert run(OSS_PREFIX="papers/") == 1
    assert "EntityNotExist.Policy" in run.printed
    assert run(OSS_PREFIX="reports/") == 0, run.printed
    assert "The last change failed and was undone" in run.printed
    assert "DeleteStack" not in api.calls


@pytest.mark.parametrize("state", ["ROLLBACK_FAILED", "UPDATE_FAILED", "IMPORT_UPDATE_FAILED"])
def test_a_stack_out_of_order_is_not_touched(run: Runner, api: ControlApi, state: str) -> None:
    run()
    assert api.stack
    api.stack["Status"] = state
    assert run() == 1
    assert f"The stack is {state}" in run.printed
    assert not {"DeleteStack", "CreateChangeSet"} & set(api.calls)


def test_a_run_that_was_interrupted_is_waited_for(run: Runner, api: ControlApi) -> None:
    """The first run ends with its process, right after the creation began."""
    api.looks, api.refused["ListStackEvents"] = 3, RefusedError("Forbidden.RAM", status=403)
    assert run() == 1
    del api.refused["ListStackEvents"]
    assert run() == 0, run.printed
    assert "still under way (CREATE_IN_PROGRESS)" in run.printed
    assert run.saved["MILVUS_TOKEN"] == f"root:{api.parameters['MilvusPassword']}"
    assert run.saved["MILVUS_URI"]
    assert api.calls.count("CreateStack") == 1


def test_an_api_that_does_not_answer_for_a_while_is_asked_again(run: Runner, api: ControlApi) -> None:
    begun = api.on_CreateStack

    def create(asked: dict[str, str]) -> dict[str, object]:
        api.silent = 3
        return begun(asked)

    api.on_CreateStack = create  # type: ignore[method-assign]
    assert run() == 0, run.printed


def test_each_event_is_printed_once(run: Runner, api: ControlApi) -> None:
    api.looks = 4
    run()
    assert run.printed.count("CREATE_COMPLETE      Milvus") == 1


def test_a_network_of_ones_own_is_used(run: Runner, api: ControlApi) -> None:
    run.file.write_text("VPC_ID=vpc-mine\nVSWITCH_ID=vsw-mine\nSECURITY_GROUP_ID=sg-mine\n")
    assert run() == 0, run.printed
    assert not {"Vpc", "VSwitch", "SecurityGroup"} & api.template["Resources"].keys()
    assert api.template["Resources"]["Milvus"]["Properties"]["VpcId"] == "vpc-mine"


def test_a_milvus_of_ones_own_is_used_and_costs_nothing_here(run: Runner, api: ControlApi) -> None:
    run.file.write_text("MILVUS_URI=http://milvus:19530\nMILVUS_TOKEN=search:a\n")
    assert run() == 0, run.printed
    assert "Milvus" not in api.template["Resources"]
    assert "None of it costs anything while it is not used." in run.printed


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"VPC_ID": "vpc-mine"}, "Set all of VPC_ID, VSWITCH_ID, SECURITY_GROUP_ID, or none"),
        ({"INFRA_EXISTING": "buckets"}, "INFRA_EXISTING names buckets; it may name network"),
        ({"ACCOUNT_ID": "1111111111111111"}, f"the access key belongs to {ACCOUNT}"),
        ({"REGION": "cn-qingdao"}, "Set ZONE_ID"),
        ({"OSS_REGION": "cn-hangzhou"}, "A bucket in another region"),
        ({"MILVUS_TOKEN": "search:a"}, "MILVUS_TOKEN must be root:PASSWORD"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_ID": ""}, "run `aliyun configure`"),
        ({"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-unknown"}, "InvalidAccessKeyId"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_is_created(
    run: Runner, api: ControlApi, settings: dict[str, str], sentence: str
) -> None:
    assert run(**settings) == 1  # type: ignore[arg-type]
    assert sentence in run.printed
    assert "CreateStack" not in api.calls


def test_parts_that_exist_are_left_out(run: Runner, api: ControlApi) -> None:
    assert run(INFRA_EXISTING="bucket, roles,logs") == 0, run.printed
    assert not {"Bucket", "IngestRole", "LogProject", "LogStore", "LogIndex"} & api.template["Resources"].keys()
    assert "DependsOn" not in api.template["Resources"]["Dashboard"]


def test_down_lists_what_it_deletes_and_keeps_the_bucket(run: Runner, api: ControlApi) -> None:
    run()
    assert run(down=True) == 0, run.printed
    assert "id-Milvus" in run.printed
    assert "This stays: the bucket id-Bucket" in run.printed
    assert api.template["Resources"]["Bucket"]["DeletionPolicy"] == "Retain"
    assert api.calls.count("DeleteStack") == 1
    assert "MILVUS_TOKEN" in run.lines[-1]


def test_down_without_a_yes_deletes_nothing(run: Runner, api: ControlApi) -> None:
    run()
    assert run(answer=False, down=True) == 1
    assert "DeleteStack" not in api.calls


def test_down_that_fails_says_what_holds_it_and_can_be_repeated(run: Runner, api: ControlApi) -> None:
    run()
    api.failing = "DependencyViolation.Eni: the vSwitch is used by functions"
    assert run(down=True) == 1
    assert "the vSwitch is used by functions" in run.printed
    assert run() == 1
    assert "run `make infra-down` again" in run.printed
    assert run(down=True) == 0, run.printed


def test_down_without_a_stack_is_done(run: Runner) -> None:
    assert run(down=True) == 0
    assert run.printed == "There is no stack semantic-search: nothing to delete."


def run_command(folder: Path, api: ControlApi, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command itself, in ``folder``, where there is no terminal, with the key of an ``aliyun`` profile."""
    (folder / ".aliyun").mkdir(exist_ok=True)
    key = {"access_key_id": KEY, "access_key_secret": "s"}
    profile = {"name": "default", "mode": "AK", "region_id": "cn-beijing", **key}
    (folder / ".aliyun" / "config.json").write_text(json.dumps({"current": "default", "profiles": [profile]}))
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments],
        cwd=folder,
        env={**environ, "ALIBABA_CLOUD_ENDPOINT": api.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def test_without_a_terminal_a_question_is_answered_with_no(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert not _confirm("Create it?", always=False)
    assert "--yes answers every question" in capsys.readouterr().out
    assert _confirm("Create it?", always=True)


def test_the_command_takes_key_and_region_of_the_aliyun_profile(run: Runner, api: ControlApi, tmp_path: Path) -> None:
    api.looks = 0
    done = run_command(tmp_path, api, "infra", "--yes")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert run.saved["REGION"] == "cn-beijing"
    assert run.saved["MILVUS_URI"]
