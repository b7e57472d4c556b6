"""Requests of Dify's contract, as the searches that they ask for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from functions.search.dify import RetrievalRequest
from functions.search.dify_conditions import Condition, convert_conditions
from shared.domain.errors import RequestError
from shared.retrieval.query import MAX_QUERY_CHARACTERS
from shared.store.expressions import compile_filter

OPERATORS = [
    "contains", "not contains", "start with", "end with", "is", "is not", "in", "not in", "empty", "not empty",
    "=", "≠", ">", "<", "≥", "≤", "before", "after",
]  # fmt: skip


def ask(**fields: Any) -> RetrievalRequest:
    content = {"knowledge_id": "all", "query": "q", **fields}
    return msgspec.convert(content, RetrievalRequest)


def expression(name: Any, operator: str, value: Any = None) -> str:
    return compile_filter(convert_conditions([Condition(name, operator, value)], "and"))


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_makes_a_filter_of_a_text(operator: str) -> None:
    for name in ("team", "key", "title", "tenant", "sheet", "document_name", "部门"):
        for value in ("sales", "2024", "2026-11-27"):
            assert expression(name, operator, value), (name, value)


@pytest.mark.parametrize("operator", OPERATORS[4:])
def test_numbers_may_come_as_texts(operator: str) -> None:
    for name in ("page", "row", "modified", "year"):
        for value in (7, 7.0, "7", " 7 "):
            assert "7" in expression(name, operator, value) or "empty" in operator, (name, value)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        (">", "2024", '((exists metadata["year"]) and metadata["year"] > 2024)'),
        ("≥", 2024, '((exists metadata["year"]) and metadata["year"] >= 2024)'),
        ("before", "2026-01-31", '((exists metadata["year"]) and metadata["year"] < "2026-01-31")'),
        ("start with", "20", '((exists metadata["year"]) and metadata["year"] >= "20"'),
        ("end with", "%4", '((exists metadata["year"]) and metadata["year"] like "%\\\\%4")'),
        ("contains", "02", '((exists metadata["year"]) and metadata["year"] like "%02%")'),
        ("contains", "02", '((exists metadata["year"]) and json_contains(metadata["year"], "02"))'),
        ("is", "2024", 'metadata["year"] == "2024"'),
        ("is", "2024", 'metadata["year"] == 2024)'),
        ("is", 2025, 'metadata["year"] == "2025"'),
        ("is", 2025.0, 'metadata["year"] == "2025"'),
        ("in", [2025, "x"], 'metadata["year"] == 2025)'),
        ("in", "a, 5", 'metadata["year"] == 5)'),
        ("in", ["a", "b"], 'metadata["year"] == "b"'),
        ("not in", ["a", "b"], "not ("),
        ("is not", "a", "not ("),
        ("IS  not", "a", "not ("),
        ("is", "true", 'metadata["year"] == true'),
    ],
)
def test_an_operator_compares_the_value_as_what_it_may_stand_for(operator: str, value: Any, expected: str) -> None:
    assert expected in expression("year", operator, value)
    assert expected in expression("metadata.year", operator, value)


@pytest.mark.parametrize("value", ["2026-11-27", "2026-11-27T00:00:00Z", "2026-11-27T08:00:00+08:00", "1795737600"])
def test_the_time_of_a_change_takes_dates_and_seconds(value: str) -> None:
    assert expression("modified", "before", value) == "((modified < 1795737600))"


@pytest.mark.parametrize("value", [[], [None]])
def test_a_list_without_values_holds_nothing(value: list[Any]) -> None:
    nothing = '(document_id == "")'
    assert expression("team", "in", value) == f"({nothing})"
    assert expression("team", "not in", value) == f"(not ({nothing}))"
    assert expression("team", "in", [None, "a"]) == expression("team", "in", ["a"])


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("is", "a.pdf", ['title in ["a.pdf"]', 'key in ["a.pdf"]', 'key like "%/a.pdf"']),
        ("in", ["a.pdf", 5], ['title in ["a.pdf", "5"', 'key in ["a.pdf", "5"]', 'key like "%/5"']),
        ("contains", "a.p", ['title like "%a.p%"', 'key like "%a.p%"']),
        ("end with", ".pdf", ['title like "%.pdf"', 'key like "%.pdf"']),
        ("start with", "a", ['title >= "a"', 'key >= "a"', 'key like "%/a%"']),
        ("≠", "a.pdf", ["not (", 'key like "%/a.pdf"']),
        ("is", "back\\slash", ['title in ["back\\\\slash"', 'key in ["back\\\\slash"]']),
        ("not empty", None, ["title != "]),
    ],
)
def test_the_name_of_a_document_is_its_title_or_that_of_its_file(
    operator: str, value: Any, expected: list[str]
) -> None:
    written = expression("document_name", operator, value)
    assert [part for part in expected if part not in written] == []


def test_many_names_of_documents_are_still_a_filter() -> None:
    assert expression("document_name", "in", [f"{i}.pdf" for i in range(100)])


def test_a_condition_with_several_names_holds_where_one_of_them_does() -> None:
    assert " or " in expression(["category", "tag"], "is", "AI")


def test_conditions_are_joined_as_asked() -> None:
    conditions = [Condition("a", "is", "x"), Condition("b", "is", "y")]
    for word in ("and", "or"):
        assert f") {word} (" in compile_filter(convert_conditions(conditions, word))


@pytest.mark.parametrize(
    ("name", "operator", "value"),
    [
        ("team", "like", "x"), ("", "is", "x"), ("a b", "is", "x"), ([], "is", "x"), ("page", "is", "many"),
        ("page", "contains", "x"), ("modified", "after", "yesterday"), ("team", "is", []), ("team", ">", [1]),
        ("team", "in", ["x"] * 200), ("team", "contains", ["x"] * 200), ("team", "contains", "back\\slash"),
        ("team", "is", "\x00"), ("1x", "empty", None), ('x"]', "is", "x"), ("page", ">", True),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused(name: Any, operator: str, value: Any) -> None:
    with pytest.raises(RequestError, match="invalid_filter"):
        expression(name, operator, value)


@pytest.mark.parametrize(
    ("knowledge_id", "tenant", "chosen"),
    [
        ("AAA-BBB", None, None), ("", None, None), ("tenant:acme", "acme", None),
        ("prefix:reports/", None, {"and": [{"prefix": {"key": "reports/"}}]}), ("prefix:", None, None),
    ],
)  # fmt: skip
def test_the_id_of_the_knowledge_names_a_tenant_a_folder_or_all(knowledge_id: str, tenant: Any, chosen: Any) -> None:
    query = ask(knowledge_id=knowledge_id).to_query()
    assert (query.tenant, query.filter) == (tenant, chosen)


def test_a_threshold_of_zero_is_none() -> None:
    assert ask(retrieval_setting={"top_k": 3, "score_threshold": 0.0}).to_query().min_score is None
    query = ask(retrieval_setting={"top_k": 3, "score_threshold": 0.4}).to_query()
    assert (query.top_k, query.min_score) == (3, 0.4)


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_out_of_range_is_refused(threshold: float) -> None:
    with pytest.raises(RequestError, match="invalid_request"):
        ask(retrieval_setting={"score_threshold": threshold}).to_query()


def test_a_message_that_is_too_long_for_a_query_is_cut() -> None:
    assert len(ask(query="x" * 5_000).to_query().text) == MAX_QUERY_CHARACTERS
