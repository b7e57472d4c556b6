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
# Stands for Serverless Devs: notes how it was called, prints every variable as the real one does, and fails on request.
PROGRAM = """#!/bin/sh
echo "$@" >> "$CALLS"
echo "environmentVariables: DASHSCOPE_API_KEY: $DASHSCOPE_API_KEY MILVUS_TOKEN: $MILVUS_TOKEN"
case "$*" in "$REFUSED"*) echo "NoPermission"; exit 101;; esac
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
        thread = threading.Thread(target=server.serve_forever)
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
        "DASHSCOPE_API_KEY": "sk-of-the-test",
        "MILVUS_TOKEN": "root:of-the-test",
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


@pytest.mark.parametrize(("refused", "sent"), [("plan", 1), ("deploy", 2)])
def test_a_refusal_ends_it_with_its_reason(environ: dict[str, str], refused: str, sent: int) -> None:
    status, printed, calls = run(environ | {"REFUSED": refused})
    assert (status, len(calls)) == (101, sent)
    assert "NoPermission" in printed
    assert "ok " not in printed


def test_a_mistake_in_the_settings_sends_nothing(environ: dict[str, str]) -> None:
    status, printed, calls = run(environ | {"ALLOW_ANONYMOUS": "true"})
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
