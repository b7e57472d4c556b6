"""The documentation is executed: what its pages show is run on a running stack."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local import stack
from local.stack import Plan, Ports
from shared.ingestion.bucket import SIDECAR
from tests.pages import ADDRESS, ENGLISH, ROOT, TRANSLATED, commands, nothing_missing, read
from tests.routes import list_routes, nameless

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack

PATIENCE_SECONDS = 240
ACCOUNT = "needs an Alibaba Cloud account"
ITSELF = "is a make target of this project, and its existence is tested instead"
SYSTEM = "changes the machine, or fetches this very repository"
NOT_RUN = {
    "apt-get install git make curl python3.11 python3.11-venv": SYSTEM,
    "git clone <this repository> semantic-search && cd semantic-search": SYSTEM,
    "DASHSCOPE_API_KEY=sk-... make demo": ACCOUNT,
    "MILVUS_URI=http://10.0.0.8:19530 MILVUS_TOKEN=user:password MILVUS_COLLECTION=try make demo": "needs a server",
    "OSS_BUCKET=my-documents OSS_REGION=cn-beijing ALIBABA_CLOUD_ACCESS_KEY_ID=... "
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET=... make demo": ACCOUNT,
    ".venv/bin/python -m ops preflight": ACCOUNT,
    "make verify": ACCOUNT,
    "MILVUS_URI=http://127.0.0.1:19530 .venv/bin/python -m ops export --format elasticsearch --index documents "
    "--output build/elasticsearch": "is run by test_integrations.py",
    "ALIBABA_CLOUD_ACCESS_KEY_ID=... ALIBABA_CLOUD_ACCESS_KEY_SECRET=... .venv/bin/python -m ops backfill "
    "--max-cost 300": ACCOUNT,
    **{
        f".venv/bin/python -m ops migrate {step}": ACCOUNT
        for step in ("start --model qwen3.7-text-embedding --dimension 1024", "check queries.txt", "switch", "finish")
    },
    "npm install -g @serverless-devs/s": SYSTEM,
    "s config add -a default": ACCOUNT,
    "aliyun configure": ACCOUNT,
    "make infra": ACCOUNT,
    "make deploy": ACCOUNT,
    'make ask Q="How much may a hotel room in Shanghai cost?"': ACCOUNT,
    "OSS_ENDPOINT=https://oss-cn-beijing.aliyuncs.com .venv/bin/python -m ops estimate": ACCOUNT,
    ".venv/bin/python -m ops check s.domain.yaml": "needs a domain",
    "s domain deploy -t s.domain.yaml -y": ACCOUNT,
    **dict.fromkeys(("s domain remove -t s.domain.yaml -y", "s remove -y", "make infra-down"), ACCOUNT),
    "ossutil cp handbook.pdf oss://my-documents/": ACCOUNT,
    "curl -s -G https://search-abcdefghij.cn-beijing.fcapp.run/search -H 'x-api-key: a-long-random-key' "
    "--data-urlencode 'q=How many days of leave do I have?'": ACCOUNT,
    "s ingest logs --tail": ACCOUNT,
    "ALIBABA_CLOUD_ACCESS_KEY_ID=... ALIBABA_CLOUD_ACCESS_KEY_SECRET=... make sync": ACCOUNT,
    's ingest invoke -e \'{"action": "reconcile", "dry_run": true}\'': ACCOUNT,
    's ingest invoke --invocation-type async -e \'{"action": "reconcile", "until": "m"}\'': ACCOUNT,
    's ingest invoke --invocation-type async -e \'{"action": "reconcile", "after": "m"}\'': ACCOUNT,
    **dict.fromkeys(("make demo", "make test", "make test-fast", "make bench", "make dashboard"), ITSELF),
    **dict.fromkeys(("make preflight ENV=dev", "make deploy ENV=dev"), ACCOUNT),
}
# Answers may differ from what is shown in ids, times and numbers, never in these fields.
EXACT = {
    "key", "title", "code", "state", "stage", "retryable", "mode", "model", "dimension", "status", "function",
    "format", "object", "index", "page", "chunks", "outcome", "reason",
}  # fmt: skip


@dataclass(frozen=True)
class Done:
    """One command that was run, with what it printed."""

    command: str
    status: int
    output: str


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the project's, with a bucket and an .env of its own."""
    desk = tmp_path_factory.mktemp("desk")
    for path in ROOT.iterdir():
        if not path.name.startswith(".") and path.name not in ("bucket", "build"):
            (desk / path.name).symlink_to(path)
    (desk / ".venv").symlink_to(sys.prefix)
    settings = next(fence.content for fence in read("docs/deploy.md").fences if fence.language == "ini")
    (desk / ".env").write_text(settings, "utf-8")
    # Reading scans takes a local model seconds, and no command of the pages is about them.
    shutil.copytree(ROOT / "samples", desk / "bucket", ignore=shutil.ignore_patterns("scanned"))
    return desk


@pytest.fixture(scope="module")
def running(desk: Path) -> Iterator[Stack]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(desk), "ANSWER_MODEL": "qwen3.7-flash"}
    environ |= {"ADMIN_API_KEYS": "admin", "SOURCE_LINKS": "true", "UPLOADS": "true"}
    plan = Plan(data=desk / ".local", bucket=desk / "bucket", ports=Ports(0, 0, 0, 0), environ=environ)
    with stack.running(plan) as everything:
        everything.invoke("ingest", {"action": "reconcile"})
        wait_until_settled(everything, desk)
        yield everything


@pytest.fixture(scope="module")
def transcript(running: Stack, desk: Path) -> dict[str, Done]:
    """What every command that can be run here printed, run in the order of the pages."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(desk)}
    done: dict[str, Done] = {}
    for command in RUN:
        arguments = ["bash", "-euo", "pipefail", "-c", command.replace(ADDRESS, running.url)]
        ended = subprocess.run(
            arguments, cwd=desk, env=environ, capture_output=True, text=True, timeout=120, check=False
        )
        done[command] = Done(command, ended.returncode, ended.stdout + ended.stderr)
        wait_until_settled(running, desk)
    return done


def wait_until_settled(running: Stack, desk: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        present = documents_in(desk / "bucket")
        answer = requests.get(f"{running.url}/documents", params={"limit": 1000}, timeout=30)
        documents = answer.json().get("documents", ())
        of_bucket = [found for found in documents if found["bucket"] == running.environ["OSS_BUCKET"]]
        known = {found["key"]: int(found["modified"]) for found in of_bucket}
        if known == present and all(found["state"] != "pending" for found in of_bucket):
            return
        assert time.monotonic() < deadline, f"the index did not become the bucket: {present} against {known}"
        time.sleep(0.2)


def documents_in(bucket: Path) -> dict[str, int]:
    """When each document or its metadata was last written, in whole seconds, by key."""
    written: dict[str, int] = {}
    for path in bucket.iterdir():
        if not path.name.startswith("."):
            key = path.name.removesuffix(SIDECAR)
            written[key] = max(written.get(key, 0), int(path.stat().st_mtime))
    return written


def brief(command: str) -> str:
    """A name for a command in the tests' list."""
    return command.replace(f" {ADDRESS}", "").splitlines()[0][:60]


SHOWN = list(dict.fromkeys(command for name in ENGLISH for command in read(name).commands()))
RUN = [command for command in SHOWN if command not in NOT_RUN]
ANSWERED = [
    (list(commands(shown.content))[-1], answer.content)
    for name in ENGLISH
    for shown, answer in zip(read(name).fences, read(name).fences[1:], strict=False)
    if (shown.language, answer.language) == ("sh", "json")
]


def test_what_is_not_run_stands_on_a_page() -> None:
    assert set(NOT_RUN) - set(SHOWN) == set()


@pytest.mark.parametrize("command", RUN, ids=map(brief, RUN))
def test_every_other_command_succeeds(transcript: dict[str, Done], command: str) -> None:
    done = transcript[command]
    assert done.status == 0, done.output
    if command.startswith("curl") and command not in dict(ANSWERED):
        content = json.loads(done.output)
        assert "error" not in content
        assert content.get("hits", True), "nothing was found"


@pytest.mark.parametrize(("command", "shown"), ANSWERED, ids=[brief(command) for command, _ in ANSWERED])
def test_the_answer_shown_below_a_command_is_the_one_it_gives(
    transcript: dict[str, Done], command: str, shown: str
) -> None:
    found = list(differences(json.loads(shown), json.loads(transcript[command].output)))
    assert not found, "; ".join(found)


def differences(shown: Any, real: Any, path: str = "$", name: str = "") -> Iterator[str]:
    """Where a shown answer has other fields, types or exact values than the real one; a list may be shown in part."""
    if isinstance(shown, dict) and isinstance(real, dict):
        if shown.keys() != real.keys():
            yield f"{path}: shown are {', '.join(shown)}; the answer has {', '.join(real)}"
        for key in shown.keys() & real.keys():
            yield from differences(shown[key], real[key], f"{path}.{key}", key)
    elif isinstance(shown, list) and isinstance(real, list):
        if len(shown) > len(real):
            yield f"{path}: shown are {len(shown)} items, the answer has {len(real)}"
        for index, (one, other) in enumerate(zip(shown, real, strict=False)):
            yield from differences(one, other, f"{path}[{index}]", name)
    elif shown != real and (name in EXACT or kind(shown) != kind(real)):
        yield f"{path}: shown is {shown!r}, the answer has {real!r}"


def kind(value: Any) -> type:
    """What a reader would call the value: an integer is a number like any other."""
    return float if type(value) is int else type(value)


def test_the_file_dropped_in_answers(transcript: dict[str, Done]) -> None:
    query = next(command for command in RUN if command.startswith("curl"))
    best = json.loads(transcript[query].output)["hits"][0]
    assert best["document"]["key"] == "README.md"
    assert "pictures of text" in best["text"]


def test_python_prints_what_its_comment_says(running: Stack, desk: Path) -> None:
    (script,) = (fence.content for fence in read("docs/api.md").fences if fence.language == "python")
    done = subprocess.run(
        [sys.executable, "-c", script.replace(ADDRESS, running.url)],
        cwd=desk, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == script.rpartition("# ")[2].strip(), done.stderr


@pytest.mark.parametrize("page", ["docs/api.md", TRANSLATED["docs/api.md"]])
def test_every_route_is_documented_and_no_other(page: str) -> None:
    shown = (code for code in read(page).codes if re.fullmatch(r"(GET|POST|PUT|PATCH|DELETE) /\S*", code))
    nothing_missing(list_routes("embed", "ingest", "search"), set(map(nameless, shown)))
