"""The arithmetic of the benchmark of answers: halves, AUROC, precision, snippets."""

from __future__ import annotations

from benchmarks.answers import Best, choose_foreign, halve, judge_scores, judge_snippets
from benchmarks.beir import Judged


def judge(name: str, ids: str) -> Judged:
    return Judged(
        name,
        (),
        {id_: f"question {id_}" for id_ in ids},
        {id_: {f"d{id_}": 1} for id_ in ids},
        {id_: f"answer {id_}" for id_ in ids},
    )


def test_halves_are_the_same_in_every_run_and_hold_all() -> None:
    ids = [f"d{i}" for i in range(21)]
    first, second = halve(ids)
    assert halve(list(reversed(ids))) == (first, second)
    assert first | second == set(ids)
    assert (len(first), len(second)) == (10, 11)


def test_a_translation_of_the_set_is_no_other_set() -> None:
    own = judge("own", "abc")
    assert choose_foreign(own, [own, judge("translated", "abc")]) == {}
    assert set(choose_foreign(own, [own, judge("other", "xyz")]).values()) == {f"question {id_}" for id_ in "xyz"}


def test_scores_that_part_the_questions_are_perfect() -> None:
    answered, unanswered = [Best("d", 0.9, "", True)] * 3, [Best("d", 0.1)] * 5
    values = [figure.value for figure in judge_scores("set", "way", answered, unanswered)]
    assert values == [1, 1, 1, 1]
    assert [f.value for f in judge_scores("set", "way", [Best("d", 0.5)] * 4, [Best("d", 0.5)] * 4)][:2] == [0.5, 0.5]
    assert judge_scores("set", "way", [], unanswered) == []


def test_only_snippets_of_right_hits_are_judged() -> None:
    found = {"a": Best("da", 1, "the answer a is"), "b": Best("db", 1, "nothing"), "c": Best("dx", 1, "answer c")}
    (figure,) = judge_snippets(judge("own", "abc"), found)
    assert figure.value == 0.5
    assert judge_snippets(Judged("own", (), {}, {}), found) == []
