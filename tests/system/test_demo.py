"""`make demo`, as a newcomer runs it, and its message when something is wrong."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local import processes
from local.questions import QUESTIONS
from local.stack import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import DashScope, Oss

PORTS = ("PORT", "MILVUS_PORT", "DASHSCOPE_PORT", "OSS_PORT")


def demo(folder: Path, **environ: str) -> tuple[int, str]:
    ports = {name: str(processes.free_port()) for name in PORTS}
    ours = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ONCE": "1",
        "DATA": str(folder / "data"),
        "COLUMNS": "200",
    }
    done = subprocess.run(
        [sys.executable, "-m", "local.demo"],
        cwd=PROJECT, env={**ours, **ports, **environ}, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("quota", ["", "1"], ids=["without quota", "with the documented quota"])
def test_all_questions_are_answered_from_the_right_documents(tmp_path: Path, quota: str) -> None:
    status, output = demo(tmp_path, BUCKET=str(tmp_path / "bucket"), QUOTA=quota)
    assert status == 0, output
    assert ("documented quota" in output) == bool(quota)
    assert "emulated with a local model" in output
    first_sources = re.findall(r"^╭.*\n. 1\. ([^\s,]+)", output, re.MULTILINE)
    assert first_sources == [question.expects for question in QUESTIONS]


def test_a_second_run_goes_on_where_the_first_ended(tmp_path: Path) -> None:
    bucket = tmp_path / "mine"
    bucket.mkdir()
    (bucket / "stays.txt").write_text("It stays.", "utf-8")
    (bucket / "goes.txt").write_text("It goes.", "utf-8")
    status, output = demo(tmp_path, BUCKET=str(bucket))
    assert status == 0, output
    (bucket / "goes.txt").unlink()
    (bucket / "comes.txt").write_text("It comes.", "utf-8")
    status, output = demo(tmp_path, BUCKET=str(bucket))
    assert status == 0, output
    assert "2/2" in output


def test_a_folder_with_documents_of_ones_own_gets_no_samples(tmp_path: Path) -> None:
    bucket = tmp_path / "mine"
    bucket.mkdir()
    (bucket / "note.txt").write_text("Mine alone.", "utf-8")
    status, output = demo(tmp_path, BUCKET=str(bucket))
    assert status == 0, output
    assert [path.name for path in bucket.iterdir() if not path.name.startswith(".")] == ["note.txt"]
    assert "1/1" in output


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"BUCKET": "s.yaml"}, "BUCKET must name a folder"),
        ({"LOCAL_MODEL": "gpt"}, "LOCAL_MODEL must be use"),
        ({"PORT": "eighty"}, "must be port numbers"),
        ({"EMBEDDING_DIMENSION": "333"}, "EMBEDDING_DIMENSION must be one of"),
        ({"EMBEDDING_MODEL": "text-embedding-v9"}, "EMBEDDING_MODEL must be one of"),
        ({"MILVUS_URI": "milvus.db"}, "MILVUS_URI must be an address"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path, environ: dict[str, str], sentence: str) -> None:
    status, output = demo(tmp_path, **environ)
    assert status == 1
    assert sentence in output
    assert "Traceback" not in output
    assert len(output.strip().splitlines()) <= 4


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        status, output = demo(tmp_path, PORT=port)
    assert status == 1
    assert f"Port {port}" in output
    assert "make demo PORT=" in output


def test_a_bucket_of_ones_own_is_used_as_a_real_one_would_be(tmp_path: Path, oss: Oss) -> None:
    oss.put("docs/mine.txt", "Mine alone.")
    keys = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "key", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret"}
    status, output = demo(tmp_path, OSS_BUCKET=oss.bucket, OSS_ENDPOINT=oss.endpoint, OSS_PREFIX="docs/", **keys)
    assert status == 0, output
    assert re.search(rf"Bucket: +{oss.bucket}", output)
    assert "the samples are left out" in output
    assert "1/1" in output


def test_a_bucket_without_its_keys_is_said_so(tmp_path: Path, oss: Oss) -> None:
    status, output = demo(tmp_path, OSS_BUCKET=oss.bucket, OSS_ENDPOINT=oss.endpoint)
    assert status == 1
    assert "ALIBABA_CLOUD_ACCESS_KEY_ID" in output
    assert "Traceback" not in output


def test_a_wrong_key_is_said_so_and_not_shown(tmp_path: Path, dashscope_process: DashScope) -> None:
    base_url = dashscope_process.base_url
    status, output = demo(tmp_path, DASHSCOPE_API_KEY="sk-mistyped", DASHSCOPE_BASE_URL=base_url)
    assert status == 1
    assert "InvalidApiKey" in output
    assert "DASHSCOPE_API_KEY" in output
    assert "sk-mistyped" not in output
