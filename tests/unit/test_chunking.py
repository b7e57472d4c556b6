"""Laws of cutting: nothing lost, bounded, at sentences, and stable under edits."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.models import Block, Chunk, Location
from shared.embedding import tokens
from shared.ingestion.chunking import chunk
from tests.profile import examples

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
def test_passages_end_at_sentences(chinese: bool) -> None:
    chunks = cut([Block("".join(prose(200, chinese=chinese)))])
    assert len(chunks) > 10
    assert all(c.text.endswith("。" if chinese else ".") for c in chunks)


def test_a_heading_starts_a_passage_and_stays_with_its_text() -> None:
    blocks = [
        Block("Guide", Location(headings=("Guide",)), heading=True),
        Block("Mooring", Location(headings=("Guide", "Mooring")), heading=True),
        Block("Two lines.", Location(headings=("Guide", "Mooring"))),
        Block("Anchoring", Location(headings=("Guide", "Anchoring")), heading=True),
        Block("Never at flood.", Location(headings=("Guide", "Anchoring"))),
    ]
    assert [c.text for c in cut(blocks)] == ["Guide\nMooring\nTwo lines.", "Anchoring\nNever at flood."]


def test_a_passage_never_spans_pages_or_sheets() -> None:
    blocks = [Block("One.", Location(page=1)), Block("Two.", Location(page=2)), Block("Three.", Location(sheet="S"))]
    assert [(c.text, c.location.page, c.location.sheet) for c in cut(blocks)] == [
        ("One.", 1, None),
        ("Two.", 2, None),
        ("Three.", None, "S"),
    ]


@pytest.mark.parametrize("text", ["x" * 5_000, "字" * 5_000, "one two three " * 500, "一，二，三，" * 800])
def test_text_without_sentences_is_still_bounded(text: str) -> None:
    assert all(tokens.estimate(c.text) <= 101 for c in cut([Block(text)]))


def test_an_unchanged_passage_keeps_its_id_and_equal_ones_differ() -> None:
    one, two = cut([Block("Same.", Location(page=1)), Block("Same.", Location(page=2))])
    assert one.id != two.id
    assert cut([Block("Before.", Location(page=1)), Block("Same.", Location(page=2))])[1].id == one.id
    assert next(chunk([Block("Same.")], "document", "another model", 100)).id != one.id
    assert next(chunk([Block("Same.")], "another document", "profile", 100)).id != one.id


@pytest.mark.parametrize("chinese", [False, True])
def test_an_inserted_sentence_changes_few_passages(chinese: bool) -> None:
    sentences = prose(2_000, chinese=chinese)
    before = {c.id for c in cut([Block("".join(sentences))])}
    new = "这是新插入的一句。" if chinese else "A new sentence stands here. "
    changed = []
    for place in range(40, 2_000, 80):
        edited = [*sentences[:place], new, *sentences[place:]]
        changed.append(len({c.id for c in cut([Block("".join(edited))])} - before))
    assert sum(changed) / len(changed) / len(before) <= 0.01
    assert max(changed) / len(before) <= 0.04


def test_a_section_that_fits_into_a_passage_stays_whole() -> None:
    for seed in range(40):
        section = [Block("A heading", heading=True), *(Block(sentence) for sentence in prose(4, seed))]
        longer = [Block("Another", heading=True), *(Block(sentence) for sentence in prose(30, seed))]
        chunks = cut([*section, *longer, *section])
        assert chunks[0].text == chunks[-1].text == "\n".join(block.text for block in section).strip()
