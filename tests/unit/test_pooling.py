"""A long text's vector is the direction its parts have in common."""

from __future__ import annotations

import math
import sys
import tracemalloc

import pytest

from shared.domain.errors import RequestError
from shared.domain.models import Embedding, Usage
from shared.embedding import pooling, tokens
from shared.embedding.results import EmbeddingResult, RefusedText


def longer_than(characters: int):  # type: ignore[no-untyped-def]
    return lambda text: len(text) > characters


@pytest.mark.parametrize("text", ["One sentence. " * 100, "一句话。" * 300, "x" * 1_000, "short"])
def test_parts_are_short_enough_and_make_up_the_text(text: str) -> None:
    parts = pooling.split(["before", text, "after"], longer_than(90), 1_000)
    assert all(len(part) <= 90 for part in parts.texts)
    assert "".join(part for part, owner in zip(parts.texts, parts.owners, strict=True) if owner == 1) == text
    assert (parts.owners[0], parts.owners[-1]) == (0, 2)


def test_the_mean_is_weighted_by_length_and_of_unit_length() -> None:
    parts = pooling.Parts(("aaa", "b", "c"), (0, 0, 1))
    embedded = EmbeddingResult((Embedding((1.0, 0.0)), Embedding((0.0, 1.0)), Embedding((0.6, 0.8))), Usage())
    first, second = pooling.pool(embedded, parts).complete()
    assert math.hypot(*first.dense) == pytest.approx(1)
    assert first.dense[0] / first.dense[1] == pytest.approx(3)
    assert second.dense == (0.6, 0.8)


def test_a_refused_part_is_named_by_its_text() -> None:
    refused = (RefusedText(2, "DataInspectionFailed", "No.", "r"),)
    pooled = pooling.pool(EmbeddingResult((None,) * 3, Usage(), refused), pooling.Parts(("a", "b", "c"), (0, 1, 1)))
    with pytest.raises(RequestError, match="at index 1 "):
        pooled.complete()


def test_a_blank_text_is_refused_and_never_shifts_the_others() -> None:
    with pytest.raises(RequestError, match="at index 0 "):
        pooling.split(["\n" * 300, "hello"], longer_than(90), 1_000)


@pytest.mark.parametrize(
    "text",
    [
        "ab " * 500_000,
        "说。" * 500_000,
        "a说" * 500_000,
        " " * 700_000 + "x" * 700_000,
        "x\U0001f600" * 500_000,
    ],
    ids=["words", "sentences", "mixed", "blank and solid", "wide"],
)
def test_a_large_text_is_cut_in_little_memory(text: str) -> None:
    tracemalloc.start()
    try:
        parts = pooling.split([text], longer_than(30_000), 1_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "".join(parts.texts).replace(" ", "") == text.replace(" ", "")
    # The parts themselves, and not one object for each word.
    assert peak < 1.5 * sys.getsizeof(text) + 1_000_000


def test_a_text_of_more_parts_than_allowed_is_refused() -> None:
    assert len(pooling.split(["x" * 800], longer_than(100), 8).texts) == 8
    with pytest.raises(RequestError, match=r"too_many_texts.*8 parts"):
        pooling.split(["short", "x" * 800], longer_than(100), 8)


@pytest.mark.parametrize("text", ["a说" * 2_000_000, "ab " * 2_000_000], ids=["mixed", "words"])
def test_the_tokens_of_a_large_text_are_estimated_and_bounded_in_little_memory(text: str) -> None:
    tokens.estimate(text[:10])
    tracemalloc.start()
    try:
        assert tokens.estimate(text) > 1_000_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
