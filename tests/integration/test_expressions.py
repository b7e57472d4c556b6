"""The filter language means the same on every Milvus, and no text of a user changes what it means."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError
from shared.store.expressions import MAX_PARTS, compile_filter
from shared.store.store import Store
from tests.integration.test_store import SPACE, chunk_rows, soon, write

if TYPE_CHECKING:
    from shared.runtime.settings import MilvusSettings

pytestmark = pytest.mark.every_milvus

METADATA: dict[str, dict[str, Any]] = {
    "one": {"team": "sales", "year": 2026, "tags": ["urgent", "internal"], "draft": True, "rate": 1.5, "flag": 1},
    "two": {"team": "sails", "year": 2024, "tags": ["internal"], "draft": False, "flag": True},
    "three": {"team": 7, "quote": 'say "hi" \\ or not', "odd": "tab\tline\nend", "部门": "财务", "größe": 3},
    "none": {},
}
NAMES = dict(enumerate(METADATA))


@pytest.fixture(scope="module")
def store(milvus: MilvusSettings) -> Store:
    """Four chunks of four documents: the third has a page, the fourth a sheet, a row and a tenant."""
    store = Store(replace(milvus, collection=f"{milvus.collection}_filters"), SPACE)
    store.prepare(soon())
    for i, (name, metadata) in enumerate(METADATA.items()):
        (written,) = chunk_rows(f"folder/{name}.txt", [f"Text {name}."])
        location = replace(
            written.chunk.location,
            page=3 if name == "three" else None,
            sheet="Tabelle" if name == "none" else None,
            row=9 if name == "none" else None,
        )
        written = replace(
            written, metadata=metadata, modified=i, chunk=replace(written.chunk, location=location),
            tenant="acme" if name == "none" else "",
        )  # fmt: skip
        write(store, [written])
    return store


def found(store: Store, condition: Any) -> set[str]:
    vector = [1.0] + [0.0] * 63
    hits = store.chunks.search_dense(vector, 50, compile_filter(condition), soon())
    return {hit.key.removeprefix("folder/").removesuffix(".txt") for hit in hits}


ALL = set(METADATA)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"eq": {"metadata.team": "sales"}}, {"one"}),
        ({"eq": {"metadata.team": 7}}, {"three"}),
        ({"eq": {"metadata.draft": True}}, {"one"}),
        ({"eq": {"metadata.draft": 1}}, set()),
        ({"eq": {"metadata.flag": 1}}, {"one"}),
        ({"eq": {"metadata.flag": True}}, {"two"}),
        ({"ne": {"metadata.flag": True}}, ALL - {"two"}),
        ({"in": {"metadata.flag": [0, 1, False]}}, {"one"}),
        ({"gte": {"metadata.flag": 0}}, {"one"}),
        ({"ne": {"metadata.team": "sales"}}, ALL - {"one"}),
        ({"not": {"eq": {"metadata.team": "sales"}}}, ALL - {"one"}),
        ({"in": {"metadata.team": ["sales", "sails"]}}, {"one", "two"}),
        ({"not": {"in": {"metadata.team": ["sales", "sails"]}}}, {"three", "none"}),
        ({"gt": {"metadata.year": 2024}}, {"one"}),
        ({"gte": {"metadata.rate": 1.5}}, {"one"}),
        ({"not": {"lt": {"metadata.year": 2025}}}, ALL - {"two"}),
        ({"lt": {"metadata.team": "sales"}}, {"two"}),
        ({"gte": {"metadata.team": "sails"}}, {"one", "two"}),
        ({"prefix": {"metadata.team": "sa"}}, {"one", "two"}),
        ({"prefix": {"metadata.team": "sale"}}, {"one"}),
        ({"not": {"prefix": {"metadata.quote": "say"}}}, ALL - {"three"}),
        ({"prefix": {"metadata.team": ""}}, {"one", "two"}),
        ({"contains": {"metadata.tags": "urgent"}}, {"one"}),
        ({"not": {"contains": {"metadata.tags": "urgent"}}}, ALL - {"one"}),
        ({"exists": "metadata.year"}, {"one", "two"}),
        ({"not": {"exists": "metadata.year"}}, {"three", "none"}),
        ({"exists": "page"}, {"three"}),
        ({"exists": "sheet"}, {"none"}),
        ({"exists": "row"}, {"none"}),
        ({"exists": "tenant"}, {"none"}),
        ({"not": {"exists": "page"}}, ALL - {"three"}),
        ({"eq": {"tenant": "acme"}}, {"none"}),
        ({"ne": {"tenant": "acme"}}, ALL - {"none"}),
        ({"in": {"tenant": ["acme", ""]}}, ALL),
        ({"prefix": {"key": "folder/t"}}, {"two", "three"}),
        ({"or": [{"eq": {"page": 3}}, {"eq": {"metadata.year": 2024}}]}, {"two", "three"}),
        ({"and": [{"exists": "metadata.team"}, {"not": {"exists": "page"}}]}, {"one", "two"}),
        ({"lte": {"modified": 1}}, {"one", "two"}),
        ({"lte": {"modified": "1970-01-01T00:00:01Z"}}, {"one", "two"}),
        ({"gt": {"modified": "1970-01-01T08:00:01+08:00"}}, {"three", "none"}),
        ({"gt": {"modified": "1970-01-01"}}, ALL - {"one"}),
        ({"in": {"modified": ["1970-01-01 00:00:02", 3]}}, {"three", "none"}),
        ({"lt": {"modified": "2026-05-08"}}, ALL),
        ({"eq": {"metadata.quote": 'say "hi" \\ or not'}}, {"three"}),
        ({"prefix": {"metadata.odd": "tab\tline\n"}}, {"three"}),
        ({"exists": "metadata.nothing"}, set()),
        ({"eq": {"metadata.部门": "财务"}}, {"three"}),
        ({"ne": {"metadata.部门": "财务"}}, ALL - {"three"}),
        ({"exists": "metadata.größe"}, {"three"}),
        ({"gte": {"metadata.gro\u0308ße": 3}}, {"three"}),
        ({"eq": {"page": 3.0}}, {"three"}),
        ({"in": {"page": [3.0, 4]}}, {"three"}),
        ({"eq": {"metadata.year": 2026.0}}, {"one"}),
        ({}, ALL),
        ({"in": {"key": [f"folder/{i}.txt" for i in range(999)] + ["folder/one.txt"]}}, {"one"}),
        ({"not": {"in": {"document_id": [f"{i:032x}" for i in range(1_000)]}}}, ALL),
    ],
    ids=lambda value: "" if isinstance(value, set) else str(value),
)
def test_each_operator_selects_the_same_on_every_milvus(store: Store, condition: Any, expected: set[str]) -> None:
    assert found(store, condition) == expected


INJECTIONS = [
    'x" or document_id != "',
    "x' or document_id != '",
    'x\\" or document_id != \\"',
    'x\\\\" or document_id != "',
    "x\\",
    '"',
    '") or (document_id != "',
    "\\u0022 or document_id != \\u0022",
    "\\x22 or 1 == 1",
    "{x}",
    "{document_id}",
    "/* */ or true",
    "x -- ",
    "x # ",
    "%",
    "*",
    "_",
    "x\nor\ndocument_id != ''",
    "x\r\n\t",
    "\u2028\u200b\ufeff\u0085\x7f",
    "＂ or document_id != ＂",
    "🙂" * 250,
    "x" * 1_024,
    "__proto__",
    "null",
    "true or true",
]


@pytest.mark.parametrize("value", INJECTIONS, ids=lambda value: ascii(value)[:30])
def test_no_value_selects_more_than_itself(store: Store, value: str) -> None:
    for field in ("key", "title", "tenant", "document_id", "metadata.team"):
        for condition in ({"eq": {field: value}}, {"in": {field: [value, value]}}, {"prefix": {field: value}}):
            assert found(store, condition) == set()
        assert found(store, {"not": {"ne": {field: value}}}) == set()
    assert found(store, {"contains": {"metadata.tags": value}}) == set()


NO_NAMES = [value for value in INJECTIONS if not re.fullmatch(r"\w{1,64}", value)]


@pytest.mark.parametrize(
    "value", [*NO_NAMES, "", "a.b", "metadata.", "x\0", "\ud800"], ids=lambda value: ascii(value)[:30]
)
def test_no_name_of_a_field_is_taken_for_more_than_a_name(value: str) -> None:
    for field in (value, f"metadata.{value}", f'metadata["{value}"]', f"metadata.x.{value}"):
        for condition in ({"eq": {field: "x"}}, {"exists": field}, {"prefix": {field: "x"}}, {field: {"key": "x"}}):
            with pytest.raises(RequestError, match="invalid_filter"):
                compile_filter(condition)


@pytest.mark.parametrize("value", ["a\0b", "\x1b[0m", "\ud800", "x\udfff"], ids=ascii)
@pytest.mark.parametrize("field", ["key", "tenant", "metadata.team"])
def test_what_not_every_milvus_reads_alike_is_refused_and_the_field_named(field: str, value: str) -> None:
    for operator in ("eq", "ne", "lt", "prefix"):
        with pytest.raises(RequestError, match=f"invalid_filter.*'{field}'"):
            compile_filter({operator: {field: value}})
    with pytest.raises(RequestError, match=f"invalid_filter.*'{field}'"):
        compile_filter({"in": {field: [value]}})


@pytest.mark.parametrize(
    ("condition", "named"),
    [
        ({"eq": {"colour": "red"}}, "'colour'"),
        ({"eq": {"page": "3"}}, "'page'"),
        ({"eq": {"page": 3.5}}, "'page'"),
        ({"gt": {"modified": "yesterday"}}, "a date such as"),
        ({"gt": {"modified": "12"}}, "a date such as"),
        ({"gt": {"modified": 1.5}}, "'modified'"),
        ({"gt": {"page": "2026-05-08"}}, "'page'"),
        ({"and": [{}]}, "one operator"),
        ({"in": {"key": ["x"] * 1_001}}, "1 to 1000 values for 'key'"),
        ({"in": {"metadata.team": ["x"] * 101}}, "1 to 100 values for 'metadata.team'"),
        ({"in": {"key": [[["x"] * 9] * 9] * 9}}, "'key'"),
        ({"in": {"format": "pdf"}}, "'format'"),
        ({"prefix": {"page": "1"}}, "'page'"),
        ({"prefix": {"metadata.team": 5}}, "'metadata.team'"),
        ({"contains": {"key": "x"}}, "'key'"),
        ({"exists": "key"}, "'key'"),
        ({"exists": 5}, "'5'"),
        ({"gt": {"metadata.year": None}}, "'metadata.year'"),
        ({"like": {"key": "x"}}, "'like'"),
        ({"eq": {"x" * 500: 1}}, "…"),
    ],
    ids=lambda item: str(item)[:40],
)
def test_a_broken_filter_names_what_is_wrong_in_it(condition: Any, named: str) -> None:
    with pytest.raises(RequestError, match="invalid_filter") as caught:
        compile_filter(condition)
    assert named in caught.value.message
    assert len(caught.value.message) < 300


def test_the_largest_filter_is_still_read(store: Store) -> None:
    wide = {"or": [{"not": {"eq": {"metadata.team": f"team {i}"}}} for i in range(100)]}
    assert found(store, wide) == ALL
    many = {"in": {"metadata.team": [f"{uuid.uuid4()}" for _ in range(99)]}}
    assert found(store, {"or": [many, many, many, many]}) == set()
    deep: Any = {"eq": {"metadata.team": "sales"}}
    for i in range(3):
        others = [{"eq": {"metadata.team": f"no one {i} {j}"}} for j in range(20)]
        deep = {"or": [*others, deep]} if i % 2 else {"not": {"and": [{"not": deep}, *map(negated, others)]}}
    assert found(store, deep) == {"one"}


def negated(condition: Any) -> Any:
    return {"not": condition}


def test_a_filter_of_a_million_parts_is_refused_at_once() -> None:
    with pytest.raises(RequestError, match=str(MAX_PARTS)):
        compile_filter({"or": [{"in": {"key": ["x"] * 100}}] * 10_000})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"substring": {"metadata.team": "ale"}}, {"one"}),
        ({"substring": {"metadata.team": "sa"}}, {"one", "two"}),
        ({"suffix": {"metadata.team": "ils"}}, {"two"}),
        ({"suffix": {"metadata.team": "il"}}, set()),
        ({"not": {"suffix": {"metadata.team": "s"}}}, {"three", "none"}),
        ({"substring": {"metadata.team": "s_l"}}, set()),
        ({"substring": {"metadata.team": "s%l"}}, set()),
        ({"substring": {"metadata.odd": "\tline\n"}}, {"three"}),
        ({"substring": {"metadata.部门": "务"}}, {"three"}),
        ({"substring": {"key": "r/t"}}, {"two", "three"}),
        ({"suffix": {"key": "e.txt"}}, {"one", "three", "none"}),
        ({"substring": {"key": "%"}}, set()),
        ({"suffix": {"key": "_"}}, set()),
        ({"substring": {"key": "o" + "_" * 3}}, set()),
    ],
    ids=lambda value: "" if isinstance(value, set) else str(value),
)
def test_a_part_of_a_text_is_found_literally(
    store: Store, milvus_version: tuple[int, int], condition: Any, expected: set[str]
) -> None:
    if milvus_version < (2, 4):  # it compares beginnings alone
        with pytest.raises(PlatformError, match=r"milvus_refused|milvus_failed"):
            found(store, condition)
    else:
        assert found(store, condition) == expected
