"""Quoted phrases and the order of hits."""

from __future__ import annotations

import time

import pytest

from shared.domain.models import Location, SearchHit
from shared.retrieval.phrases import find_phrases, prefer_phrases


def hit(text: str, context: str = "") -> SearchHit:
    return SearchHit("0", 0.5, text, "d", "b", "k", "t", Location(), context=context)


@pytest.mark.parametrize(
    ("query", "phrases"),
    [
        ('who wrote "The Old  Man"', ("the old man",)),
        ("“胜任力”这个词第一次在哪里出现？", ("胜任力",)),
        ("「唐音」的「唐」与「吴音」", ("唐音", "吴音")),
        ("『红隼』在哪里", ("红隼",)),
        ("„Der Alte“ und «la Mer»", ("der alte", "la mer")),
        ("＂合同编号＂", ("合同编号",)),
        ("“發票報銷”", ("发票报销",)),
        ('5" pipe and 6 feet', ()),
        ('"a" ""', ()),
        ('an open "quote', ()),
        ("it's the dog's", ()),
        ("", ()),
    ],
)
def test_phrases_are_what_stands_in_quotation_marks(query: str, phrases: tuple[str, ...]) -> None:
    assert find_phrases(query) == phrases


def test_hits_that_hold_the_phrase_come_first_in_their_order() -> None:
    hits = [
        hit("Man, the old"),
        hit("The  OLD\nman sleeps"),
        hit(""),
        hit("and", context="the old man"),
        hit("the old man"),
    ]
    assert prefer_phrases(["the old man"], hits) == [hits[1], hits[3], hits[4], hits[0], hits[2]]
    assert prefer_phrases([], hits) == hits


def test_a_phrase_is_found_in_other_characters_and_not_within_words() -> None:
    hits = [hit("a party of wars"), hit("the Art of War, read by all"), hit("發票報銷流程"), hit("ＡＲＴ ＯＦ ＷＡＲ")]
    assert prefer_phrases(find_phrases('"art of war"'), hits)[:2] == [hits[1], hits[3]]
    assert prefer_phrases(find_phrases("“发票报销”"), hits)[0] == hits[2]
    assert prefer_phrases(find_phrases('"cafe noir"'), [hits[0], hit("Café  noir")])[0].text == "Café  noir"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ('"a soul for a soul"', "He said: a soul, for a soul. Then he left."),
        ('"Mathematics 6"', "Mathematics 6. The sixth book."),
        ('"mathematics 6." exercises', "Mathematics 6: exercises"),
        ('"state of the art"', "A state-of-the-art process."),
        ('"state-of-the-art"', "The state of the art is old."),
        ('"users guide"', "The user's guide is long."),
        ('"1280.50 euros"', "It costs 1,280.50 euros."),
        ('"gcloud version"', "Type gcloud --version to see it."),
        ("“第三十八条用人单位应当”", "根据第三十八条，用人单位应当支付。"),
        ("“合同（草案）第2条”", "见合同 草案 第 2 条。"),
    ],
)
def test_punctuation_does_not_separate_a_phrase_but_the_same_punctuation_is_better(query: str, text: str) -> None:
    phrases = find_phrases(query)
    other, found, same = hit("soul state user 1280 gcloud 第三十八条"), hit(text), hit(" … ".join(phrases))
    assert prefer_phrases(phrases, [other, found]) == [found, other]
    assert prefer_phrases(phrases, [other, found, same])[0] is same or phrases[0] in text.lower()


@pytest.mark.parametrize(
    ("query", "text"),
    [('"C#"', "Plan C is a plan."), ('".NET"', "a net"), ('"a soul"', "as soul food"), ('"war art"', "the art of war")],
)
def test_other_words_are_no_phrase_without_punctuation_either(query: str, text: str) -> None:
    hits = [hit("nothing"), hit(text)]
    assert prefer_phrases(find_phrases(query), hits) == hits


def test_no_query_takes_long() -> None:
    started = time.process_time()
    for part in ('"', "“", "「", '"a', "“a”"):
        find_phrases(part * 2_000)
    for part in ("1,000", "'", "、。", "a.", "一,"):
        prefer_phrases(find_phrases(f'"{part * 40}"'), [hit(part * 20_000)])
    assert time.process_time() - started < 2
