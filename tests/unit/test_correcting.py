"""Misspelt and joined words, corrected by the words of the documents."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import TransientError
from shared.language.analysis import analyze_query
from shared.retrieval.correcting import Vocabularies, Vocabulary, correct, measure_distance
from shared.runtime.retrying import Deadline

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
    """A collection with texts that cannot be read in time."""

    name = "chunks"
    reads = 0

    def read_texts(self, *_: Any) -> Iterator[str]:
        self.reads += 1
        raise TransientError("deadline_exceeded", "No time is left.")


def test_one_query_waits_for_words_that_cannot_be_read_and_no_other() -> None:
    vocabularies, chunks = Vocabularies(), SlowChunks()
    with pytest.raises(TransientError):
        vocabularies.read(chunks, "", Deadline.after(60))  # type: ignore[arg-type]
    assert "hotel" not in vocabularies.read(chunks, "", Deadline.after(60))  # type: ignore[arg-type]
    assert chunks.reads == 1
