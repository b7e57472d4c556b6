"""A deployment shows its plan without secrets, sends what is wanted and nothing else, and sees that it runs."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops.deploying import deploy, mask
from ops.deployment import load
from ops.packaging import Package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.deployment import Deployment

ROOT = Path(__file__).parents[2]
INFRASTRUCTURE = {
    "ACCOUNT_ID": "1234567890123456",
    "OSS_BUCKET": "my-documents",
    "VPC_ID": "vpc-1",
    "VSWITCH_ID": "vsw-1",
    "SECURITY_GROUP_ID": "sg-1",
}
# Stands for Serverless Devs: notes how it was called, prints every variable as the real one does, and fails on request.
PROGRAM = """#!/bin/sh
echo "$@" >> "$CALLS"
echo "environmentVariables: DASHSCOPE_API_KEY: $DASHSCOPE_API_KEY MILVUS_TOKEN: $MILVUS_TOKEN"
case "$*" in "$REFUSED"*) printf '%b\\n' "${REFUSAL:-NoPermission}"; exit 101;; esac
"""


class ControlPlane:
    """Answers as Function Compute's API does for functions and triggers, and ``/healthz`` as a function does."""

    def __init__(self, revisions: dict[str, str]) -> None:
        self.revisions = revisions
        self.modified = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.status = "Successful"
        self.url = ""

    def answer(self, path: str) -> Any:
        match path.strip("/").split("/"):
            case [_, "functions", name]:
                reason = "The role cannot be assumed."
                return {"functionName": name, "lastModifiedTime": self.modified, "lastUpdateStatus": self.status} | (
                    {} if self.status == "Successful" else {"lastUpdateStatusReason": reason}
                )
            case [_, "functions", name, "triggers", trigger]:
                return {"triggerName": trigger, "httpTrigger": {"urlInternet": f"{self.url}/{name}"}}
            case [name, "healthz"]:
                return {"status": "ok", "revision": self.revisions[name.rpartition("-")[2]]}
        raise AssertionError(path)


@contextmanager
def serving(plane: ControlPlane) -> Iterator[ControlPlane]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = dumps(plane.answer(self.path.partition("?")[0])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        plane.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield plane
        server.shutdown()
        thread.join()


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    with serving(ControlPlane({"embed": "new", "search": "new"})) as plane:
        yield plane


@pytest.fixture
def environ(tmp_path: Path, plane: ControlPlane) -> dict[str, str]:
    program = tmp_path / "s"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "CALLS": str(tmp_path / "calls"),
        "REFUSED": "nothing",
        "FC_ENDPOINT": plane.url,
        **INFRASTRUCTURE,
        "DASHSCOPE_API_KEY": "sk-of-the-test",
        "MILVUS_URI": "http://milvus:19530",
        "MILVUS_TOKEN": "root:of-the-test",
        "API_KEYS": "sha256:" + "0" * 64,
    }


def run(environ: dict[str, str]) -> tuple[int, str, list[str]]:
    """The exit status, what was printed, and the calls of ``s``."""
    lines: list[str] = []

    def build(deployment: Deployment) -> list[Package]:
        archive = Path(environ["CALLS"]).with_name("package.zip")
        archive.write_bytes(b"")
        return [Package(Path(name), archive, 1, 1, "new") for name in deployment.functions]

    status = deploy(ROOT / "s.yaml", environ, build, lines.append)
    calls = Path(environ["CALLS"])
    return status, "\n".join(lines), calls.read_text().splitlines() if calls.exists() else []


def test_the_plan_is_shown_and_carried_out_without_a_question(environ: dict[str, str], plane: ControlPlane) -> None:
    status, printed, calls = run(environ)
    assert calls == ["plan", "deploy -y --skip-actions"]
    assert status == 0, printed
    assert f"ok       semantic-search-search: {plane.url}/semantic-search-search" in printed
    assert "ok       semantic-search-ingest: updated" in printed


def test_each_function_that_was_deployed_is_noted_for_programs(environ: dict[str, str], plane: ControlPlane) -> None:
    plane.status = "Failed"
    noted: dict[str, str] = {}
    package = Path(environ["CALLS"]).with_name("package.zip")
    package.write_bytes(b"")
    deploy(
        ROOT / "s.yaml",
        environ,
        lambda deployment: [Package(Path(name), package, 1, 1, "new") for name in deployment.functions],
        lambda _: None,
        lambda name, found: noted.update({name: found.problem}),
    )
    assert set(noted) == {"semantic-search-embed", "semantic-search-ingest", "semantic-search-search"}
    assert all("its last update is Failed" in problem for problem in noted.values())


def test_no_secret_is_printed(environ: dict[str, str]) -> None:
    _, printed, _ = run(environ)
    assert "DASHSCOPE_API_KEY: ******** MILVUS_TOKEN: ********" in printed
    assert "of-the-test" not in printed
    assert mask("ab abc", ("ab", "abc")) == "******** ********"


def test_triggers_of_records_are_sent_one_by_one(environ: dict[str, str]) -> None:
    _, _, calls = run(environ | {"RECORDS_ENABLED": "true"})
    names = [it.trigger_name for it in load(ROOT / "s.yaml", {"RECORDS_ENABLED": "true"}).functions["embed"].triggers]
    assert calls[2:] == [f"embed deploy -t s.records.yaml --trigger {name} -y" for name in names if name != "http"]
    assert len(calls) == 4


def test_the_trigger_for_the_end_of_batch_tasks_is_sent_by_itself(environ: dict[str, str]) -> None:
    _, _, calls = run(environ | {"BATCH_EVENTS": "true"})
    assert calls[2:] == ["ingest deploy -t s.batches.yaml --trigger batch-end -y"]


@pytest.mark.parametrize(("refused", "sent"), [("plan", 1), ("deploy", 2)])
def test_a_refusal_ends_it_with_its_reason(environ: dict[str, str], refused: str, sent: int) -> None:
    status, printed, calls = run(environ | {"REFUSED": refused})
    assert (status, len(calls)) == (101, sent)
    assert "NoPermission" in printed
    assert "ok " not in printed


# As `s` and its component print them: the service's message below a title, and where the log is.
REFUSALS = {
    "role": ("code: 403, NoPermission: the caller may not pass the role", "python -m ops roles"),
    "action": ("AccessDenied: fc:CreateFunction is not allowed for this user", "python -m ops roles"),
    "domain": ("code: 400, DomainNameNotResolved: the CNAME leads elsewhere", "make preflight"),
    "quota": ("code: 403, FunctionQuotaExceeded: 50 of 50 functions", "https://quotas.console.aliyun.com"),
    "key": ("code: 404, InvalidAccessKeyId.NotFound: the key is not known", "aliyun configure"),
    "expired": ("code: 403, InvalidSecurityToken.Expired: the token is not valid any more", "sign in again"),
    "no key": ("Not found access: default", "aliyun configure"),
    "network": ("getaddrinfo ENOTFOUND 77.cn-bejing.fc.aliyuncs.com", "spelling of REGION"),
    "unknown": ("code: 418, Teapot: short and stout", "the lines above name"),
}


@pytest.mark.parametrize(("kind", "command"), [*((kind, "deploy") for kind in REFUSALS), ("key", "plan")])
def test_each_refusal_ends_with_what_to_do_and_a_repeat_goes_on(
    environ: dict[str, str], kind: str, command: str
) -> None:
    message, advice = REFUSALS[kind]
    refusal = f"Error Message:\\n{message}\\n\\nA complete log of this run can be found in: ~/.s/logs/1\\n"
    status, printed, _ = run(environ | {"REFUSED": command, "REFUSAL": refusal})
    last = printed.splitlines()[-1]
    assert status == 101
    assert message in printed
    assert advice in last
    assert "run `make deploy` again" in last
    status, printed, calls = run(environ)
    assert (status, calls[-2:]) == (0, ["plan", "deploy -y --skip-actions"]), printed


def test_the_plan_itself_is_no_reason(environ: dict[str, str]) -> None:
    """What a plan shows holds words such as quota and role; only the end of what failed is looked at."""
    shown = "QUOTA_SHARE: 1\\nrole: acs:ram::1:role/x\\ntimeout: 600\\nfailures: queues/failed\\n" * 3
    _, printed, _ = run(environ | {"REFUSED": "plan", "REFUSAL": shown})
    assert "Remove the cause that the lines above name" in printed.splitlines()[-1]


def test_an_interruption_ends_the_program_and_says_how_to_go_on(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "s").write_text('#!/bin/sh\necho $$ > "$CALLS.pid"\necho waiting\nexec sleep 600\n')
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if line == "waiting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        deploy(ROOT / "s.yaml", environ, lambda _: [], say)
    assert "run `make deploy` again" in lines[-1]
    assert not Path("/proc", Path(f"{environ['CALLS']}.pid").read_text().strip()).exists()


def test_a_program_that_was_ended_from_outside_is_a_failure(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "s").write_text("#!/bin/sh\nkill -9 $$\n")
    status, printed, _ = run(environ)
    assert status == 128 + 9
    assert "ended from outside" in printed.splitlines()[-1]


@pytest.mark.parametrize(("content", "mode"), [("#!/bin/sh\n", 0o644), ("#!/nonexistent/node\n", 0o755)])
def test_a_program_that_cannot_start_is_named(environ: dict[str, str], tmp_path: Path, content: str, mode: int) -> None:
    (tmp_path / "s").write_text(content)
    (tmp_path / "s").chmod(mode)
    status, printed, _ = run(environ | {"PATH": str(tmp_path)})
    assert status == 1
    assert "s cannot be started" in printed or "is not installed" in printed
    assert "run `make deploy` again" in printed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"DASHSCOPE_API_KEY": ""}, "DASHSCOPE_API_KEY is not set"),
        ({"MILVUS_URI": ""}, "`make infra` creates a Milvus"),
        ({"API_KEYS": ""}, "private machine: `make infra` makes one"),
        ({"DASHSCOPE_NETWORK": "publc"}, "DASHSCOPE_NETWORK"),
        ({"EMBEDDING_DIMENSION": "many"}, "EMBEDDING_DIMENSION"),
        ({"FC_ENDPOINT": ""}, "run `aliyun configure`"),
        ({"PATH": "/nonexistent"}, "npm install -g @serverless-devs/s"),
        ({"ACCOUNT_ID": "", "VPC_ID": ""}, "ACCOUNT_ID, VPC_ID are not set: `make infra` writes them into .env"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_built(
    environ: dict[str, str], change: dict[str, str], sentence: str
) -> None:
    lines: list[str] = []

    def build(_: Deployment) -> list[Package]:
        raise AssertionError("it was built")

    assert deploy(ROOT / "s.yaml", environ | change, build, lines.append) == 1
    assert sentence in lines[0]
    assert lines[-1] == "Nothing was built or sent. Then run `make deploy` again."
    assert len(lines) == 2


def test_a_mistake_in_the_settings_sends_nothing(environ: dict[str, str]) -> None:
    status, printed, calls = run(environ | {"ALLOW_ANONYMOUS": "true", "API_KEYS": ""})
    assert (status, calls) == (1, [])
    assert "anyone may call" in printed


def test_functions_that_run_other_code_are_named(environ: dict[str, str], plane: ControlPlane) -> None:
    plane.revisions["search"] = "old"
    status, printed, _ = run(environ)
    assert status == 1
    assert f"problem  semantic-search-search: {plane.url}/semantic-search-search runs old, not new" in printed


def test_functions_that_were_not_updated_are_named(environ: dict[str, str], plane: ControlPlane) -> None:
    plane.modified = "2026-01-01T00:00:00Z"
    status, printed, _ = run(environ)
    assert status == 1
    assert "semantic-search-ingest: it was not updated: its last change was at 2026-01-01 00:00 UTC" in printed
    plane.status = "Failed"
    assert "its last update is Failed: The role cannot be assumed." in run(environ)[1]


def test_without_serverless_devs_it_says_how_to_install_it(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "s").unlink()
    status, printed, _ = run(environ | {"PATH": str(tmp_path)})
    assert status == 1
    assert "npm install -g @serverless-devs/s" in printed


def test_serverless_devs_gets_the_operators_key_and_it_is_not_printed(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "s").write_text('#!/bin/sh\necho "$AccessKeyID $AccessKeySecret for $AccountID" | tee -a "$CALLS"\n')
    key = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-1", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret-of-the-test"}
    _, printed, calls = run({**environ, **key, "HOME": str(tmp_path)})
    assert calls[0] == "LTAI-1 secret-of-the-test for 1234567890123456"
    assert "secret-of-the-test" not in printed
