"""Odd bodies, links and arguments get a right answer or an error with a stable code."""

from __future__ import annotations

import codecs
import tracemalloc
from typing import TYPE_CHECKING, Any

import flask
import pytest
from werkzeug.datastructures import Headers

from functions.embed.shapes import EmbedRequest
from functions.search.answer_shapes import AnswerRequest
from functions.search.arguments import convert
from functions.search.mcp import PARSE_ERROR, Endpoint
from functions.search.shapes import ListRequest, SearchRequest
from functions.search.similar_shapes import SimilarRequest
from shared.domain.errors import RequestError
from shared.runtime.request import read_body
from shared.store.expressions import compile_filter

if TYPE_CHECKING:
    from collections.abc import Iterator

    import msgspec

GOOD: dict[type[msgspec.Struct], str] = {
    SearchRequest: '"query": "Größe"',
    AnswerRequest: '"query": "Größe"',
    SimilarRequest: '"id": "Größe"',
    EmbedRequest: '"texts": ["Größe"]',
}
KINDS = pytest.mark.parametrize("kind", GOOD)


def read(kind: type[Any], data: bytes) -> Any:
    with flask.Flask("test").test_request_context(data=data, method="POST"):
        return read_body(kind)


def test_a_million_texts_are_refused_before_they_take_memory() -> None:
    body = b'{"texts": [' + b'"a",' * 1_000_000 + b'"a"]}'
    with flask.Flask("test").test_request_context(data=body, method="POST"):
        tracemalloc.start()
        with pytest.raises(RequestError) as caught:
            read_body(EmbedRequest)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert caught.value.code == "too_many_texts"
    assert peak < 3 * len(body)  # the body itself, once more


def list_bodies(good: str) -> Iterator[tuple[bytes, str]]:
    whole = f"{{{good}}}"
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1"):
        yield whole.encode(encoding), "invalid_json"
    for end in (" x", "{}", ","):
        yield f"{whole}{end}".encode(), "invalid_json"
    for value in ("NaN", "-Infinity", "1e999", "01", "'a'", "tru", '"\\ud800"', "0x10", "[1,]"):
        yield f'{{{good}, "top_k": {value}}}'.encode(), "invalid_json invalid_request"
    for opening in ("[", '{"a":'):
        yield f'{{{good}, "filter": {opening * 9_000}'.encode(), "invalid_json invalid_request"
    yield f'{{{good}, "top_k": {"9" * 5_000}}}'.encode(), "invalid_json invalid_request"
    yield f'{{{good}, "colour": [{",".join(["[]"] * 10_000)}]}}'.encode(), "invalid_request"
    yield f'{{{good}, "colour": [{",".join([chr(34) * 2] * 20_000)}]}}'.encode(), "too_many_texts"


@KINDS
def test_a_body_that_cannot_be_read_is_refused_with_a_stable_code(kind: type[msgspec.Struct]) -> None:
    for data, codes in list_bodies(GOOD[kind]):
        with pytest.raises(RequestError) as caught:
            pytest.fail(f"{read(kind, data)} of {data[:80]!r}")
        assert caught.value.code in codes.split(), data[:80]


@KINDS
def test_a_byte_order_mark_is_passed_over(kind: type[msgspec.Struct]) -> None:
    data = f"{{{GOOD[kind]}}}".encode()
    assert read(kind, codecs.BOM_UTF8 + data) == read(kind, data)


def test_a_message_of_a_tool_may_begin_with_a_byte_order_mark() -> None:
    endpoint = Endpoint("test", "", [])
    ping = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
    assert endpoint.answer(codecs.BOM_UTF8 + ping, Headers()) == ({"jsonrpc": "2.0", "id": 1, "result": {}}, 200)
    refused, status = endpoint.answer(ping.decode().encode("utf-16"), Headers())
    assert isinstance(refused, dict)
    assert (refused["error"]["code"], status) == (PARSE_ERROR, 400)


def test_the_last_of_two_fields_of_one_name_counts() -> None:
    assert read(SearchRequest, b'{"query": "a", "query": "b", "top_k": 1, "top_k": -0}').query == "b"


@pytest.mark.parametrize(
    "fields",
    [
        {"top_k": "", "offset": "", "context": "", "group_size": ""}, {"mode": "", "sort": "", "group_by": ""},
        {"filter": "", "facets": "", "min_score": "", "rerank": "", "explain": ""},
    ],
)  # fmt: skip
def test_an_empty_text_leaves_a_field_out_that_holds_no_text(fields: dict[str, str]) -> None:
    assert convert({"query": "a", **fields}, SearchRequest, from_text=True) == SearchRequest("a")


def test_an_empty_text_stays_where_a_text_is_expected() -> None:
    assert convert({"query": "", "tenant": ""}, SearchRequest, from_text=True) == SearchRequest("", tenant="")
    listed = {"state": "", "limit": "", "prefix": "", "after": "", "tenant": None}
    assert convert(listed, ListRequest, from_text=True) == ListRequest()


@pytest.mark.parametrize(
    ("text", "facets"),
    [
        ("format", ("format",)), ("format,tenant", ("format", "tenant")), (["format"], ("format",)),
        ('["format", "tenant"]', ("format", "tenant")), ("[]", ()), ("[", ("[",)),
    ],
)  # fmt: skip
def test_a_list_may_be_a_text(text: Any, facets: tuple[str, ...]) -> None:
    assert convert({"query": "a", "facets": text}, SearchRequest, from_text=True).facets == facets


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"top_k": "abc"}, "invalid_request"), ({"top_k": True}, "invalid_request"),
        ({"top_k": " 3"}, "invalid_request"), ({"top_k": 1e30}, "invalid_request"),
        ({"mode": "HYBRID"}, "invalid_request"), ({"colour": ""}, "invalid_request"),
        ({"facets": "[1]"}, "invalid_request"), ({"filter": "["}, "invalid_filter"),
        ({"query": ["a"]}, "invalid_request"), ({"query": None}, "invalid_request"),
    ],
)  # fmt: skip
def test_other_values_of_a_link_or_a_tool_are_refused(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(RequestError) as caught:
        convert({"query": "a", **fields}, SearchRequest, from_text=True)
    assert caught.value.code == code


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}, None, float("nan"), float("inf")])
def test_a_value_that_metadata_cannot_have_is_refused_by_what_it_may_be(value: Any) -> None:
    with pytest.raises(RequestError, match="a text, a number or a boolean"):
        compile_filter({"eq": {"metadata.year": value}})
