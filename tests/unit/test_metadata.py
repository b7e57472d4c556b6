"""Which metadata a document may have, and what an error says about metadata it may not have."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.domain import metadata
from shared.domain.errors import RequestError
from shared.store.expressions import compile_filter

FIELDS = {"team": "red", "year": 2026, "tags": ["a", "b"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_byte_order_mark_before_metadata_is_accepted(encoding: str) -> None:
    assert metadata.parse(json.dumps(FIELDS).encode(encoding)) == FIELDS


def test_null_leaves_a_field_or_an_entry_out() -> None:
    assert metadata.parse(b'{"author": null, "team": "red", "tags": ["a", null]}') == {"team": "red", "tags": ["a"]}


@pytest.mark.parametrize("name", ["部门", "größe", "отдел", "विभाग", "قسم", "部署_2", "_", "x" * 64])
def test_names_of_any_language_are_accepted_and_usable_in_a_filter(name: str) -> None:
    assert metadata.check({name: 1}) == {name: 1}
    assert compile_filter({"eq": {f"metadata.{name}": 1}}).count(f'metadata["{name}"]') == 2


def test_a_name_is_the_same_name_however_its_accents_were_typed() -> None:
    assert metadata.check({"gro\u0308ße": 1}) == {"größe": 1}
    assert compile_filter({"exists": "metadata.gro\u0308ße"}) == 'exists metadata["größe"]'


@pytest.mark.parametrize(
    "name", ["", "a b", "a-b", "1a", 'a"', "a]", "a\\", "a\n", "\u0301a", "x" * 65, "a\u200bb", "，"]
)
def test_other_names_are_refused_in_metadata_and_in_a_filter(name: str) -> None:
    with pytest.raises(ValueError, match="the name"):
        metadata.check({name: 1})
    with pytest.raises(RequestError):
        compile_filter({"exists": f"metadata.{name}"})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"city": "Ulm"}, "'office' is an object"),
        ([1, 2], "'office' is a list"),
        ([["a"]], "'office' is a list"),
        (1 << 63, "'office' is a whole number of more than 64 bits"),
    ],
)
def test_an_error_names_the_field_and_says_what_to_write(value: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        metadata.parse(json.dumps({"team": "red", "office": value}).encode())


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe{", b"{" * 9_000, b'{"a": "' + b"x" * 20_000 + b'"}'])
def test_what_is_no_json_object_of_the_size_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="metadata is a JSON object"):
        metadata.parse(content)
