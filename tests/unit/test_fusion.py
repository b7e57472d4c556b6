"""Fusion: what two searches found becomes one order, with pages that stay as they were."""

from __future__ import annotations

from shared.domain.models import Location, SearchHit
from shared.retrieval.fusion import fuse


def found(name: str, score: float, text: str = "") -> SearchHit:
    return SearchHit(name, score, text, "document", "bucket", "key", "title", Location())


def side(prefix: str, count: int, text: str) -> list[SearchHit]:
    return [found(f"{prefix}{rank}", 1 - rank / 1000, text) for rank in range(count)]


def order(hits: list[SearchHit]) -> list[str]:
    return [hit.id for hit in hits]


def test_deeper_sides_only_make_the_list_longer() -> None:
    query, text = "turbine gearbox", "the turbine and its gearbox"
    dense, lexical = side("d", 120, text), side("l", 120, text)
    lexical[10:20] = dense[70:80]
    shallow = fuse(query, dense[:60], lexical[:60])
    deep = fuse(query, dense, lexical)
    assert order(deep)[: len(shallow)] == order(shallow)
    assert len(set(order(deep))) == len(deep) == 230


def test_scores_lie_between_0_and_1_and_never_rise() -> None:
    scores = [hit.score for hit in fuse("turbine", side("d", 80, "a"), side("l", 70, "turbine"))]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] <= 1
    assert scores[-1] >= 0


def test_words_in_another_language_leave_the_order_to_meaning() -> None:
    dense = [found("right", 0.9, "the gearbox was replaced"), found("wrong", 0.5, "NASA was founded")]
    lexical = [found("wrong", 3.0, "NASA was founded")]
    assert order(fuse("NASA 更换了哪个齿轮箱和风机叶片以及温度传感器", dense, lexical))[0] == "right"


def test_words_that_cover_the_question_outweigh_a_weak_likeness() -> None:
    dense = [found("alike", 0.52, "pumps in general"), found("exact", 0.5, "error E4711 of the pump")]
    lexical = [found("exact", 9.0, "error E4711 of the pump"), found("alike", 1.0, "pumps in general")]
    assert order(fuse("error E4711 pump", dense, lexical))[0] == "exact"


def test_nothing_found_by_words_leaves_the_order_of_meaning() -> None:
    dense = side("d", 60, "a")
    assert order(fuse("turbine", dense, [])) == order(dense)
