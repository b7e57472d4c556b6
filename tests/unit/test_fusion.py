"""Fusion: what two searches found becomes one order, with pages that stay as they were."""

from __future__ import annotations

from shared.domain.models import Location, SearchHit
from shared.language.analysis import analyze, analyze_query
from shared.retrieval.coverage import weigh_coverage
from shared.retrieval.fusion import fuse, rank_keywords


def found(name: str, score: float, text: str = "") -> SearchHit:
    words = "\n".join(["", *(" ".join(analyze(line)) for line in text.splitlines())])
    return SearchHit(name, score, text, "document", "bucket", "key", "title", Location(), words=words)


def side(prefix: str, count: int, text: str) -> list[SearchHit]:
    return [found(f"{prefix}{rank}", 1 - rank / 1000, text) for rank in range(count)]


def order(hits: list[SearchHit]) -> list[str]:
    return [hit.id for hit in hits]


def test_deeper_sides_only_make_the_list_longer() -> None:
    query, text = analyze_query("turbine gearbox"), "the turbine and its gearbox"
    dense, lexical = side("d", 120, text), side("l", 120, text)
    lexical[10:20] = dense[70:80]
    shallow = fuse(query, dense[:60], lexical[:60])
    deep = fuse(query, dense, lexical)
    assert order(deep)[: len(shallow)] == order(shallow)
    assert len(set(order(deep))) == len(deep) == 230


def test_scores_lie_between_0_and_1_and_never_rise() -> None:
    scores = [hit.score for hit in fuse(analyze_query("turbine"), side("d", 80, "a"), side("l", 70, "turbine"))]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] <= 1
    assert scores[-1] >= 0


def test_words_in_another_language_leave_the_order_to_meaning() -> None:
    dense = [found("right", 0.9, "the gearbox was replaced"), found("wrong", 0.5, "NASA was founded")]
    lexical = [found("wrong", 3.0, "NASA was founded")]
    assert order(fuse(analyze_query("NASA 更换了哪个齿轮箱和风机叶片以及温度传感器"), dense, lexical))[0] == "right"


def test_words_that_cover_the_question_outweigh_a_weak_likeness() -> None:
    dense = [found("alike", 0.52, "pumps in general"), found("exact", 0.5, "error E4711 of the pump")]
    lexical = [found("exact", 9.0, "error E4711 of the pump"), found("alike", 1.0, "pumps in general")]
    assert order(fuse(analyze_query("error E4711 pump"), dense, lexical))[0] == "exact"


def test_nothing_found_by_words_leaves_the_order_of_meaning() -> None:
    dense = side("d", 60, "a")
    assert order(fuse(analyze_query("turbine"), dense, [])) == order(dense)


def test_one_line_that_covers_the_query_outweighs_words_scattered_over_lines() -> None:
    rows = "name: Anna Adler; phone: 11\nname: Bernd Becker; phone: 12"
    mixed = "name: Anna Becker; phone: 13\nname: Carla Dietz; phone: 14"
    hits = [found("scattered", 5.0, rows), found("whole", 4.8, mixed)]
    tokens = analyze_query("phone of Anna Becker")
    covered = weigh_coverage(tokens, hits)
    assert order(list(covered.hits)) == ["whole", "scattered"]
    assert covered.coverage == 1
    assert order(fuse(tokens, [], hits))[0] == "whole"


def test_what_begins_a_line_outweighs_what_is_mentioned_in_it() -> None:
    mention = "第十八条 乙方应当在十日内提交清单并支付违约金，参照第十七条的规定执行"
    hits = [found("mentions", 5.0, mention), found("begins", 4.9, "第十七条 甲方应当在三十日内支付货款")]
    assert order(rank_keywords(analyze_query("第17条"), hits))[0] == "begins"


def test_the_context_counts_for_every_line() -> None:
    own = found("own", 4.0, "Battery takes 90 minutes")
    own = SearchHit(
        **{**{name: getattr(own, name) for name in own.__struct_fields__}, "words": f"nordwind 200{own.words}"}
    )
    other = found("other", 4.1, "Nordwind 300 battery takes 80 minutes")
    assert order(rank_keywords(analyze_query("Nordwind 200 battery"), [own, other]))[0] == "own"


def test_deeper_hits_by_words_follow_with_no_greater_scores() -> None:
    ranked = rank_keywords(analyze_query("turbine"), side("l", 80, "turbine and more"))
    scores = [hit.score for hit in ranked]
    assert scores == sorted(scores, reverse=True)
    assert len(ranked) == 80
