"""The Chinese pages say what the English ones say: the same sections, tables and code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.pages import ROOT, TRANSLATED, is_chinese, read

if TYPE_CHECKING:
    from collections.abc import Iterator

PAIRS = list(TRANSLATED.items())
IDS = list(TRANSLATED)


def cells(english: str, chinese: str) -> Iterator[tuple[str, str, str]]:
    """Each cell of the tables: the first one of its row, what it holds in Chinese, and what in English."""
    for translated, original in zip(read(chinese).tables, read(english).tables, strict=True):
        for translated_row, row in zip(translated, original, strict=True):
            for cell, wanted in zip(translated_row, row, strict=True):
                yield translated_row[0], cell, wanted


def codes(cell: str) -> list[str]:
    return sorted(re.findall(r"`[^`]+`", cell))


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=IDS)
def test_both_languages_have_the_same_headings(english: str, chinese: str) -> None:
    assert [level for level, _ in read(chinese).headings] == [level for level, _ in read(english).headings]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=IDS)
def test_both_languages_show_the_same_code(english: str, chinese: str) -> None:
    for translated, original in zip(read(chinese).fences, read(english).fences, strict=True):
        assert translated.language == original.language
        if original.language == "text":  # a drawing, with words in it
            assert len(translated.content.splitlines()) == len(original.content.splitlines())
        else:
            assert translated == original


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=IDS)
def test_both_languages_have_the_same_tables(english: str, chinese: str) -> None:
    for translated, original in zip(read(chinese).tables, read(english).tables, strict=True):
        assert [len(row) for row in translated] == [len(row) for row in original], original[0]
        for row, wanted in zip(translated, original, strict=True):
            if "`" in wanted[0]:
                assert row[0] == wanted[0]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=IDS)
def test_cells_of_code_alone_are_the_same_in_both_languages(english: str, chinese: str) -> None:
    wrong = [
        f"{name}: {cell!r} instead of {wanted!r}"
        for name, cell, wanted in cells(english, chinese)
        if re.fullmatch(r"(?:`[^`]+`[,/ ]*)+", wanted) and codes(cell) != codes(wanted)
    ]
    assert wrong == []


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=IDS)
def test_each_page_links_to_itself_in_the_other_language(english: str, chinese: str) -> None:
    for name, other in ((english, chinese), (chinese, english)):
        first = read(name).links[0]
        assert (ROOT / name).parent.joinpath(first).resolve() == ROOT / other


@pytest.mark.parametrize("chinese", TRANSLATED.values())
def test_no_sentence_of_a_chinese_page_was_left_in_english(chinese: str) -> None:
    text = re.sub(r"^```.*?^```$", "", (ROOT / chinese).read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>", "", text)
    left = [line for line in text.splitlines() if len(re.findall(r"[A-Za-z]{2,}", line)) > 7 and not is_chinese(line)]
    assert left == []


def numbers(cell: str) -> set[float]:
    found = re.finditer(r"(\d[\d,]*(?:\.\d+)?)\s*(million|万)?", cell)
    return {float(one[1].replace(",", "")) * {"million": 1e6, "万": 1e4}.get(one[2], 1) for one in found}


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=IDS)
def test_each_number_of_a_table_is_in_the_same_cell_of_the_translation(english: str, chinese: str) -> None:
    wrong = [
        f"{name}: {cell!r} instead of {wanted!r}"
        for name, cell, wanted in cells(english, chinese)
        if not numbers(wanted) <= numbers(cell)
    ]
    assert wrong == []


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=IDS)
def test_what_is_printed_has_the_same_numbers_in_both_languages(english: str, chinese: str) -> None:
    printed = [
        [numbers(fence.content) for fence in read(name).fences if fence.language == "text"]
        for name in (english, chinese)
    ]
    assert printed[0] == printed[1]
