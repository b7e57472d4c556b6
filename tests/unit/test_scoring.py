"""Scores: what speaks for a hit, and what a calibration makes of it."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from ops.calibrating import Sample, compute_auroc, describe_gain, fit, fit_weights
from shared.domain.errors import ConfigurationError
from shared.domain.models import Location, SearchHit
from shared.language.analysis import analyze, analyze_query
from shared.retrieval.calibration import BUILT_IN, Weights, read_calibration
from shared.retrieval.coverage import CoveredHits, weigh_coverage
from shared.retrieval.duplicates import collapse_duplicates
from shared.retrieval.evidence import Comparison, Evidence
from shared.retrieval.fusion import fuse
from shared.retrieval.scoring import score_hits, weigh_evidence

FILLING = [
    "The ferry leaves at noon.",
    "A storm closed the harbour.",
    "码头在冬季关闭。",
    "Tides are listed in table 4.",
]


def make_hit(name: str, text: str, score: float) -> SearchHit:
    words = "\n".join(["", *(" ".join(analyze(line)) for line in text.splitlines())])
    return SearchHit(name, score, text, f"document of {name}", "bucket", "key", "title", Location(), words=words)


def weigh(query: str, texts: list[str], *, cosine: float = 0.6, language: str = "") -> list[Evidence]:
    """The evidence for each text, where only the first is near the query by its vector."""
    tokens = analyze_query(query)
    texts = [*texts, *(f"{language or FILLING[i % 4]} {i}" for i in range(12))]
    hits = [make_hit(f"h{i:02}", text, cosine if i == 0 else 0.3 - i / 1000) for i, text in enumerate(texts)]
    found = [hit for hit in hits if set(tokens) & set(hit.words.split())]
    lexical = [msgspec.structs.replace(hit, score=9.0 - place / 10) for place, hit in enumerate(found)]
    covered = weigh_coverage(tokens, lexical)
    return weigh_evidence(query, tokens, fuse(tokens, hits, lexical), hits, covered)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("How much may a hotel room in Shanghai cost?", "Hotel rooms in Shanghai cost at most 650 yuan a night."),
        ("Please tell me how much hotel rooms in Shanghai cost", "Hotel rooms in Shanghai cost 650 yuan a night."),
        ("上海的酒店每晚最多可以报销多少钱？", "在上海出差，酒店每晚最多报销650元。"),
        ("请告诉我上海酒店的报销上限", "上海酒店的报销上限为每晚650元。"),
        ("ERR-1042", "ERR-1042: the filter is blocked."),
    ],
)
def test_a_chunk_that_has_the_query_s_words_is_an_answer(query: str, text: str) -> None:
    assert BUILT_IN.estimate(weigh(query, [text])[0]) > 0.8


@pytest.mark.parametrize(
    "query",
    [
        "ERR-1042",
        "Who painted the ceiling of the chapel?",
        "谁设计了这座博物馆？",
        "Please tell me about sailing in Oslo",
    ],
)
def test_no_chunk_answers_a_query_about_something_else(query: str) -> None:
    assert max(BUILT_IN.estimate(found) for found in weigh(query, [], cosine=0.3)) < BUILT_IN.answerable


def test_a_query_in_another_language_is_judged_by_meaning() -> None:
    best, *others = weigh(
        "港口什么时候关闭？", ["The harbour is closed in winter."], language="The ferry leaves at noon."
    )
    assert best.compared is Comparison.FOREIGN
    assert BUILT_IN.estimate(best) > 0.35
    assert max(BUILT_IN.estimate(other) for other in others) < 0.2


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("邵伯温曾写过什么著作？", "路德的书广为流传，很早就传到了法国、英格兰和意大利。"),
        ("소백온은 어떤 책을 썼습니까?", "루터의 저서는 널리 퍼져 프랑스와 이탈리아에 전해졌다."),
        ("ใครเป็นคนสร้างสะพานแห่งนี้", "ร้านอาหารเปิดทุกวันยกเว้นวันจันทร์"),
    ],
)
def test_a_query_with_other_words_in_the_script_of_the_documents_is_not_in_another_language(
    query: str, text: str
) -> None:
    best = weigh(query, [text], cosine=0.4, language=text)[0]
    assert best.compared is Comparison.BOTH
    assert BUILT_IN.estimate(best) < BUILT_IN.answerable


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("港はいつ閉まりますか", "冬季港口关闭，渡轮中午出发。"),
        ("港口什么时候关闭？", "항구는 겨울에 문을 닫는다."),
        ("Wann schließt der Hafen im Winter?", "The harbour is closed from November on."),
    ],
)
def test_a_query_in_another_script_or_with_spaces_may_be_in_another_language(query: str, text: str) -> None:
    assert weigh(query, [text], language=text)[0].compared is Comparison.FOREIGN


def test_words_of_courtesy_change_no_score() -> None:
    text = "The warranty of the pump is three years."
    plain, polite = (
        weigh("warranty of the pump", [text])[0],
        weigh("please tell me about the warranty of the pump", [text])[0],
    )
    assert polite.coverage == pytest.approx(plain.coverage)


def test_words_scattered_over_rows_speak_less_for_a_chunk_than_one_row() -> None:
    rows = "name: Anna Becker; phone: 12\nname: Carla Dietz; phone: 14"
    scattered = "name: Anna Adler; phone: 12\nname: Carla Becker; phone: 14"
    assert weigh("Anna Becker", [rows])[0].coverage > weigh("Anna Becker", [scattered])[0].coverage


def test_a_missing_pair_across_two_words_counts_half_for_each_pair_beside_it() -> None:
    tokens = analyze_query("滤网清洁")
    whole = weigh_coverage(tokens, [make_hit("a", "滤网需要清洁", 1.0)]).shares["a"].whole
    half = weigh_coverage(tokens, [make_hit("a", "滤网", 1.0)]).shares["a"].whole
    assert 0.99 < whole <= 1
    assert half < 0.7


def test_a_character_alone_is_covered_by_the_words_that_hold_it() -> None:
    shares = weigh_coverage(["猫"], [make_hit("a", "优税猫科技", 1.0), make_hit("b", "优税狗科技", 1.0)]).shares
    assert (shares["a"].whole, shares["b"].whole) == (1, 0)


def test_few_hits_by_meaning_leave_the_similarity_open() -> None:
    tokens = analyze_query("pump warranty")
    hits = [make_hit("a", "The pump has a warranty.", 0.9), make_hit("b", "The harbour.", 0.2)]
    covered = weigh_coverage(tokens, hits[:1])
    best, other = weigh_evidence("pump warranty", tokens, fuse(tokens, hits, hits[:1]), hits, covered)
    assert best.similarity == other.similarity
    assert BUILT_IN.estimate(best) > 0.8 > 0.35 > BUILT_IN.estimate(other)


@pytest.mark.parametrize("chunks", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("query", ["Who painted the ceiling of the chapel?", "谁设计了这座博物馆？"])
def test_an_index_of_few_chunks_does_not_answer_a_query_about_something_else(query: str, chunks: int) -> None:
    tokens = analyze_query(query)
    hits = [make_hit(f"h{i}", f"{FILLING[i % 4]} {i}", 0.3 - i / 1000) for i in range(chunks)]
    found = weigh_evidence(query, tokens, fuse(tokens, hits, []), hits, weigh_coverage(tokens, []))
    assert max(map(BUILT_IN.estimate, found)) < BUILT_IN.answerable


def test_the_only_document_has_no_lead() -> None:
    hits = [msgspec.structs.replace(make_hit(f"h{i}", FILLING[i], 0.9 - i / 10), document_id="one") for i in range(3)]
    tokens = analyze_query("pump")
    found = weigh_evidence("pump", tokens, fuse(tokens, hits, []), hits, weigh_coverage(tokens, []))
    assert {one.lead for one in found} == {0.0}


def test_scores_never_rise_and_hits_without_evidence_get_0() -> None:
    hits = [make_hit(name, name, 1.0) for name in "abcd"]
    evidence = [Evidence(0.6, 0.3), Evidence(0.9, 0.6), Evidence(0.1, 0.0)]
    scores = [hit.score for hit in score_hits(hits, evidence, BUILT_IN)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == BUILT_IN.estimate(evidence[0])
    assert scores[3] == 0


def test_nothing_found_has_no_evidence() -> None:
    assert weigh_evidence("x", ["x"], [], [], CoveredHits()) == []


def test_a_calibration_is_read_as_it_was_written() -> None:
    own = msgspec.structs.replace(BUILT_IN, version="own", answerable=0.5)
    assert read_calibration(msgspec.json.encode(own).decode()) == own
    assert read_calibration(" ") == BUILT_IN


@pytest.mark.parametrize(
    "change",
    [{"answerable": 2}, {"both": {}}, {"both": {"base": 1e999}}, {"colour": 1}, {"both": {"base": "1"}}],
    ids=str,
)
def test_what_is_no_calibration_is_refused(change: dict[str, object]) -> None:
    text = json.dumps({**msgspec.to_builtins(BUILT_IN), **change}).replace("Infinity", "1e999")
    with pytest.raises(ConfigurationError, match="invalid_settings"):
        read_calibration(text)
    with pytest.raises(ConfigurationError):
        read_calibration(text[:-1])


def test_a_fit_finds_the_weights_that_made_the_samples() -> None:
    chance = random.Random(1)
    true = Weights(-4.0, 8.0, 2.0, 1.0)
    drawn = [Evidence(chance.random(), chance.random(), chance.uniform(-1, 1)) for _ in range(4_000)]
    samples = [Sample(evidence, chance.random() < true.estimate(evidence)) for evidence in drawn]
    found = fit_weights(samples, BUILT_IN.both)
    assert found.base == pytest.approx(true.base, abs=0.6)
    assert found.coverage == pytest.approx(true.coverage, abs=0.9)
    assert found.similarity == pytest.approx(true.similarity, abs=0.6)


def test_too_few_samples_leave_the_weights_that_are_built_in() -> None:
    samples = [Sample(Evidence(0.9, 0.5), is_answer=True)] * 100
    assert fit(samples, "own").both == BUILT_IN.both


def test_auroc_counts_ties_half() -> None:
    assert compute_auroc([0.9, 0.8, 0.1], [True, True, False]) == 1
    assert compute_auroc([0.5, 0.5], [True, False]) == 0.5
    assert compute_auroc([0.1, 0.9], [True, False]) == 0


def test_hits_with_the_same_text_are_shown_once_with_the_others_listed() -> None:
    texts = ["Wear a helmet.", "wear  a HELMET.", "Wear a helmet. ", "Wear a helmet on site.", "", ""]
    hits = [make_hit(f"h{i}", text, 1 - i / 10) for i, text in enumerate(texts)]
    found = collapse_duplicates(hits)
    assert [hit.id for hit in found.hits] == ["h0", "h3", "h4", "h5"]
    assert {id_: [hit.id for hit in others] for id_, others in found.duplicates.items()} == {"h0": ["h1", "h2"]}


def test_hits_with_texts_of_their_own_have_no_duplicates() -> None:
    hits = [make_hit(f"h{i}", f"The same beginning of each of the texts, then {i}", 1.0) for i in range(9)]
    assert collapse_duplicates(hits).hits == hits
    assert collapse_duplicates([]).duplicates == {}


def test_too_few_queries_for_a_fit_are_a_sentence() -> None:
    samples = [Sample(Evidence(coverage=1.0), is_answer=True)] * 19
    assert "19 best hits are answers and 0 are not" in describe_gain(samples)
    assert "nan" not in describe_gain([])
