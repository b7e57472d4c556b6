"""Which part of a chunk is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.language.analysis import analyze_query
from shared.retrieval.highlighting import Highlighter
from shared.retrieval.snippets import Snipper, Snippet

FILLING = "The office keeps its own records and sends them on at the end of a month. " * 8
CHINESE_FILLING = "办公室保存自己的记录，并在月底寄出。" * 20


def cut(query: str, text: str, rare: str = "", *, has_rows: bool = False) -> Snippet:
    weights = {token: 4.0 if token in analyze_query(rare) else 0.5 for token in analyze_query(query)}
    return Snipper(query, weights).cut(text, Highlighter(query).find(text), has_rows=has_rows)


@pytest.mark.parametrize(
    ("query", "sentence", "rare"),
    [
        ("What do rooms in Shanghai cost?", "A hotel room in Shanghai may cost 650 yuan.", "Shanghai"),
        ("who repairs the turbine", "The turbine is repaired by Nordwind.", "turbine"),
        ("What does a room in 上海 cost?", "In 上海 a room costs 650 yuan.", "上海"),
    ],
)
@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_snippet_has_the_sentence_with_the_rare_words(query: str, sentence: str, rare: str, before: int) -> None:
    snippet = cut(query, FILLING * before + sentence + " " + FILLING * 2, rare)
    assert sentence in snippet.text
    assert len(snippet.text) <= 300


def test_a_chinese_snippet_is_half_as_long() -> None:
    snippet = cut("上海的酒店多少钱", CHINESE_FILLING + "上海的酒店每晚650元。" + CHINESE_FILLING, "上海酒店")
    assert "上海的酒店每晚650元。" in snippet.text
    assert len(snippet.text) <= 160


def test_a_number_that_is_asked_for_is_worth_showing() -> None:
    text = f"The tower was planned in stages. {FILLING} The tower has 88 floors. {FILLING}"
    assert "88 floors" in cut("How many storeys does the tower have?", text, "tower").text


def test_a_subject_that_stands_everywhere_does_not_decide() -> None:
    text = "Brescia is a club. " * 10 + FILLING + "In 1982 it fell to the third division. " + FILLING
    assert "third division" in cut("division of Brescia", text, "division Brescia").text


def test_rows_of_a_table_stay_whole_with_their_labels() -> None:
    rows = [f"City: Town {i}; Limit: {i * 10} yuan; Note: applies from the first night on" for i in range(30)]
    rows[17] = "City: Beijing, Shanghai; Limit: 650 yuan; Note: applies from the first night on"
    text = "\n".join(rows)
    snippet = cut("limit of Shanghai", text, "Shanghai", has_rows=True)
    assert rows[17] in snippet.text.split("\n")
    assert all(line in rows for line in snippet.text.split("\n"))


def test_a_short_text_and_one_without_matches_begin_at_the_beginning() -> None:
    assert cut("x", "A short text.") == Snippet("A short text.", 0, 13)
    assert cut("turbine", FILLING).start == 0


def test_a_snippet_cuts_no_word() -> None:
    text = "Antidisestablishment " * 30 + "turbine " + "counterrevolutionary " * 30
    words = cut("turbine", text, "turbine").text.split()
    assert set(words) <= {"Antidisestablishment", "turbine", "counterrevolutionary"}


@pytest.mark.parametrize("character", ["👨‍👩‍👧", "e\u0301", "👍🏽", "❤\ufe0f", "ก\u0e34", "か\u3099"])
def test_a_snippet_cuts_no_character(character: str) -> None:
    snippet = cut("turbine", f"{character} " * 200 + "turbine " + character * 200, "turbine")
    rest = snippet.text.replace("turbine", "").replace(" ", "")
    assert "turbine" in snippet.text
    assert rest == character * (len(rest) // len(character))


@given(st.text("ab 的滤网1.\n🙂", max_size=900), st.text("ab的滤网1 ", max_size=20), st.booleans())
def test_a_snippet_is_a_stretch_of_the_text_within_the_limit(text: str, query: str, has_rows: bool) -> None:
    snippet = Snipper(query, {}).cut(text, Highlighter(query).find(text), has_rows=has_rows)
    assert text[snippet.start : snippet.end] == snippet.text
    assert len(snippet.text) <= 300
    assert snippet.text or not text
