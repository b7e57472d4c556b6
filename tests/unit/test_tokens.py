"""Counting tokens: the bound holds, the estimate is near, the exact count survives any text."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.embedding import tokens
from tests.profile import examples

ENGLISH = "The harbour master keeps a list of all ships that entered the port during the last night. "
CHINESE = "港务长保存着昨夜进港的全部船只的名单，每条船都有自己的编号和泊位。"


def test_the_bill_of_a_known_sentence() -> None:
    assert tokens.count("hello world") == 3


@given(st.text(max_size=200))
@settings(max_examples=examples(200))
def test_no_text_has_more_tokens_than_the_bound(text: str) -> None:
    assert tokens.count(text) <= tokens.bound(text)


@pytest.mark.parametrize("text", [ENGLISH * 20, CHINESE * 20, "order 4711 of 2026-11-02, item 99817. " * 20])
def test_the_estimate_is_near(text: str) -> None:
    assert tokens.estimate(text) == pytest.approx(tokens.count(text), rel=0.35)


def test_the_limit_is_exact() -> None:
    assert not tokens.exceeds("word " * 8_190, 8_192)
    assert tokens.exceeds("word " * 8_193, 8_192)


@pytest.mark.parametrize("text", ["x" + " " * 1_500_000, "a" * 5_000_000, "\U0001f642" * 500_000, "1" * 3_000_000])
def test_an_absurd_text_is_counted_soon_and_safely(text: str) -> None:
    assert tokens.exceeds(text, 8_192)


def test_threads_that_count_first_all_get_the_same() -> None:
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(tokens.count(ENGLISH))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(counts)) == 1
