"""Citations of an answer as models write them, and what becomes of those that name no source."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.retrieval.citations import read_citations

CASES = {
    "A room costs 650 yuan [1]. Breakfast is 3.5 USD.[2] It is free (see U.S. rules) [1, 3].": [
        ("A room costs 650 yuan.", (1,)),
        ("Breakfast is 3.5 USD.", (2,)),
        ("It is free (see U.S. rules).", (1, 3)),
    ],
    "上海每晚650元[1]。早餐另计。[2]请先申请【3】。": [
        ("上海每晚650元。", (1,)),
        ("早餐另计。", (2,)),
        ("请先申请。", (3,)),
    ],
    "- one [1]\n- two [2][3]\n\nEnd": [("- one", (1,)), ("- two", (2, 3)), ("End", ())],
    "**Bold** claim. [1]\nNext one [[2]].": [("**Bold** claim.", (1,)), ("Next one.", (2,))],
    "He asked: “Why? Because.” [2] Then he left.": [("He asked: “Why? Because.”", (2,)), ("Then he left.", ())],
    "According to [1], it is 5. And [2] has 6.": [("According to, it is 5.", (1,)), ("And has 6.", (2,))],
    "Version 3. Next [^1]": [("Version 3.", ()), ("Next", (1,))],
    "Twice [1][1].": [("Twice.", (1,))],
    "": [],
    "No mark at all": [("No mark at all", ())],
}


@pytest.mark.parametrize("text", CASES)
def test_each_sentence_has_the_sources_it_cites(text: str) -> None:
    cited = read_citations(text, 3)
    assert [(sentence.text, sentence.sources) for sentence in cited.sentences] == CASES[text]
    assert cited.dropped == 0


@pytest.mark.parametrize(
    ("text", "shown", "dropped"),
    [
        ("It is 5 [9]. It is 6 [1].", "It is 5. It is 6 [1].", 1),
        ("It is 5 [0].", "It is 5.", 1),
        ("It is 5 [1, 7, 2].", "It is 5 [1][2].", 1),
        ("是五【12】。", "是五。", 1),
    ],
)
def test_a_mark_that_names_no_source_is_removed_and_counted(text: str, shown: str, dropped: int) -> None:
    cited = read_citations(text, 2)
    assert (cited.text, cited.dropped) == (shown, dropped)


PARTS = ["a", "b", "1", ".", "。", "?", "[", "]", "[1]", "[2, 9]", "【5】", "[[3]]", ",", "“", "”", " ", "\n"]


@given(st.lists(st.sampled_from(PARTS), max_size=40), st.integers(0, 5))
def test_no_text_cites_what_was_not_given_and_no_word_is_lost(parts: list[str], count: int) -> None:
    text = "".join(parts)
    cited = read_citations(text, count)
    assert all(1 <= source <= count for sentence in cited.sentences for source in sentence.sources)
    letters = [character for sentence in cited.sentences for character in sentence.text if character in "ab"]
    assert letters == [character for character in text if character in "ab"]


@pytest.mark.parametrize("part", ["[", "[1,", ".", "a. ", " ", '"', "1.", "[1]", "[1, ", "“"])
def test_no_text_takes_long(part: str) -> None:
    started = time.process_time()
    read_citations(part * (40_000 // len(part)), 3)
    assert time.process_time() - started < 5  # a tenth of a second; a quadratic pattern would take minutes
