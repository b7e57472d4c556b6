"""The bodies and cursors of requests, as they are read."""

from __future__ import annotations

import msgspec
import pytest

from functions.embed.shapes import OpenAIRequest
from functions.search.shapes import read_cursor, write_cursor
from shared.domain.errors import RequestError
from shared.embedding.parameters import TextType
from shared.store.registry import Place


def ask(text_type: TextType | None = None, input_type: str | None = None) -> TextType:
    return OpenAIRequest(msgspec.Raw(b'"text"'), "model", text_type=text_type, input_type=input_type).read_text_type()


@pytest.mark.parametrize("name", ["query", "Query", "search_query", "retrieval.query", "RETRIEVAL_QUERY"])
def test_each_name_of_a_query_asks_for_the_vectors_of_queries(name: str) -> None:
    assert ask(input_type=name) == ask(TextType.QUERY, name) == ask(TextType.QUERY) == TextType.QUERY


@pytest.mark.parametrize("name", ["document", "search_document", "clustering", None, ""])
def test_everything_else_is_a_document(name: str | None) -> None:
    assert ask(input_type=name) == ask(TextType.DOCUMENT, name) == TextType.DOCUMENT


@pytest.mark.parametrize(("text_type", "name"), [(TextType.QUERY, "document"), (TextType.DOCUMENT, "search_query")])
def test_two_fields_that_disagree_are_refused(text_type: TextType, name: str) -> None:
    with pytest.raises(RequestError, match="invalid_request"):
        ask(text_type, name)


@pytest.mark.parametrize("key", ["a", "ab", "abc", "abcd", "日本", "🙂/x y", "\"'\\\n", "k" * 1_023])
def test_a_cursor_fits_into_a_link_and_is_read_as_it_was_written(key: str) -> None:
    cursor = write_cursor(Place(key, "bucket"))
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(cursor) < 2_000
    assert read_cursor(cursor) == Place(key, "bucket")


@pytest.mark.parametrize("cursor", ["x", "é", "=", "WyJhIl0", "5", "W10", "bnVsbA", "a" * 3_000, " WyJhIiwiYiJd"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(RequestError, match="invalid_cursor"):
        read_cursor(cursor)


def test_the_first_page_needs_no_cursor() -> None:
    assert read_cursor("") is None
