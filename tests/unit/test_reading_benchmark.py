"""The judges of the reading benchmark: what is perfect scores 1, and what is lost, shuffled or mislabelled is seen."""

from __future__ import annotations

import pytest

from benchmarks.readings.extraction import share, summarize
from benchmarks.readings.judges import Reading, judge, judge_order, split_tokens
from benchmarks.readings.lookups import write_numeral
from benchmarks.readings.pairs import make_pairs
from benchmarks.readings.records import read_records
from benchmarks.readings.truth import Table, Truth, read_prose
from benchmarks.readings.vocabulary import Vocabulary

TABLE = Table(("Code", "City", "Price"), (("K-1", "Turku", "12"), ("K-2", "", "34"), ("K-3", "Linz", "56")))
LABELLED = "Code: K-1; City: Turku; Price: 12\nCode: K-2; Price: 34\nCode: K-3; City: Linz; Price: 56"
MARKDOWN = "| Code | City | Price |\n| --- | --- | --- |\n| K-1 | Turku | 12 |\n| K-2 |  | 34 |\n| K-3 | Linz | 56 |"
LINES = "Code: K-1\nCity: Turku\nPrice: 12\nCode: K-2\nPrice: 34\nCode: K-3\nCity: Linz\nPrice: 56"
JSON = """[{"Code": "K-1", "City": "Turku", "Price": "12"}, {"Code": "K-2", "Price": "34"},
    {"Code": "K-3", "City": "Linz", "Price": "56"}]"""


def reading(*chunks: str) -> Reading:
    return Reading("\n\n".join(chunks), chunks)


@pytest.mark.parametrize("text", [LABELLED, MARKDOWN, MARKDOWN.replace("\n", "\n\n"), LINES, JSON])
def test_a_perfect_table_scores_one_in_every_notation(text: str) -> None:
    score = judge(TABLE.truth(), reading(text))
    assert (score.found, score.paired, score.whole) == ((14, 14), (8, 8), (3, 3))
    assert score.invented[0] == 0
    assert score.faults == ()


def test_perfect_prose_scores_one() -> None:
    sentences = Vocabulary("test").sentences(5)
    score = judge(read_prose(*sentences), reading(*sentences))
    assert score.found[0] == score.found[1]
    assert (score.invented[0], score.ordered, score.faults) == (0, (5, 5), ())


@pytest.mark.parametrize("is_chinese", [False, True])
def test_shuffled_sentences_score_less(is_chinese: bool) -> None:
    first, second, *rest = Vocabulary("test", is_chinese=is_chinese).sentences(6)
    assert judge_order((first, second, *rest), " ".join((second, first, *rest))) == (5, 6)
    assert judge_order((first, second, *rest), " ".join(reversed((first, second, *rest)))) == (1, 6)
    assert judge_order((first, second), first) == (1, 2)


def test_a_lost_row_is_seen() -> None:
    score = judge(TABLE.truth(), reading(LABELLED.replace("Code: K-2; Price: 34\n", "")))
    assert (score.found, score.paired, score.whole) == ((11, 14), (6, 8), (2, 3))
    assert any("K-2" in fault for fault in score.faults)


def test_a_row_that_is_cut_in_two_is_seen() -> None:
    cut = LABELLED.index("; Price: 56")
    score = judge(TABLE.truth(), reading(LABELLED[:cut], LABELLED[cut:]))
    assert score.whole == (2, 3)
    assert score.found == (14, 14)


def test_cells_that_shift_into_the_next_column_are_seen() -> None:
    score = judge(TABLE.truth(), reading(MARKDOWN.replace("| K-2 |  | 34 |", "| K-2 | 34 |")))
    assert score.paired == (7, 8)


def test_the_header_of_another_table_is_seen() -> None:
    other = Table(("Machine", "Hall", "Year"), TABLE.rows)
    assert judge(other.truth(), reading(LABELLED)).paired[0] == 0


def test_a_chunk_without_its_header_is_seen() -> None:
    head, rule, *rows = MARKDOWN.splitlines()
    score = judge(TABLE.truth(), reading("\n".join((head, rule, rows[0])), "\n".join(rows[1:])))
    assert score.paired == (3, 8)


def test_rows_without_a_header_must_not_be_labelled_with_a_row() -> None:
    truth = Truth((), rows=Table((), TABLE.rows).records((None, None, None)))
    assert judge(truth, reading("K-1 | Turku | 12\nK-2 |  | 34\nK-3 | Linz | 56")).paired == (8, 8)
    assert judge(truth, reading("K-1: K-3; Turku: Linz; 12: 56")).paired[0] < 3


def test_words_that_are_not_in_the_document_are_seen() -> None:
    score = judge(read_prose("One two three."), reading("One two three. ghost one"))
    assert score.invented == (2, 5)
    assert judge(read_prose("One two.", allowed=("ghost one",)), reading("One two. ghost one")).invented == (0, 4)


def test_words_are_compared_by_their_plain_forms() -> None:
    assert split_tokens("ＡＢＣ－１２ ⽤户 na\u00adture") == ["abc", "12", "用", "户", "nature"]


def test_a_refused_document_counts_as_nothing_found() -> None:
    refused = Reading("", (), failure="broken_file: It is broken.")
    score = judge(TABLE.truth(), refused)
    summary = summarize({"a": score}, {"a": refused})
    assert (summary.found, summary.paired, summary.whole) == (0, 0, 0)
    assert score.faults[0].startswith("refused: broken_file")
    assert share([]) == 0


def test_records_keep_their_labels_apart() -> None:
    assert read_records("a: 1; b: 2\n\nc: 3\nc: 4") == [[("a", "1"), ("b", "2")], [("c", "3")], [("c", "4")]]


def test_articles_are_counted_in_chinese_numerals() -> None:
    counted = [write_numeral(number) for number in (1, 10, 17, 20, 99, 100, 105, 110, 120)]
    assert counted == ["一", "十", "十七", "二十", "九十九", "一百", "一百零五", "一百一十", "一百二十"]


def test_pairs_are_enough_and_no_form_occurs_twice() -> None:
    pairs = make_pairs(1)
    assert len(pairs) >= 200
    for forms in ([pair.document for pair in pairs], [pair.query for pair in pairs]):
        assert len(set(forms)) == len(forms)
    assert all(pair.document != pair.query for pair in pairs)
