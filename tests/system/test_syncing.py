"""`make sync` and `make ask`: a bucket is indexed by one command, which may be repeated, and asked by another."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from pyarrow import parquet

from local import stack
from local.stack import PROJECT, Plan, Ports, Stack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOCUMENTS = 60
PATIENCE_SECONDS = 120


@contextmanager
def over_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack over a folder in which documents lay before it came up, so that no event tells of them."""
    folder = tmp_path_factory.mktemp("bucket")
    for number in range(DOCUMENTS):
        (folder / f"{number}.txt").write_text(f"The report numbered {number} is about the harbour.", "utf-8")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    environ["WHERE"] = str(folder)
    plan = Plan(tmp_path_factory.mktemp("data"), folder, model="hash", ports=Ports(0, 0, 0, 0), environ=environ)
    with stack.running(plan) as running:
        yield running


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with over_files(tmp_path_factory) as running:
        yield running


def sync(running: Stack, *arguments: str, **environ: str) -> tuple[int, str]:
    return run(running, "sync", *arguments, **environ)


def run(running: Stack, *arguments: str, typed: str = "", **environ: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ops", *arguments], input=typed,
        cwd=PROJECT, env={**running.environ, "FC_ENDPOINT": running.url, "COLUMNS": "300", **environ},
        capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def eventually(holds: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.2)


def documents(running: Stack) -> list[dict[str, str]]:
    return list(requests.get(f"{running.url}/documents", params={"limit": 1000}, timeout=30).json()["documents"])


def test_all_that_lay_there_comes_in_step_by_step(tmp_path_factory: pytest.TempPathFactory) -> None:
    with over_files(tmp_path_factory) as fresh:
        status, output = sync(fresh, "--dry-run")
        assert status == 0, output
        assert "index 7.txt" in output
        assert f"{DOCUMENTS + 1} to index, 0 to remove" in output

        # A round that runs out of time says what is left.
        name = f"{fresh.url}/2023-03-30/functions/semantic-search-ingest/invocations"
        (report,) = requests.post(name, json={"action": "reconcile", "seconds": 0}, timeout=60).json()["results"]
        assert (report["left"], report["results"]) == (DOCUMENTS + 1, [])

        status, output = sync(fresh)
        assert status == 0, output
        assert f"{DOCUMENTS + 1}/{DOCUMENTS + 1}" in output
        assert "broken.pdf: The file is damaged" in output
        assert sorted(d["state"] for d in documents(fresh)) == ["failed"] + ["indexed"] * DOCUMENTS


def test_said_again_it_costs_nothing(filled: Stack) -> None:
    sync(filled)
    status, output = sync(filled)
    assert (status, "Cost: 0 tokens" in output) == (0, True), output


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"FC_ENDPOINT": "http://127.0.0.1:1"}, "did not answer"),
        ({"FC_ENDPOINT": "", "ALIBABA_CLOUD_ACCESS_KEY_ID": ""}, "Set ALIBABA_CLOUD_ACCESS_KEY_ID"),
        ({"NAME_PREFIX": "typo"}, "typo-ingest"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(filled: Stack, environ: dict[str, str], says: str) -> None:
    status, output = sync(filled, **environ)
    assert (status, says in output, "Traceback" in output) == (1, True, False), output


def test_documents_that_failed_are_tried_again_by_state_code_prefix_and_id(filled: Stack) -> None:
    sync(filled)
    (failed,) = (document for document in documents(filled) if document["state"] == "failed")
    choices = (["--state", "failed"], ["--code", "broken_file"], ["--prefix", "brok"], ["--id", failed["id"]])
    for choice in choices:
        status, output = run(filled, "retry", *choice, "--dry-run")
        assert (status, "1 of" in output, "broken.pdf" in output) == (0, True, True), output
    status, output = run(filled, "retry", "--code", "too_large")
    assert (status, "0 documents tried again" in output) == (0, True), output
    status, output = run(filled, "retry", "--state", "failed")
    assert (status, "1 documents tried again, 1 of them failed" in output) == (1, True), output


QUESTION = "How much may a hotel room in Shanghai cost?"


def test_a_question_is_asked_and_an_empty_bucket_gets_the_samples(filled: Stack) -> None:
    status, output = run(filled, "ask", QUESTION, SEARCH_URL=filled.url, OSS_PREFIX="asked/")
    assert status == 0, output
    assert "The bucket is empty: uploading 10 sample documents" in output
    assert "(asked/expense-policy.docx)" in output
    assert f"Asked at {filled.url}" in output
    status, output = run(filled, "ask", QUESTION, SEARCH_URL=filled.url, OSS_PREFIX="asked/")
    assert (status, "uploading" in output) == (0, False), output


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"SEARCH_URL": "http://127.0.0.1:1"}, "does not answer"),
        ({"SEARCH_URL": "http://127.0.0.1:1", "API_KEYS": f"sha256:{'0' * 64}"}, "set API_KEY to a key"),
        ({"FC_ENDPOINT": "", "ALIBABA_CLOUD_ACCESS_KEY_ID": ""}, "Set ALIBABA_CLOUD_ACCESS_KEY_ID"),
    ],
)
def test_without_an_answer_it_says_why(filled: Stack, environ: dict[str, str], says: str) -> None:
    status, output = run(filled, "ask", QUESTION, **environ)
    assert (status, says in output, "Traceback" in output) == (1, True, False), output


def test_the_status_counts_documents_and_says_what_to_do_about_failures(filled: Stack) -> None:
    sync(filled)
    status, output = run(filled, "status", SEARCH_URL=filled.url)
    assert status == 0, output
    indexed = len(documents(filled)) - 1  # another test adds some
    assert f"{indexed} indexed, 0 pending, 1 failed" in output
    assert "failed, broken_file: 1 (broken.pdf)\n  Save it again and upload it again." in output
    status, output = run(filled, "status", "--json", SEARCH_URL=filled.url)
    found = json.loads(output)
    assert (status, found["documents"]["indexed"], found["failures"][0]["keys"]) == (0, indexed, ["broken.pdf"])
    status, output = run(filled, "status", SEARCH_URL="http://127.0.0.1:1")
    assert (status, "does not answer" in output, "Traceback" in output) == (1, True, False), output


def test_a_document_is_explained_with_its_place_for_a_query(filled: Stack) -> None:
    sync(filled)
    status, output = run(filled, "explain", "7.txt", "--query", "number 7", SEARCH_URL=filled.url)
    assert status == 0, output
    assert "index: indexed, 1 chunk," in output
    assert "so: It is in the index as the bucket holds it." in output
    assert re.search(r"query: place \d+, score \d\.\d\d \(", output), output
    status, output = run(filled, "explain", "broken.pdf", SEARCH_URL=filled.url)
    assert (status, "Save it again and upload it again." in output) == (0, True), output
    assert re.search(r"\n  \d{4}-\d\d-\d\d .* failed: broken_file", output), output
    status, output = run(filled, "explain", "brokn.pdf", "--json", SEARCH_URL=filled.url)
    found = json.loads(output)
    assert (status, found["record"], found["similar"]) == (0, None, ["broken.pdf"])


def test_scores_are_fitted_to_judged_queries(filled: Stack, tmp_path: Path) -> None:
    sync(filled)
    judged = [{"query": f"the report numbered {number}", "documents": [f"{number}.txt"]} for number in range(5)]
    queries = tmp_path / "queries.jsonl"
    queries.write_text("\n".join(map(json.dumps, judged)), "utf-8")
    status, output = run(filled, "calibrate", str(queries), "--url", filled.url)
    assert (status, "5 queries" in output, "SCORE_CALIBRATION='{" in output) == (0, True, True), output
    status, output = run(filled, "calibrate", str(queries), "--url", "http://127.0.0.1:1")
    assert (status, "does not answer" in output, "Traceback" in output) == (1, True, False), output


def test_a_backup_is_written_and_read_back_into_another_collection(filled: Stack, tmp_path: Path) -> None:
    sync(filled)
    status, output = run(filled, "export", "--output", str(tmp_path / "one"), "--json")
    written = json.loads(output)
    held = documents(filled)
    chunks = sum(int(document["chunks"]) for document in held)
    assert (status, written["chunks"], written["documents"]) == (0, chunks, len(held))

    status, output = run(filled, "import", str(tmp_path / "one"), MILVUS_COLLECTION="copy")
    assert (status, f"{chunks} chunks" in output) == (0, True), output
    status, output = run(filled, "import", str(tmp_path / "one"), MILVUS_COLLECTION="copy")
    assert (status, "add --over" in output) == (1, True), output
    status, output = run(filled, "import", str(tmp_path / "one"), "--over", MILVUS_COLLECTION="copy")
    assert status == 0, output
    status, output = run(filled, "export", "--output", str(tmp_path / "two"), MILVUS_COLLECTION="copy")
    assert status == 0, output
    for file in ("chunks.parquet", "documents.parquet"):
        one, two = (
            sorted(parquet.read_table(tmp_path / name / file).to_pylist(), key=lambda row: str(row["id"]))
            for name in ("one", "two")
        )
        assert one == two


def test_what_is_no_backup_of_this_model_is_refused(filled: Stack, tmp_path: Path) -> None:
    status, output = run(filled, "import", str(tmp_path), MILVUS_COLLECTION="other")
    assert (status, "no whole backup" in output) == (1, True), output
    description = {"model": "text-embedding-v3", "dimension": 512, "layout": 7, "chunks": 0, "documents": 0}
    (tmp_path / "index.json").write_text(json.dumps(description), "utf-8")
    status, output = run(filled, "import", str(tmp_path), MILVUS_COLLECTION="other")
    assert (status, "text-embedding-v3 with 512" in output, "Traceback" in output) == (1, True, False), output


def test_documents_are_deleted_below_a_prefix_after_a_confirmation(filled: Stack) -> None:
    sync(filled)
    folder = Path(filled.environ["WHERE"])
    (folder / "old").mkdir()
    for name in ("old/a.txt", "old/b.txt", "old/b.txt.metadata.json"):
        (folder / name).write_text("{}" if name.endswith("json") else "To be deleted.", "utf-8")
    eventually(lambda: {d["key"] for d in documents(filled)} >= {"old/a.txt", "old/b.txt"})

    status, output = run(filled, "delete", "old/", "--dry-run")
    assert (status, "2 documents" in output, (folder / "old/a.txt").exists()) == (0, True, True), output
    status, output = run(filled, "delete", "old/", typed="no\n")
    assert (status, "0 objects" in output, (folder / "old/a.txt").exists()) == (1, True, True), output
    status, output = run(filled, "delete", "old/", "--yes", "--json")
    assert (status, json.loads(output)["deleted"]) == (0, 3)
    eventually(lambda: not {d["key"] for d in documents(filled)} & {"old/a.txt", "old/b.txt"})
    status, output = run(filled, "delete", "")
    assert (status, "at least one character" in output) == (1, True), output


def test_one_reconcile_of_a_range_says_what_it_found(filled: Stack) -> None:
    sync(filled)
    status, output = run(filled, "reconcile", "--after", "1", "--until", "2", "--json")
    report = json.loads(output)
    listed = sorted(f"{number}.txt" for number in range(DOCUMENTS) if "1" < f"{number}.txt" <= "2")
    assert (status, report["listed"], report["counts"]["stale"]) == (0, len(listed), 0)
    status, output = run(filled, "reconcile", "--in-background")
    assert (status, "queued as request" in output) == (0, True), output
