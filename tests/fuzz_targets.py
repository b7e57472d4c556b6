"""What `tests.fuzz` sends requests to: every operation of the description, so that a new route is fuzzed at once.

`tests/system/test_openapi.py` sees to it that the description names every route of the applications and no other.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from shared.runtime.openapi import read

DESCRIPTION: dict[str, Any] = json.loads(read())
_TEXT = "sea breeze"
# A description is not asked for good values of these.
_VALUES: dict[str, Any] = {"string": _TEXT, "integer": 1, "number": 0.5, "boolean": True, "array": [], "object": {}}


@dataclass(frozen=True)
class Target:
    """A path of a function.

    Attributes:
        function: that answers it.
        path: with names in braces for what varies.
        methods: that it has, in capitals.
        fields: names of its parameters and of the fields of its body.
        good: a body that it takes; ``None`` where it takes none.
    """

    function: str
    path: str
    methods: tuple[str, ...]
    fields: tuple[str, ...]
    good: dict[str, Any] | None

    def fill(self, value: str) -> str:
        """The path with a value for what varies."""
        return re.sub(r"\{[^}]*\}", lambda _: value, self.path)


def list_targets(description: dict[str, Any] | None = None) -> list[Target]:
    """Return every path of the description, once for each function that answers it."""
    described = description or DESCRIPTION
    return [
        _make_target(function, path, operations, described)
        for path, operations in described["paths"].items()
        for function in _find_functions(operations)
    ]


def find_path(target: str, described: dict[str, Any] | None = None) -> str:
    """Return the path of the description that a request goes to; as it is where there is none."""
    path = "/" + target.partition("?")[0].lstrip("/")
    known = (described or DESCRIPTION)["paths"]
    if path in known:
        return path
    parts = path.split("/")
    for name in known:
        wanted = name.split("/")
        if len(wanted) == len(parts) and all(map(_fits, wanted, parts)):
            return str(name)
    return path


def _fits(wanted: str, part: str) -> bool:
    return bool(part) if wanted.startswith("{") else wanted == part


def _find_functions(operations: dict[str, Any]) -> list[str]:
    """The functions of the first tag, which is a sentence; ``all`` leaves out ingest, which has no HTTP trigger."""
    words = {word for operation in operations.values() for word in operation["tags"][0].split()}
    return [name for name in ("embed", "search") if {name, "all"} & words]


def _make_target(function: str, path: str, operations: dict[str, Any], described: dict[str, Any]) -> Target:
    fields = {
        parameter["name"]
        for operation in operations.values()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }
    good = None
    for operation in operations.values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = _resolve(content["schema"], described)
            fields |= set(schema.get("properties", {}))
            examples = [example["value"] for example in content.get("examples", {}).values()]
            good = dict(examples[0]) if examples else _make_body(schema, described)
    return Target(function, path, tuple(sorted(name.upper() for name in operations)), tuple(sorted(fields)), good)


def _make_body(schema: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    """A body with the fields that are required."""
    properties = schema.get("properties", {})
    kinds = {name: _resolve(properties.get(name, {}), described) for name in schema.get("required", ())}
    return {name: _VALUES.get(str(kind.get("type")), _TEXT) for name, kind in kinds.items()}


def _resolve(schema: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the one that it refers to."""
    reference = schema.get("$ref", "")
    return described["components"]["schemas"][reference.rpartition("/")[2]] if reference else schema
