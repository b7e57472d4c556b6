"""Misspelt and joined words, corrected by the words of the documents."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import TransientError
from shared.language.analysis import analyze_query
from shared.retrieval.correcting import Vocabularies, Vocabulary, correct, measure_distance

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = [
    "A hotel room in Shanghai or Beijing may cost 650 yuan.",
    "The dust filter of the Aero monitor sits there. The database holds all readings of the calibration.",
    "Der Brandschutzbeauftragte prüft die Fluchtwege. Les salariés présentent leurs justificatifs. Отпуск сотрудника.",
]
WORDS = Vocabulary(TEXTS)
HELD = {token for text in TEXTS for token in analyze_query(text)}


def fix(query: str) -> str:
    return correct(query, [token for token in analyze_query(query) if token not in HELD], WORDS)


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("shanghi hotel", "shanghai hotel"),
        ("Shangahi hotel", "Shanghai hotel"),
        ("hotle in Bejing", "hotel in Beijing"),
        ("SHANGHI", "SHANGHAI"),
        ("dustfilter", "dust filter"),
        ("data base readings", "database readings"),
        ("callibration", "calibration"),
        ("Brandschutzbeauftagte", "Brandschutzbeauftragte"),
        ("сотрудникка", "сотрудника"),
    ],
)
def test_what_was_meant_is_found(query: str, meant: str) -> None:
    assert fix(query) == meant


@pytest.mark.parametrize(
    "query",
    ["", "hotel Shanghai", "xylophone orchestra", "ERR-1042", "cats", "上海的酒店", "a b c", "12345", "hat hall"],
)
def test_what_is_right_or_unlike_anything_stays(query: str) -> None:
    assert fix(query) == ""


@given(st.text(st.sampled_from("abc"), max_size=6), st.text(st.sampled_from("abc"), max_size=6))
def test_the_distance_is_symmetric_and_0_for_equal_words_only(one: str, other: str) -> None:
    distance = measure_distance(one, other, 9)
    assert distance == measure_distance(other, one, 9)
    assert (distance == 0) == (one == other)
    assert distance <= max(len(one), len(other))
    assert (measure_distance(one, other, 1) > 1) == (distance > 1)


def test_a_large_vocabulary_takes_no_time() -> None:
    words = Vocabulary(
        [" ".join(chr(97 + i % 26) + chr(97 + i // 26 % 26) + f"{chr(97 + i // 676)}orderly" for i in range(9_000))]
    )
    query = " ".join(f"w{chr(97 + i)}rdexly" for i in range(20))
    started = time.process_time()
    correct(query, analyze_query(query), words)
    assert time.process_time() - started < 2  # milliseconds; without its bounds it takes many seconds


class SlowChunks:
    """A collection with texts that are read when ``released`` is set."""

    name = "chunks"

    def __init__(self) -> None:
        self.released = threading.Event()
        self.reads = 0

    def read_texts(self, *_: Any) -> list[str]:
        self.reads += 1
        assert self.released.wait(60)
        return TEXTS


def read_soon(vocabularies: Vocabularies, chunks: Any, word: str) -> bool:
    """Whether a word is in the vocabulary, at the latest when the read that is under way has ended."""
    vocabularies.wait_seconds = 60
    return word in vocabularies.get(chunks, "")


def test_a_query_does_not_wait_for_words_that_take_long_and_a_later_one_has_them() -> None:
    vocabularies, chunks = Vocabularies(), SlowChunks()
    # It would wait for a minute and fail, because nothing is released.
    assert "hotel" not in vocabularies.get(chunks, "")  # type: ignore[arg-type]
    assert "hotel" not in vocabularies.get(chunks, "")  # type: ignore[arg-type]
    chunks.released.set()
    assert read_soon(vocabularies, chunks, "hotel")
    assert chunks.reads == 1


def test_old_words_are_used_while_they_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    vocabularies, chunks, now = Vocabularies(), SlowChunks(), [0.0]
    monkeypatch.setattr("shared.retrieval.correcting.clock.monotonic", lambda: now[0])
    chunks.released.set()
    assert read_soon(vocabularies, chunks, "hotel")
    chunks.released.clear()
    now[0] = 1_000.0
    assert "hotel" in vocabularies.get(chunks, "")  # type: ignore[arg-type]
    chunks.released.set()


class FailingChunks:
    """A collection with texts that cannot be read in time."""

    name = "chunks"
    reads = 0

    def read_texts(self, *_: Any) -> Iterator[str]:
        self.reads += 1
        raise TransientError("deadline_exceeded", "No time is left.")


def test_words_that_cannot_be_read_are_tried_once_and_not_by_each_query() -> None:
    vocabularies, chunks = Vocabularies(), FailingChunks()
    for _ in range(3):
        assert not read_soon(vocabularies, chunks, "hotel")
    assert chunks.reads == 1
