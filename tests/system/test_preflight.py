"""Before a deployment: its roles allow the least that works, and preflight says what is missing and what to do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops.checks import ENVIRONMENT_BYTES, problems
from ops.deployment import load
from ops.roles import deployer, roles
from shared.runtime.retrying import Deadline
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss

ROOT = Path(__file__).parents[2]
DEPLOYMENT = ROOT / "s.yaml"


def ops(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The command, run in a folder that holds an s.yaml and perhaps .env files."""
    shutil.copy(DEPLOYMENT, folder)
    return subprocess.run(
        [sys.executable, "-m", "ops", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


# --- Roles


def allowed(**environ: str) -> dict[str, set[tuple[str, str]]]:
    """Every action and resource, by role."""
    return {
        role.name.removeprefix("semantic-search-"): {
            (action, resource)
            for statement in role.statements
            for action in statement["Action"]
            for resource in statement["Resource"]
        }
        for role in roles(load(DEPLOYMENT, environ))
    }


def test_every_role_s_yaml_names_is_made_and_no_other() -> None:
    written = {role.arn for role in roles(load(DEPLOYMENT, {}))}
    functions = load(DEPLOYMENT, {}).functions.values()
    assert written == {
        *(function.role for function in functions),
        "acs:ram::1234567890123456:role/semantic-search-trigger",
    }


def test_only_ingest_reads_the_bucket_and_nobody_writes_to_it() -> None:
    of_oss = {
        name: {(action, resource) for action, resource in rights if action.startswith("oss:")}
        for name, rights in allowed(OSS_PREFIX="docs/").items()
    }
    assert of_oss == {
        "embed": set(),
        "search": set(),
        "trigger": set(),
        "ingest": {
            ("oss:GetObject", "acs:oss:*:1234567890123456:my-documents/docs/*"),
            ("oss:ListObjects", "acs:oss:*:1234567890123456:my-documents"),
        },
    }


def test_only_functions_that_take_events_may_send_to_the_queue_of_failed_ones() -> None:
    queue = "acs:mns:cn-beijing:1234567890123456:/queues/semantic-search-failed/messages"
    assert {name for name, rights in allowed().items() if ("mns:SendMessage", queue) in rights} == {"embed", "ingest"}


def test_oss_may_call_ingest_and_nothing_else() -> None:
    function = "acs:fc:cn-beijing:1234567890123456:functions/semantic-search-ingest"
    assert allowed()["trigger"] == {("fc:InvokeFunction", function), ("fc:InvokeFunction", f"{function}/*")}


def test_search_may_call_ingest_only_where_operators_have_keys() -> None:
    function = "acs:fc:cn-beijing:1234567890123456:functions/semantic-search-ingest"
    calls = {("fc:InvokeFunction", function), ("fc:InvokeFunction", f"{function}/*")}
    assert allowed(ADMIN_API_KEYS="key")["search"] - allowed()["search"] == calls


def test_search_may_write_documents_only_where_operators_may_upload() -> None:
    writes = ("oss:PutObject", "acs:oss:*:1234567890123456:my-documents/reports/*")
    operators = {"ADMIN_API_KEYS": "key", "OSS_PREFIX": "reports/"}
    assert allowed(UPLOADS="true", **operators)["search"] - allowed(**operators)["search"] == {writes}
    assert allowed(UPLOADS="true", OSS_PREFIX="reports/")["search"] == allowed(OSS_PREFIX="reports/")["search"]


def test_search_may_read_documents_only_where_their_links_are_on() -> None:
    reads = ("oss:GetObject", "acs:oss:*:1234567890123456:my-documents/reports/*")
    assert allowed(SOURCE_LINKS="true", OSS_PREFIX="reports/")["search"] - allowed(OSS_PREFIX="reports/")["search"] == {
        reads
    }


def test_the_commands_hold_the_documents_that_are_printed(tmp_path: Path) -> None:
    printed = ops(tmp_path, "roles").stdout
    decoder, documents = json.JSONDecoder(), []
    while printed.strip():
        document, end = decoder.raw_decode(printed)
        documents.append(document)
        printed = printed[end:].lstrip()
    commands = ops(tmp_path, "roles", "--commands").stdout.splitlines()
    assert [document.get("user") for document in documents] == [None] * 4 + ["who deploys"]
    assert len(commands) == 3 * 4 + 2
    for document in documents:
        assert any(json.dumps(document["policy"], separators=(",", ":")) in command for command in commands)


# Stands for the `aliyun` command line of an account in which everything exists.
ALIYUN = """#!/bin/sh
echo "$2 $4" >> "$CALLS"
case "$2" in Create*Version|Update*|Attach*) ;; *) echo EntityAlreadyExists; exit 1;; esac
"""


def test_the_commands_update_what_exists(tmp_path: Path) -> None:
    (tmp_path / "aliyun").write_text(ALIYUN)
    (tmp_path / "aliyun").chmod(0o755)
    commands = ops(tmp_path, "roles", "--commands", NAME_PREFIX="search").stdout
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls"), "DEPLOYER": "other-user"}
    done = subprocess.run(["sh", "-e"], input=commands, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    actions = Counter(line.split()[0] for line in (tmp_path / "calls").read_text().splitlines())
    assert actions["UpdateRole"] == actions["CreateRole"] == 4
    assert actions["CreatePolicyVersion"] == actions["CreatePolicy"] == 5
    assert (actions["AttachPolicyToRole"], actions["AttachPolicyToUser"]) == (4, 1)


def test_who_deploys_may_pass_on_the_roles_and_watch_the_bucket() -> None:
    allowed_to = {action for it in deployer(load(DEPLOYMENT, {})).statements for action in it["Action"]}
    assert {"ram:PassRole", "oss:ListBucket", "oss:PutBucketEventNotification", "log:Get*"} <= allowed_to
    assert not any(action.startswith("eventbridge") for action in allowed_to)


# --- Environments


def test_two_environments_come_from_one_file_and_share_no_name(tmp_path: Path) -> None:
    (tmp_path / ".env.dev").write_text(
        "NAME_PREFIX=search-dev\nMILVUS_COLLECTION=search_dev\nOSS_BUCKET=dev-documents\n"
    )
    (tmp_path / ".env.prod").write_text("API_KEYS=one\n")
    shown = {
        env: json.loads(ops(tmp_path, "--env", env, "run", sys.executable, "-c", SHOW).stdout)
        for env in ("dev", "prod")
    }
    assert shown["dev"] == [["search-dev-embed", "search-dev-ingest", "search-dev-search"], "search_dev", "dev"]
    assert shown["prod"][0][0] == "semantic-search-embed"
    assert shown["prod"][2] == "prod"
    assert ops(tmp_path, "--env", "dev", "check").returncode == 0


SHOW = """
import json, os
from pathlib import Path
from ops.deployment import load
functions = load(Path("s.yaml"), os.environ).functions
search = functions["search"]
tags = {tag.key: tag.value for tag in search.tags}
names = [function.function_name for function in functions.values()]
print(json.dumps([names, search.environment_variables["MILVUS_COLLECTION"], tags["environment"]]))
"""


def test_an_environment_that_would_overwrite_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env.dev").write_text("API_KEYS=one\n")
    checked = ops(tmp_path, "--env", "dev", "check")
    assert checked.returncode == 1
    assert "put dev into NAME_PREFIX" in checked.stdout
    assert "put dev into MILVUS_COLLECTION" in checked.stdout


def test_an_environment_without_a_file_is_refused(tmp_path: Path) -> None:
    done = ops(tmp_path, "--env", "staging", "run", "true")
    assert (done.returncode, done.stdout) == (1, "there is no environment staging: .env.staging does not exist\n")


def test_the_variables_of_a_full_deployment_fit_into_what_the_service_takes() -> None:
    long = {
        **dict.fromkeys(
            ("DASHSCOPE_API_KEY", "DASHSCOPE_WORKSPACE", "MILVUS_DATABASE", "RECORD_COLLECTIONS"), "y" * 80
        ),
        "DASHSCOPE_BASE_URL": "https://" + "y" * 120,
        "MILVUS_URI": "https://" + "y" * 120,
        "MILVUS_TOKEN": "y" * 200,
        "API_KEYS": ",".join("y" * 43 for _ in range(10)),
        "OSS_PREFIX": "y" * 200,
    }
    deployment = load(DEPLOYMENT, long)
    for function in deployment.functions.values():
        size = sum(len(name) + len(value) for name, value in function.environment_variables.items())
        assert size < ENVIRONMENT_BYTES
    assert problems(deployment) == []


# --- Preflight


@pytest.fixture
def preflight(
    tmp_path: Path, dashscope: DashScope, lite_milvus: MilvusSettings, oss: Oss
) -> Callable[..., tuple[int, list[str]]]:
    """Exit status and lines, where all is well unless a variable says otherwise."""
    oss.put("handbook.txt", "Leave is 28 days.")
    well = {
        "DASHSCOPE_API_KEY": "sk-local",
        "DASHSCOPE_BASE_URL": dashscope.base_url,
        "EMBEDDING_DIMENSION": "512",
        "MILVUS_URI": lite_milvus.uri,
        "MILVUS_COLLECTION": f"preflight_{uuid.uuid4().hex[:8]}",
        "OSS_BUCKET": oss.bucket,
        "OSS_ENDPOINT": oss.endpoint,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "local",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "local",
        "API_KEYS": "a-key",
    }

    def run(**changes: str) -> tuple[int, list[str]]:
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in (well | changes).items()))
        done = ops(tmp_path, "preflight")
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    return run


def about(lines: list[str], subject: str) -> str:
    return "\n".join(line for line in lines if f" {subject}: " in line)


def test_a_deployment_that_can_work_is_told_so_and_what_the_look_cost(preflight: Callable[..., Any]) -> None:
    status, lines = preflight()
    assert status == 0, lines
    assert not [line for line in lines if line.startswith("problem")]
    assert "took the key; text-embedding-v4 gave 512 dimensions" in about(lines, "DashScope")
    assert "CNY 0.0000" in about(lines, "DashScope")
    assert "does not exist yet" in about(lines, "Milvus")
    assert "holds 1 document" in about(lines, "bucket")
    assert about(lines, "role").count("aliyun ram GetRole") == 4


@pytest.mark.parametrize(
    ("changes", "subject", "sentence"),
    [
        ({"DASHSCOPE_API_KEY": "sk-wrong"}, "DashScope", "Check DASHSCOPE_API_KEY"),
        ({"DASHSCOPE_BASE_URL": "http://127.0.0.1:1/api/v1"}, "DashScope", "DASHSCOPE_NETWORK=public"),
        ({"MILVUS_URI": "http://127.0.0.1:1"}, "Milvus", "is MILVUS_URI right?"),
        ({"MILVUS_INDEX": "FLAT"}, "settings of ingest", "MILVUS_INDEX must be one of HNSW, AUTOINDEX"),
        ({"OSS_BUCKET": "no-such-bucket"}, "bucket", "OSS_BUCKET names no bucket"),
        ({"API_KEYS": ""}, "settings of search", "API_KEYS holds no key"),
        ({"EMBEDDING_DIMENSION": "500"}, "settings of ingest", "EMBEDDING_DIMENSION must be one of"),
        ({"MILVUS_COLECTION": "x"}, "variables", "nothing reads MILVUS_COLECTION: is MILVUS_COLLECTION meant?"),
        ({"REGION": "cn-shanghai"}, "s.yaml", "it must be in cn-shanghai"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_is_wrong_is_a_line_that_says_what_to_do(
    preflight: Callable[..., Any], changes: dict[str, str], subject: str, sentence: str
) -> None:
    status, lines = preflight(**changes)
    assert status == 1
    assert sentence in about(lines, subject), lines
    assert not any(
        line.startswith("problem") and f" {subject}: " not in line for line in lines if changes.keys() & {"OSS_BUCKET"}
    )


def test_a_collection_of_another_size_is_a_problem(preflight: Callable[..., Any], lite_milvus: MilvusSettings) -> None:
    from msgspec.structs import replace

    name = f"preflight_{uuid.uuid4().hex[:8]}"
    Store(replace(lite_milvus, collection=name), Space("text-embedding-v4", 256)).prepare(Deadline.after(60))
    status, lines = preflight(MILVUS_COLLECTION=name)
    assert status == 1
    assert "holds vectors of text_embedding_v4 with 256 dimensions" in about(lines, "Milvus")


def test_another_index_than_the_collection_has_is_a_warning(
    preflight: Callable[..., Any], lite_milvus: MilvusSettings
) -> None:
    from msgspec.structs import replace

    name = f"preflight_{uuid.uuid4().hex[:8]}"
    Store(replace(lite_milvus, collection=name), Space("text-embedding-v4", 512)).prepare(Deadline.after(60))
    status, lines = preflight(MILVUS_COLLECTION=name, MILVUS_INDEX="AUTOINDEX")
    assert status == 0, lines
    assert "it holds 0 chunks with the index HNSW, about 0.0 GB" in about(lines, "Milvus")
    assert "MILVUS_INDEX=AUTOINDEX is for new collections, and this one has HNSW" in about(lines, "Milvus")


def test_a_setting_that_s_yaml_does_not_pass_is_a_warning(preflight: Callable[..., Any]) -> None:
    status, lines = preflight(CHUNK_TOKENS="300")
    assert status == 0
    assert "s.yaml passes no CHUNK_TOKENS" in about(lines, "variables")


def test_no_secret_is_printed(preflight: Callable[..., Any]) -> None:
    _, lines = preflight(
        DASHSCOPE_API_KEY="sk-wrong-and-secret", MILVUS_TOKEN="user:hidden-word", API_KEYS="callers-key"
    )
    assert not [line for line in lines for secret in ("sk-wrong", "hidden-word", "callers-key") if secret in line]
