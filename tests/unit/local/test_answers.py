"""An answer of the demo shows the best hit's best sentence, with its words marked, and where the others are."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from local.answers import lay_out, mark_best_sentence

CLEANING = (
    "7. Cleaning\nWipe the housing with a dry cloth.\nThe dust filter sits at the back. Take it out every 1.5 months. "
    "Replace it when it is torn, which happens rarely to most of the people who own one of these."
)


def marked(text: str, *words: str) -> list[tuple[int, int]]:
    return [(text.index(word), text.index(word) + len(word)) for word in words]


def hit(key: str, text: str = "Text.", **location: Any) -> dict[str, Any]:
    place = {"page": None, "sheet": None, "row": None, "headings": [], **location}
    return {"document": {"key": key}, "text": text, "highlights": [], "location": place}


def shown(query: str, hits: list[dict[str, Any]], width: int = 80) -> list[str]:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(lay_out(query, hits))
    return captured.get().splitlines()


def test_the_sentence_with_the_words_is_shown_with_what_follows_a_short_one() -> None:
    sentence = mark_best_sentence(CLEANING, marked(CLEANING, "dust", "filter"), ["7. Cleaning"])
    assert (
        sentence.plain
        == "The dust filter sits at the back. Take it out every 1.5 months. " + CLEANING.split("months. ")[1]
    )
    assert [sentence.plain[span.start : span.end] for span in sentence.spans] == ["dust", "filter"]


def test_a_heading_is_not_the_answer_though_it_has_the_words() -> None:
    text = "Dust filter\nIt is at the back."
    assert (
        mark_best_sentence(text, marked(text, "Dust filter"), ["Manual", "Dust filter"]).plain == "It is at the back."
    )


def test_a_chunk_that_is_only_a_heading_is_shown() -> None:
    assert mark_best_sentence("Dust filter", [], ["Dust filter"]).plain == "Dust filter"


def test_chinese_sentences_end_without_a_space() -> None:
    text = (
        "试用期内可以使用。当年没有休完的年假可以顺延到下一年的三月三十一日，最多顺延五天，逾期作废。请假由上级批准。"
    )
    sentence = mark_best_sentence(text, marked(text, "没有休完的年假"), [])
    assert sentence.plain == "当年没有休完的年假可以顺延到下一年的三月三十一日，最多顺延五天，逾期作废。"


@pytest.mark.parametrize("word", ["word ", "字"])
def test_a_sentence_without_an_end_is_cut_around_its_first_marked_word(word: str) -> None:
    text = word * 300 + "needle " + word * 300
    sentence = mark_best_sentence(text, marked(text, "needle"), [])
    assert "needle" in sentence.plain
    assert sentence.plain.endswith("…")
    assert cell_len(sentence.plain) <= 220


def test_control_characters_of_a_document_do_not_reach_the_terminal() -> None:
    sentence = mark_best_sentence("A\x1b[31mred\x07 text\tof\x9b a document.", [], [])
    assert sentence.plain.isprintable()
    assert "\x1b" not in "".join(shown("q\x1b", [hit("evil\x1b[2J.txt")]))


@pytest.mark.parametrize("text", ["", "\n\n", "...", "?!"])
def test_a_text_without_a_sentence_is_no_error(text: str) -> None:
    assert shown("query", [hit("a.txt", text)])


def test_the_sources_of_all_hits_are_listed_in_order() -> None:
    hits = [hit("a.pdf", page=3, headings=["Manual", "Care"]), hit("b.xlsx", sheet="Prices", row=7), hit("c.txt")]
    lines = [line.strip("│ ") for line in shown("query", hits)]
    assert lines[1:5] == ["1. a.pdf, page 3, Care", "Text.", "2. b.xlsx, sheet Prices, row 7", "3. c.txt"]


def test_every_line_fits_80_columns_in_any_script() -> None:
    hits = [hit("很长的文件名" * 20 + ".txt", "没有空格的长句子" * 40), hit("x" * 300)]
    assert {cell_len(line) for line in shown("问题" * 60, hits)} == {80}


def test_no_hit_is_said_so() -> None:
    assert any("No document answers it." in line for line in shown("query", []))
