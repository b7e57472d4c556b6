"""Cutting into chunks: nothing lost, bounded, at sentences and rows, and stable under edits."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.models import Block, BlockKind, Chunk, Location
from shared.embedding import tokens
from shared.ingestion.chunking import chunk
from tests.profile import examples, slow

ENGLISH = "The harbour master keeps a list of ships. Each ship has a number"
CHINESE = "港务长有一份船只名单，每条船都有编号"


def cut(blocks: list[Block], size: int = 100) -> list[Chunk]:
    return list(chunk(blocks, "document", "profile", size))


def prose(sentences: int, seed: int = 1, *, chinese: bool = False) -> list[str]:
    chance = random.Random(seed)
    stem, end = (CHINESE, "。") if chinese else (ENGLISH, ". ")
    return [f"{stem} {chance.randrange(10**6)}{end}" for _ in range(sentences)]


texts = st.text(min_size=1).filter(str.strip)


@given(st.lists(texts, min_size=1, max_size=8), st.integers(32, 200))
@settings(max_examples=examples(150))
def test_nothing_is_lost_and_nothing_is_added(parts: list[str], size: int) -> None:
    chunks = cut([Block(part) for part in parts], size)
    assert re.sub(r"\s", "", "".join(c.text for c in chunks)) == re.sub(r"\s", "", "".join(parts))
    assert all(c.text.strip() for c in chunks)
    assert all(tokens.estimate(c.text) <= size + len(parts) for c in chunks)
    assert len({c.id for c in chunks}) == len(chunks)
    assert [c.ordinal for c in chunks] == list(range(len(chunks)))


@given(st.lists(texts, min_size=1, max_size=8))
@settings(max_examples=examples(100))
def test_offsets_point_into_the_text(parts: list[str]) -> None:
    whole = "\n".join(parts)
    for c in cut([Block(part) for part in parts], 40):
        assert whole[c.location.start : c.location.end].split() == c.text.split()


@pytest.mark.parametrize("chinese", [False, True])
def test_chunks_end_at_sentences(chinese: bool) -> None:
    chunks = cut([Block("".join(prose(200, chinese=chinese)))])
    assert len(chunks) > 10
    assert all(c.text.endswith("。" if chinese else ".") for c in chunks)


def test_a_heading_starts_a_chunk_and_stays_with_its_text() -> None:
    blocks = [
        Block("Guide", Location(headings=("Guide",)), heading=True),
        Block("Mooring", Location(headings=("Guide", "Mooring")), heading=True),
        Block("Two lines.", Location(headings=("Guide", "Mooring"))),
        Block("Anchoring", Location(headings=("Guide", "Anchoring")), heading=True),
        Block("Never at flood.", Location(headings=("Guide", "Anchoring"))),
    ]
    assert [c.text for c in cut(blocks)] == ["Guide\nMooring\nTwo lines.", "Anchoring\nNever at flood."]


def test_a_chunk_never_spans_pages_or_sheets() -> None:
    blocks = [Block("One.", Location(page=1)), Block("Two.", Location(page=2)), Block("Three.", Location(sheet="S"))]
    assert [(c.text, c.location.page, c.location.sheet) for c in cut(blocks)] == [
        ("One.", 1, None),
        ("Two.", 2, None),
        ("Three.", None, "S"),
    ]


@pytest.mark.parametrize("text", ["x" * 5_000, "字" * 5_000, "one two three " * 500, "一，二，三，" * 800])
def test_text_without_sentences_is_still_bounded(text: str) -> None:
    assert all(tokens.estimate(c.text) <= 101 for c in cut([Block(text)]))


def test_an_unchanged_chunk_keeps_its_id_and_equal_ones_differ() -> None:
    one, two = cut([Block("Same.", Location(page=1)), Block("Same.", Location(page=2))])
    assert one.id != two.id
    assert cut([Block("Before.", Location(page=1)), Block("Same.", Location(page=2))])[1].id == one.id
    assert next(chunk([Block("Same.")], "document", "another model", 100)).id != one.id
    assert next(chunk([Block("Same.")], "another document", "profile", 100)).id != one.id


@slow
@pytest.mark.parametrize("chinese", [False, True])
def test_an_inserted_sentence_changes_few_chunks(chinese: bool) -> None:
    sentences = prose(2_000, chinese=chinese)
    before = {c.id for c in cut([Block("".join(sentences))])}
    new = "这是新插入的一句。" if chinese else "A new sentence stands here. "
    changed = []
    for place in range(40, 2_000, 80):
        edited = [*sentences[:place], new, *sentences[place:]]
        changed.append(len({c.id for c in cut([Block("".join(edited))])} - before))
    assert sum(changed) / len(changed) / len(before) <= 0.01
    assert max(changed) / len(before) <= 0.04


def test_a_section_that_fits_into_a_chunk_stays_whole() -> None:
    for seed in range(40):
        section = [Block("A heading", heading=True), *(Block(sentence) for sentence in prose(4, seed))]
        longer = [Block("Another", heading=True), *(Block(sentence) for sentence in prose(30, seed))]
        chunks = cut([*section, *longer, *section])
        assert chunks[0].text == chunks[-1].text == "\n".join(block.text for block in section).strip()


def rows(count: int, *, words: int = 20) -> list[Block]:
    chance = random.Random(3)
    columns = ("sku", "name", "note")
    texts = [
        f"sku: D{number}; name: Part {number}; note: {' '.join(str(chance.randrange(99)) for _ in range(words))}"
        for number in range(count)
    ]
    return [
        Block(text, Location(row=number, columns=columns), kind=BlockKind.ROW, keys=text.partition("; note")[0])
        for number, text in enumerate(texts, start=2)
    ]


def test_a_row_that_fits_is_never_cut() -> None:
    table = rows(300)
    chunks = cut(table, 150)
    lines = [line for c in chunks for line in c.text.splitlines()]
    assert lines == [block.text for block in table]
    assert all(c.location.columns == ("sku", "name", "note") for c in chunks)


@slow
def test_an_inserted_row_changes_few_chunks() -> None:
    table = rows(5_000)
    known = {c.id for c in cut(table, 384)}
    new = Block("sku: N1; name: New; note: inserted", kind=BlockKind.ROW)
    for place in range(50, 5_000, 450):
        assert len({c.id for c in cut([*table[:place], new, *table[place:]], 384)} - known) <= 3


def test_each_part_of_a_record_larger_than_a_chunk_carries_its_keys() -> None:
    large = rows(1, words=400)[0]
    chunks = cut([*rows(2), large, *rows(2)], 100)
    parts = [c for c in chunks if c.text in large.text and c.location.row == 2 and len(c.text) > 100]
    assert len(parts) > 3
    assert all("sku: D0" in c.context or c.text.startswith("sku: D0") for c in parts)
    assert not any("sku: D0" in c.context for c in chunks if c.text.startswith("sku: D1"))
    assert "".join(c.text for c in chunks).count("note") == 5


def test_list_items_stay_whole_and_code_is_cut_at_line_ends() -> None:
    items = [Block(f"- First sentence {number}. Second one! Third one?", kind=BlockKind.ITEM) for number in range(80)]
    lines = {line for c in cut(items, 60) for line in c.text.splitlines()}
    assert lines == {block.text for block in items}
    code = "\n".join(f"    call({number}); wait.for(it); return;" for number in range(100))
    cut_code = [line.strip() for c in cut([Block(code, kind=BlockKind.CODE)], 60) for line in c.text.splitlines()]
    assert cut_code == [line.strip() for line in code.splitlines()]


def test_a_heading_never_ends_a_chunk() -> None:
    long = "x " * 95
    blocks = []
    for number in range(60):
        place = Location(page=number // 7, headings=(f"Section {number}",))
        blocks += [Block(f"Section {number}", place, heading=True)]
        blocks += [Block(long, replace_page(place, (number + 1) // 7))] * (1 + number % 3)
    for c in cut(blocks, 100):
        assert not c.text.splitlines()[-1].startswith("Section")


def replace_page(location: Location, page: int) -> Location:
    return Location(page=page, headings=location.headings)


def test_many_headings_alone_are_still_bounded() -> None:
    chunks = cut([Block(f"Heading number {number}", heading=True) for number in range(2_000)])
    assert all(tokens.estimate(c.text) <= 210 for c in chunks)


def test_the_context_names_title_sheet_and_sections_but_is_not_in_the_text() -> None:
    location = Location(headings=("Manual", "Battery", "Charging"), page=4)
    (one,) = chunk([Block("Takes two hours.", location)], "d", "p", 100, "Manual")
    assert one.context == "Manual\nBattery > Charging"
    assert one.text == "Takes two hours."
    assert one.embedded_text == "Manual\nBattery > Charging\nTakes two hours."
    (row,) = chunk([Block("Price: 5", Location(sheet="May", row=3), kind=BlockKind.ROW)], "d", "p", 100, "Prices 2026")
    assert row.context == "Prices 2026\nMay"


@pytest.mark.parametrize("name", ["0000012", "3f2a-99b0", "550e8400-e29b-41d4-a716-446655440000", "2026-11-27"])
def test_a_title_that_a_program_gave_is_no_context(name: str) -> None:
    (one,) = chunk([Block("Text.")], "d", "p", 100, name)
    assert one.context == ""


def test_another_context_makes_another_chunk() -> None:
    (one,), (two,) = ([*chunk([Block("Same.")], "d", "p", 100, title)] for title in ("Red lamp", "Blue lamp"))
    assert one.id != two.id


@pytest.mark.parametrize("character", ["e\u0301", "👨‍👩‍👧", "🇨🇳", "か\u3099"])
def test_a_long_run_without_a_break_is_not_cut_within_a_character(character: str) -> None:
    chunks = cut([Block(character * 500)], 64)
    assert len(chunks) > 1
    assert all(c.text == character * (len(c.text) // len(character)) for c in chunks)
