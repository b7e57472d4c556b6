"""The description of the HTTP functions says what they take, give and refuse, all of it and nothing else."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from local.stack import PROJECT
from ops import openapi, packaging
from ops.docs.codes import list_codes, read_sources
from ops.operation import GATE
from shared.runtime.openapi import read
from tests.routes import list_routes, nameless

if TYPE_CHECKING:
    from collections.abc import Iterator

DESCRIPTION: dict[str, Any] = json.loads(read())
# Function Compute's own calls; from outside they are a 404.
CONTROL = {"POST /initialize", "POST /invoke", "GET /pre-stop"}
# Raised at start alone, or of documents and events: no HTTP client sees them.
EVENTS = {
    "events_off", "no_events", "invalid_event", "too_many_records", "document_busy",
    "backfill_busy", "batch_refused", "batch_vectors_differ", "migration_running",
    "migration_missing",
}  # fmt: skip
NOT_ANSWERED = {"invalid_settings", "not_ready", *EVENTS, *openapi.ELSEWHERE}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_it_is_valid() -> None:
    validate(DESCRIPTION)


def test_it_is_what_the_types_and_the_docs_say_now() -> None:
    assert json.loads(json.dumps(openapi.describe(PROJECT))) == DESCRIPTION, "run make openapi"


@pytest.mark.parametrize("function", ["embed", "search"])
def test_every_route_is_described_and_no_other(function: str) -> None:
    there = list_routes(function) - CONTROL
    described = {nameless(name) for name, it in operations() if function in it["tags"][0] or it["tags"] == ["all"]}
    assert there == described


def named(operation: dict[str, Any]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for status, response in operation["responses"].items():
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        for code in schema.get("properties", {}).get("error", {}).get("properties", {}).get("code", {}).get("enum", ()):
            found[code].add(int(status))
    return found


def test_every_error_code_the_sources_can_answer_with_is_named_with_its_status_and_no_other() -> None:
    described: dict[str, set[int]] = defaultdict(set)
    for _, operation in operations():
        for code, statuses in named(operation).items():
            described[code] |= statuses
    answered = {code: statuses for code, statuses in list_codes().items() if statuses and code not in NOT_ANSWERED}
    assert described == answered


# Which modules' errors a group of codes stands for.
GROUPS = {
    ("dashscope", "failures", "calls", "packing", "embedder", "results", "quota", "budget"): [
        openapi.DASHSCOPE,
        openapi.TEXTS,
        openapi.VECTORS,
    ],
    ("store", "milvus_errors"): [openapi.MILVUS],
    ("searching",): [openapi.QUESTION],
    ("expressions",): [openapi.FILTER],
    ("auth",): [GATE, openapi.TENANT],
}


@pytest.mark.parametrize("modules", GROUPS, ids=lambda modules: " ".join(modules))
def test_what_a_module_can_raise_is_named_wherever_it_is_called(modules: tuple[str, ...]) -> None:
    groups = GROUPS[modules]
    grouped = {code for group in groups for some in group.values() for code in some}
    raised = {code for module in modules for code in read_sources().of(module)}
    assert raised - grouped == set()


@pytest.mark.parametrize(
    ("name", "operation"), list(operations()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_example_fits_its_shape(name: str, operation: dict[str, Any]) -> None:
    contents = [
        *operation.get("requestBody", {}).get("content", {}).values(),
        *(content for response in operation["responses"].values() for content in response.get("content", {}).values()),
    ]
    shown = 0
    for content in contents:
        examples = [example["value"] for example in content.get("examples", {}).values()]
        for example in [*examples, *([content["example"]] if "example" in content else [])]:
            jsonschema.validate(example, {**content["schema"], "components": DESCRIPTION["components"]})
            shown += 1
    assert shown or name in ("GET /", "GET /admin", "GET /openapi.json"), "it has no example"


def find_schemas(part: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every object in a description, and where it is."""
    if isinstance(part, dict):
        yield place, part
    for name, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from find_schemas(inner, f"{place}/{name}")


def test_no_schema_is_null_alone_because_openapi_generator_stops_there() -> None:
    nulls = [place for place, schema in find_schemas(DESCRIPTION) if schema.get("type") == "null"]
    assert nulls
    assert [place for place in nulls if not re.search(r"/anyOf/\d+$", place)] == []


@pytest.mark.parametrize("function", ["embed", "search"])
def test_each_package_holds_it(function: str, tmp_path: Any) -> None:
    packaging.stage(PROJECT, function, tmp_path)
    assert (tmp_path / "shared" / "runtime" / "openapi.json").read_bytes() == read()
