"""Batch tasks without a server: lines, files, ranges of keys, and events that ask for a step."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import math
import resource
import signal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from shared.domain import disk
from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.errors import TransientError
from shared.domain.models import ObjectKey, ObjectState
from shared.embedding.batch_lines import identify_text, make_line, parse_line
from shared.embedding.batch_tasks import BatchTasks, MissingError
from shared.embedding.multipart import FileForm
from shared.embedding.sources import describe_difference
from shared.embedding.vector_file import VectorFile
from shared.ingestion.events import BackfillRequest, Span, Unknown, parse
from shared.ingestion.order_file import OrderFile
from shared.ingestion.ordering import find_gap
from shared.runtime import clock
from shared.runtime.clock import ManualClock
from shared.runtime.retrying import Deadline
from shared.runtime.settings import DashScopeSettings, Secret
from shared.store.batch_notes import BatchNote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODEL = EMBEDDING_MODELS["text-embedding-v4"]
PROFILE = "text-embedding-v4/64"


def note(after: str, until: str, planned: float = 100.0) -> BatchNote:
    return BatchNote("0" * 32, "scope", after, until, planned, "file-1")


def answer(vector: list[Any], **changes: Any) -> bytes:
    body = {"data": [{"index": 0, "embedding": vector}], "usage": {"total_tokens": 7}}
    line = {"custom_id": "a" * 32, "response": {"status_code": 200, "body": body}, "error": None}
    return json.dumps(line | changes).encode()


@pytest.mark.parametrize("text", ["plain", '涨潮时"不要"下锚\n\u2028', "\x00\x1f", "😀" * 10])
def test_a_line_holds_one_request_whatever_the_text(text: str) -> None:
    line = make_line(identify_text(PROFILE, text), text, MODEL, 64)
    assert line.count(b"\n") == 1
    assert json.loads(line)["body"] == {"model": MODEL.name, "input": [text], "dimensions": 64}


def test_a_model_of_one_size_is_not_asked_for_it() -> None:
    assert "dimensions" not in json.loads(make_line("a", "b", EMBEDDING_MODELS["text-embedding-v2"], 1536))["body"]


def test_an_answer_is_read_with_what_it_was_billed() -> None:
    found = parse_line(answer([0.5, 1]), 2)
    assert found is not None
    assert (found.vector, found.tokens, found.code) == ((0.5, 1.0), 7, "")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (answer([1.0]), "malformed"),
        (answer([1.0, "x"]), "malformed"),
        (answer([1.0, 2.0], response={"status_code": 200, "body": {"data": []}}), "malformed"),
        (
            answer([], response={"status_code": 400, "body": {}}, error={"code": "DataInspectionFailed"}),
            "DataInspectionFailed",
        ),
        (answer([1.0, 2.0], response=None), "failed"),
        (answer([1.0, 2.0]).replace(b"[1.0, 2.0]", b"[1e400, 2.0]"), "malformed"),
    ],
)
def test_an_answer_that_cannot_be_used_has_a_code_and_no_vector(line: bytes, code: str) -> None:
    found = parse_line(line, 2)
    assert found is not None
    assert (found.vector, found.code) == ((), code)


@pytest.mark.parametrize("line", [b"", b"no JSON", b"[1]", b"\xff", b"[" * 100_000])
def test_a_line_that_names_no_text_is_left_out(line: bytes) -> None:
    assert parse_line(line, 2) is None


def test_vectors_come_back_from_the_file_as_milvus_keeps_them(tmp_path: Path) -> None:
    with VectorFile(tmp_path / "vectors", 3) as vectors:
        ids = [identify_text(PROFILE, f"text {i}") for i in range(50)]
        for i, id_ in enumerate(ids):
            vectors.add(id_, (i, i + 0.1, -1e-8), i)
        vectors.flush()
        found = vectors.find(ids[7])
        assert found is not None
        assert found[0] == pytest.approx((7, 7.1, -1e-8), rel=1e-6)
        assert found[1] == 7
        assert vectors.find(identify_text(PROFILE, "other")) is None


def test_a_file_holds_each_text_once_and_drops_what_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with OrderFile(path, PROFILE, MODEL, 64, math.inf, most_lines=3) as lines:
        assert lines.add(["one", "two", "one"])
        lines.keep()
        assert not lines.add(["three", "four"])
        assert lines.is_full
        lines.drop()
        assert (lines.texts, lines.is_full) == (2, False)
        assert lines.add(["three"])
        lines.keep()
        assert [json.loads(line)["body"]["input"] for line in path.read_bytes().splitlines()] == [
            ["one"],
            ["two"],
            ["three"],
        ]


def test_a_file_on_a_full_disk_keeps_what_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    with OrderFile(path, PROFILE, MODEL, 64, math.inf) as lines, most_bytes(1_000):
        assert lines.add(["one"])
        lines.keep()
        number = 0
        while lines.add([f"Sentence number {number} of many."]):
            number += 1
        assert lines.is_disk_full
        assert number > 1
        lines.drop()
        assert lines.add(["two"])
        lines.keep()
    assert [json.loads(line)["body"]["input"] for line in path.read_bytes().splitlines()] == [["one"], ["two"]]


@contextlib.contextmanager
def most_bytes(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: the kernel writes what fits of a line, and then nothing, as a disk."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        with patch.object(disk, "_FULL", frozenset({errno.EFBIG})):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_file_costs_no_more_than_it_may(tmp_path: Path) -> None:
    with OrderFile(tmp_path / "lines", PROFILE, MODEL, 64, 0.0001) as lines:
        number = 0
        while lines.add([f"Sentence number {number} of many."]):
            number += 1
        assert lines.is_dear
        assert 0.9 * 0.0001 < lines.cost <= 0.0001


def test_a_form_is_as_long_as_it_says_and_ends_where_its_file_did() -> None:
    content = b"x" * 200_000
    form = FileForm(io.BytesIO(content + b"added later"), len(content), "a.jsonl", {"purpose": "batch"})
    body = b"".join(form)
    assert len(body) == len(form)
    assert body.count(b"x") == len(content)
    assert b"added later" not in body


@pytest.mark.parametrize(
    ("ranges", "after", "gap"),
    [
        ([], "", Span()),
        ([], "k", Span("k")),
        ([("", "k")], "", Span("k")),
        ([("", "k"), ("k", "p")], "c", Span("p")),
        ([("b", "k")], "", Span("", "b")),
        ([("b", "k"), ("p", "")], "b", Span("k", "p")),
        ([("b", "k"), ("p", "")], "q", None),
        ([("", "")], "", None),
    ],
)
def test_a_plan_goes_on_where_no_task_waits(ranges: list[tuple[str, str]], after: str, gap: Span | None) -> None:
    assert find_gap([note(*one) for one in ranges], after) == gap


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        (("", "k"), ("k", ""), False),
        (("", "k"), ("j", "l"), True),
        (("", ""), ("z", ""), True),
        (("a", "b"), ("c", "d"), False),
    ],
)
def test_ranges_overlap_if_they_have_a_key_in_common(
    one: tuple[str, str], other: tuple[str, str], overlaps: bool
) -> None:
    assert note(*one).overlaps(*other) is overlaps
    assert note(*other).overlaps(*one) is overlaps


def test_only_documents_that_have_not_changed_since_wait() -> None:
    def state(key: str, modified: int) -> ObjectState:
        return ObjectState(ObjectKey("bucket", key), "etag", 1, modified)

    waiting = note("b", "港")
    assert waiting.covers(state("c", 100))
    assert waiting.covers(state("港", 99))
    assert not waiting.covers(state("b", 99))
    assert not waiting.covers(state("港口", 99))
    assert not waiting.covers(state("c", 101))


def test_vectors_are_the_same_but_for_rounding() -> None:
    assert describe_difference([((1.0, 2.0), (1.0001, 2.0)), ((0.0, 3.0), (0.0, 1.0))]) == ""
    assert "0.8000" in describe_difference([((1.0, 2.0), (1.0, 2.0)), ((1.0, 2.0), (2.0, 1.0))])
    assert describe_difference([((1.0, 0.0), (0.0, 0.0))])
    assert describe_difference([((1.0, 0.0), (1.0,))])


@pytest.mark.parametrize(
    "body", [b"<html>404 page not found</html>", b"", b"{}", b"[]", b'"no"'], ids=["page", "none", "{}", "[]", "text"]
)
def test_a_404_that_is_not_of_dashscope_gives_up_no_task(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """A task that DashScope does not know is forgotten, and its documents are embedded by calls: paid twice."""
    tasks = BatchTasks(DashScopeSettings(api_key=Secret("key")))
    given = SimpleNamespace(status_code=404, content=body, headers={})
    monkeypatch.setattr(tasks, "_session", SimpleNamespace(request=lambda *_, **__: given))
    with clock.use(ManualClock()):
        for ask in (tasks.read, tasks.delete_file, tasks.cancel, tasks.find):
            with pytest.raises(TransientError, match="embedding_unavailable"):
                ask("batch-1", Deadline.after(60))
        given.content = b'{"error": {"code": "invalid_parameter_error", "message": "No such Batch object."}}'
        with pytest.raises(MissingError):
            tasks.read("batch-1", Deadline.after(60))


def test_the_events_of_a_backfill() -> None:
    ended = {"specversion": "1.0", "source": "acs.dashscope", "type": "dashscope:System:BatchTaskFinish", "data": {}}
    assert parse(json.dumps([ended]).encode()) == (BackfillRequest("collect"),)
    asked = {"action": "backfill", "step": "plan", "seconds": 20, "after": "k", "most_cost": 1.5, "hours": 48}
    assert parse(json.dumps(asked).encode()) == (BackfillRequest("plan", 20, "k", 1.5, 48),)
    for wrong in ({"hours": 23}, {"hours": 337}, {"step": "all"}, {"most_cost": -1}, {"dry_run": True}):
        (found,) = parse(json.dumps(asked | wrong).encode())
        assert isinstance(found, Unknown)
