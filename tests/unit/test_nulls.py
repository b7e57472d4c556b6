"""``null`` in an optional field counts as left out: in bodies, in objects within them, in links and MCP arguments."""

from __future__ import annotations

from typing import Any

import flask
import msgspec
import pytest

from functions.search.arguments import convert
from functions.search.dify import RetrievalRequest, read_request
from functions.search.shapes import DocumentRequest, SearchRequest
from ops.openapi import OPERATIONS
from shared.domain.errors import RequestError
from shared.runtime.request import read_body

BODIES = [it.takes for it in OPERATIONS if it.takes and not it.by_link]
LINKS = [it.takes for it in OPERATIONS if it.takes and it.by_link]
ARGUMENTS = list(dict.fromkeys([*BODIES, *LINKS, DocumentRequest]))
# Of fields that must be given; a new request with another one adds it here.
REQUIRED: dict[str, Any] = {
    "texts": ["text"], "input": msgspec.Raw(b'"text"'), "model": "m", "query": "q", "knowledge_id": "all",
    "id": "0" * 32, "key": "a.txt", "size": 1,
}  # fmt: skip


def least(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {it.encode_name: REQUIRED[it.encode_name] for it in msgspec.structs.fields(kind) if it.required}


def optional(kind: type[msgspec.Struct]) -> list[str]:
    return [it.encode_name for it in msgspec.structs.fields(kind) if not it.required]


def read(kind: type[Any], content: dict[str, Any]) -> Any:
    with flask.Flask("test").test_request_context(data=msgspec.json.encode(content), method="POST"):
        return read_body(kind)


CASES = [(kind, name) for kind in dict.fromkeys(BODIES) for name in optional(kind)]


@pytest.mark.parametrize(("kind", "name"), CASES, ids=lambda value: value if isinstance(value, str) else value.__name__)
def test_null_in_an_optional_field_of_a_body_is_as_if_it_were_left_out(kind: type[Any], name: str) -> None:
    assert read(kind, {**least(kind), name: None}) == read(kind, least(kind))


@pytest.mark.parametrize("kind", dict.fromkeys(BODIES))
def test_null_in_every_optional_field_of_a_body_too(kind: type[Any]) -> None:
    assert read(kind, {**least(kind), **dict.fromkeys(optional(kind))}) == read(kind, least(kind))


@pytest.mark.parametrize("kind", ARGUMENTS)
def test_null_in_arguments_of_a_tool_and_of_a_link_too(kind: type[Any]) -> None:
    everything = {**least(kind), **dict.fromkeys(optional(kind))}
    assert convert(everything, kind, from_text=True) == convert(least(kind), kind, from_text=True)


def test_null_counts_as_left_out_in_objects_within_a_body() -> None:
    setting = {"top_k": None, "score_threshold": None}
    condition = {"logical_operator": None, "conditions": [{"name": "a", "comparison_operator": "is", "value": None}]}
    content = {**least(RetrievalRequest), "retrieval_setting": setting, "metadata_condition": condition}
    asked = read(RetrievalRequest, content)
    assert asked.retrieval_setting == RetrievalRequest("", "").retrieval_setting
    assert asked.metadata_condition.logical_operator == "and"
    assert asked.to_query().filter is None
    assert read(RetrievalRequest, {**content, "metadata_condition": {"conditions": None}}).to_query().filter is None


@pytest.mark.parametrize("name", ["retrieval_setting", "metadata_condition"])
@pytest.mark.parametrize("value", [5, "text", [1], [None], {"conditions": [None]}, {"top_k": "x", "conditions": 5}])
def test_what_is_wrong_beside_a_null_is_still_refused(name: str, value: Any) -> None:
    from shared.domain.errors import RequestError

    with pytest.raises(RequestError, match="invalid_request"):
        read(RetrievalRequest, {**least(RetrievalRequest), "knowledge_id": 5, name: value})


@pytest.mark.parametrize("written", [b"5", b"5.0", b"5.000", b"0.5e1", b"50e-1", b"5E0"])
def test_a_whole_number_may_be_written_as_a_float(written: bytes) -> None:
    data = b'{"query": "q", "top_k": %s, "context": 2.0, "min_score": 1.0}' % written
    body = (
        b'{"knowledge_id": "all", "query": "q", "retrieval_setting": {"top_k": %s, "score_threshold": 1.0}}' % written
    )
    with flask.Flask("test").test_request_context(data=data, method="POST"):
        if b"e-" in written:
            with pytest.raises(RequestError, match="invalid_request"):
                read_body(SearchRequest)
            return
        asked = read_body(SearchRequest)
    assert (asked.top_k, asked.context, asked.min_score) == (5, 2, 1.0)
    with flask.Flask("test").test_request_context(data=body, method="POST"):
        assert read_body(RetrievalRequest).retrieval_setting.top_k == 5


@pytest.mark.parametrize("written", [b"5.5", b"1e400", b"-0.1", b'"5"', b"true", b"[5.0]", b"1e9999999999"])
def test_other_values_are_no_whole_numbers(written: bytes) -> None:
    with (
        flask.Flask("test").test_request_context(data=b'{"query": "q", "top_k": %s}' % written, method="POST"),
        pytest.raises(RequestError, match="invalid_request"),
    ):
        read_body(SearchRequest)


def test_dify_may_send_numbers_as_texts_but_values_stay_what_they_are() -> None:
    body = {
        "knowledge_id": "all", "query": "q", "retrieval_setting": {"top_k": "3", "score_threshold": "0.5"},
        "metadata_condition": {"conditions": [{"name": "year", "comparison_operator": "is", "value": "5"}]},
    }  # fmt: skip
    with flask.Flask("test").test_request_context(data=msgspec.json.encode(body), method="POST"):
        asked = read_request()
    assert (asked.retrieval_setting.top_k, asked.retrieval_setting.score_threshold) == (3, 0.5)
    assert asked.metadata_condition is not None
    assert asked.metadata_condition.conditions[0].value == "5"
