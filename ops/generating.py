"""Schemas in the forms that generators of clients understand.

openapi-python-client reads no ``items: false`` after ``prefixItems`` and leaves out parameters with a media type;
openapi-typescript makes each field of a request required that has a default.
"""

from __future__ import annotations

from typing import Any, Final

_COMPONENT: Final = "#/components/schemas/"


def describe_defaults(schemas: dict[str, Any], requested: list[str]) -> None:
    """Say the defaults of request bodies in words.

    Args:
        requested: names of the schemas of request bodies.
    """
    for name in _find_reachable(schemas, requested):
        for described in schemas[name].get("properties", {}).values():
            _describe_default(described)


def widen_tuples(schema: Any) -> None:
    """Write a tuple of equal items as an array of that many."""
    if isinstance(schema, dict):
        items = schema.get("prefixItems", [])
        if items and schema.get("items") is False and all(item == items[0] for item in items):
            del schema["prefixItems"]
            schema |= {"items": items[0], "minItems": len(items), "maxItems": len(items)}
        for part in schema.values():
            widen_tuples(part)
    elif isinstance(schema, list):
        for part in schema:
            widen_tuples(part)


def _describe_default(schema: dict[str, Any]) -> None:
    """Move the default into the description; null, an empty text and an object of defaults go without one."""
    default = schema.pop("default", None)
    if default not in (None, "", {}, []):
        shown = str(default).lower() if isinstance(default, bool) else default
        schema["description"] = f"{schema.get('description', '')} Default: {shown}.".strip()


def _find_reachable(schemas: dict[str, Any], names: list[str]) -> set[str]:
    found: set[str] = set()
    waiting: list[Any] = [{"$ref": _COMPONENT + name} for name in names]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
            name = str(part.get("$ref", "")).removeprefix(_COMPONENT)
            if name in schemas and name not in found:
                found.add(name)
                waiting.append(schemas[name])
    return found
