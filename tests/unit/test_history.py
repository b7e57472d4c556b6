"""A document's history: what is added, what is counted, and how much of it a record keeps."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from shared.domain.history import HISTORY_LENGTH, DocumentEvent, HistoryEntry, extend
from shared.domain.models import Claim, Document, DocumentState, Failure, ObjectKey, ObjectState, Usage
from shared.ingestion.recording import Recorder
from shared.ingestion.scans import ScanTally
from shared.store.fingerprints import ChunkSet
from shared.store.history import read_history, write_history
from shared.store.registry import make_row, read_document, read_summary

INDEXED = HistoryEntry(1.0, DocumentEvent.INDEXED, "v1", chunks=3, tokens=100, cost_cny=0.00005)
FAILED = HistoryEntry(2.0, DocumentEvent.FAILED, "v1", "broken_file")
RETRYING = HistoryEntry(
    3.0, DocumentEvent.RETRYING, "v1", "milvus_unavailable", tokens=10, cost_cny=0.1, request_id="a"
)
RECORD = Document("0" * 32, "bucket", "a.txt", DocumentState.INDEXED, "v1")
STATE = ObjectState(ObjectKey("bucket", "a.txt"), "0123456789ABCDEF", 1, 1)
BUSY = Failure("storing", "milvus_unavailable", "Milvus does not answer.", "r-1", True)


def record(previous: Document | None, state: DocumentState, failure: Failure | None = None, **more: Any) -> Document:
    recorder = Recorder(STATE, previous, lambda: Claim("owner", 0.0), "", **more)
    return recorder.make(state, failure, ChunkSet(), Usage(7, 1, 0.25), ScanTally())


def test_the_last_entries_are_kept_oldest_first() -> None:
    history: tuple[HistoryEntry, ...] = ()
    for number in range(HISTORY_LENGTH + 5):
        history = extend(history, replace(INDEXED, time=float(number)))
    assert [entry.time for entry in history] == [float(number) for number in range(5, HISTORY_LENGTH + 5)]


def test_equal_failures_one_after_the_other_are_one_entry_with_their_number_and_sum() -> None:
    history = extend((INDEXED,), RETRYING)
    for number in range(100):
        history = extend(history, replace(RETRYING, time=10.0 + number, request_id=f"r{number}"))
    last = replace(RETRYING, time=109.0, tokens=1_010, cost_cny=10.1, request_id="r99", count=101)
    assert history == (INDEXED, last)


@pytest.mark.parametrize(
    "other",
    [
        replace(RETRYING, version="v2"),
        replace(RETRYING, code="embedding_unavailable"),
        replace(RETRYING, event=DocumentEvent.FAILED),
        INDEXED,
    ],
)
def test_a_failure_after_something_else_is_an_entry_of_its_own(other: HistoryEntry) -> None:
    assert extend(extend((), other), RETRYING) == (other, RETRYING)


def test_to_index_the_same_version_twice_gives_two_entries() -> None:
    assert len(extend((INDEXED,), INDEXED)) == 2


def test_the_end_of_an_attempt_is_added_and_its_beginning_is_not() -> None:
    begun = record(None, DocumentState.PENDING)
    assert begun.history == ()
    postponed = record(begun, DocumentState.PENDING, BUSY)
    again = record(postponed, DocumentState.PENDING)
    assert again.history == postponed.history
    done = record(again, DocumentState.INDEXED)
    assert [(entry.event, entry.code, entry.request_id) for entry in done.history] == [
        ("retrying", "milvus_unavailable", "r-1"),
        ("indexed", "", ""),
    ]
    assert [(entry.tokens, entry.cost_cny, entry.version) for entry in done.history] == [(7, 0.25, "0123456789AB")] * 2


def test_a_copy_continues_the_history_of_its_source_until_it_has_its_own() -> None:
    source, own = replace(RECORD, history=(INDEXED, FAILED)), replace(RECORD, history=(FAILED,))
    assert record(None, DocumentState.PENDING, source=source).history == (INDEXED, FAILED)
    assert record(RECORD, DocumentState.INDEXED, source=source).history[:2] == (INDEXED, FAILED)
    assert record(own, DocumentState.INDEXED, source=source).history[:-1] == (FAILED,)


def test_a_record_gives_back_the_history_it_was_written_with_and_a_summary_has_none() -> None:
    row = make_row(replace(RECORD, history=(INDEXED, FAILED, RETRYING)))
    assert read_document(row).history == (INDEXED, FAILED, RETRYING)
    assert read_summary(row) == replace(read_document(row), history=())


def test_a_record_of_an_earlier_release_has_no_history() -> None:
    row = make_row(RECORD)
    del row["record"]["history"]
    assert read_document(row).history == ()


def test_what_only_a_later_release_knows_is_left_out() -> None:
    known, later = msgspec.json.decode(write_history((INDEXED, FAILED)))
    later[1] = "dreamt"
    assert read_history(msgspec.json.encode([[*known, "more"], later, known[:3]]).decode()) == (
        INDEXED,
        HistoryEntry(1.0, DocumentEvent.INDEXED, "v1"),
    )


@pytest.mark.parametrize("character", ["x", "中", "🙂", "\x00", '"', "\\", "\ud800"])
def test_a_history_is_bounded_in_bytes_and_keeps_the_newest_entries(character: str) -> None:
    name = character * 5_000
    many = tuple(HistoryEntry(float(n), DocumentEvent.FAILED, name, name, request_id=name) for n in range(10))
    text = write_history(many)
    assert len(msgspec.json.encode(text)) <= 4_096
    kept = [entry.time for entry in read_history(text)]
    assert kept
    assert kept == [entry.time for entry in many][-len(kept) :]


def test_a_usual_history_of_full_length_takes_little_room() -> None:
    entries = tuple(
        HistoryEntry(
            1795440673.2 + number, DocumentEvent.RETRYING, "8B6F63D54D29", "embedding_unavailable", 0, 1818, 0.000909,
            "8fc6eee0-3f3a-4cfe-8a5d-579228f745b9",
        )
        for number in range(HISTORY_LENGTH)
    )  # fmt: skip
    text = write_history(entries)
    assert read_history(text) == entries
    assert len(msgspec.json.encode(text)) < 2_000
