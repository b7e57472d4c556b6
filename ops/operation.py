"""One method of one path, and how OpenAPI describes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from shared.domain.models import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Codes = dict[int, tuple[str, ...]]

# By the modules that raise them. What DashScope and Milvus may cause stands wherever they are called.
EVERY: Final[Codes] = {500: ("internal_error",)}
GATE: Final[Codes] = {401: ("unauthorized",)}
REFERENCE: Final = "#/components/schemas/{name}"


# What the parts of a path in braces mean.
_IN_PATH: Final = {
    "document_id": "A document's id, as hits and lists have it: 32 hexadecimal digits.",
    "name": "A model's name.",
}
_EVENTS: Final = (
    "Events token with {text}, then one event answer with the JSON answer, or error with the body of an error."
)


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        takes: its body, or its query string where ``by_link``.
        gives: its answer; without one, ``content`` is the media type of what it gives.
        marks: fields that identify its answer among the examples of docs/api.md.
        errors: what it can fail with.
        streams: whether it can also give its answer as the last of several Server-Sent Events.
    """

    method: str
    path: str
    function: str
    name: str
    summary: str
    gives: Any = None
    takes: Any = None
    by_link: bool = False
    content: str = "application/json"
    marks: tuple[str, ...] = ()
    errors: tuple[Codes, ...] = ()
    streams: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it needs no key."""
        return not any("unauthorized" in some for codes in self.errors for some in codes.values())


def render(operation: Operation, schemas: Mapping[str, Any], bodies: list[Any], answers: list[Any]) -> dict[str, Any]:
    """The operation as OpenAPI describes it.

    Args:
        schemas: the schema of each type by its name.
        bodies: example bodies for its path.
        answers: every example answer; its own is found by ``marks``.
    """
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.function],
        "security": [] if operation.is_open else [{"bearer": []}, {"key": []}],
    }
    parameters = list(_parameters(operation, schemas))
    if parameters:
        described["parameters"] = parameters
    taken = "Messages" if operation.path == "/mcp" else operation.takes.__name__ if operation.takes else ""
    if taken and not operation.by_link:
        described["requestBody"] = _body(taken, bodies)
    described["responses"] = {"200": _success(operation, answers), **_failures(operation)}
    if operation.path == "/mcp":
        message = {"application/json": {"schema": _reference("Message")}}
        described["responses"]["202"] = {"description": "A notification was accepted; there is no answer."}
        described["responses"]["400"] = {"description": "No JSON-RPC 2.0 message.", "content": message}
    if operation.content == "text/html":
        described["responses"]["304"] = {"description": "The caller holds this page already, as If-None-Match says."}
    described["responses"] = dict(sorted(described["responses"].items()))
    return described


def _body(schema: str, bodies: list[Any]) -> dict[str, Any]:
    examples = {f"{number}": {"value": body} for number, body in enumerate(bodies, 1)}
    content = {"schema": _reference(schema), "examples": examples}
    return {"required": True, "content": {"application/json": content}}


def _parameters(operation: Operation, schemas: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", operation.path):
        meaning = _IN_PATH[name]
        yield {"name": name, "in": "path", "required": True, "description": meaning, "schema": {"type": "string"}}
    if operation.by_link:
        shape = schemas[operation.takes.__name__]
        for field, schema in shape["properties"].items():
            plain = _without_null(schema)
            described = {"in": "query", "required": field in shape.get("required", ()), "schema": plain}
            if "description" in plain:
                described["description"] = plain.pop("description")
            if field == "filter":
                described["schema"] = {"type": "string"}
                described["description"] = f"JSON. {described['description']}"
            yield {"name": "q" if field == "query" else field, **described}


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A query string has no null: an optional parameter is left out."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    plain = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) != ("default", None)}
    return plain | (kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {})


def _success(operation: Operation, answers: list[Any]) -> dict[str, Any]:
    if operation.content != "application/json":
        return {"description": operation.summary, "content": {operation.content: {"schema": {"type": "string"}}}}
    named = {"/mcp": "Messages", "/healthz": "Health"}.get(operation.path)
    name = named or getattr(operation.gives, "__name__", "")
    schema: dict[str, Any] = _reference(name) if name else {"type": "object"}
    content: dict[str, Any] = {"schema": schema}
    if operation.gives is Document:
        listed = next(answer for answer in answers if "documents" in answer)
        content["example"] = listed["documents"][0]
    elif operation.marks:
        content["example"] = next(answer for answer in answers if _is_example(answer, operation))
    kinds = {"application/json": content}
    if operation.streams:
        kinds["text/event-stream"] = {"schema": {"description": _EVENTS}}
    return {"description": operation.summary, "content": kinds}


def _is_example(answer: Any, operation: Operation) -> bool:
    known = getattr(operation.gives, "__struct_fields__", None)
    return (
        isinstance(answer, dict)
        and all(mark in answer for mark in operation.marks)
        and (known is None or set(answer) <= set(known))
    )


def _failures(operation: Operation) -> dict[str, Any]:
    codes: dict[int, list[str]] = {}
    for group in (*operation.errors, EVERY):
        for status, some in group.items():
            codes.setdefault(status, []).extend(code for code in some if code not in codes.get(status, ()))
    return {str(status): _failure(status, some, operation) for status, some in sorted(codes.items())}


def _failure(status: int, codes: list[str], operation: Operation) -> dict[str, Any]:
    is_dify = operation.path == "/retrieval"
    schema = _reference("RetrievalError") if is_dify else _describe_error(status, codes, operation)
    described: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(f'`{code}`' for code in codes)}.",
        "content": {"application/json": {"schema": schema}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        described["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return described


def _describe_error(status: int, codes: list[str], operation: Operation) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "code": {"enum": codes},
        "message": {"type": "string"},
        "request_id": {"type": "string"},
    }
    required = list(fields)
    if operation.path.startswith("/v1/"):  # what OpenAI's clients expect of an error
        kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server_error"
        fields |= {"type": {"const": kind}, "param": {"anyOf": [{"type": "string"}, {"type": "null"}]}}
        required = list(fields)
    fields["upstream_request_id"] = {"type": "string", "description": "DashScope's id, where it caused the error."}
    error = {"type": "object", "properties": fields, "required": required}
    return {"type": "object", "properties": {"error": error}, "required": ["error"]}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=name)}
