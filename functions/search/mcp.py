"""The Model Context Protocol, with which language models call search: messages in, answers out, no state.

Streamable HTTP without sessions or streams, for two kinds of revisions. The older ones agree on a version by
``initialize``; 2025-03-26 alone has batches. Since 2026-07-28 every request carries its version and there is no
agreement; such a request is known by its ``_meta``. The official package would double a cold start.
https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.domain.errors import PlatformError
from shared.runtime.request import skip_mark

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.datastructures import Headers


BATCH_VERSION = "2025-03-26"
AGREED_VERSIONS = ("2024-11-05", BATCH_VERSION, "2025-06-18", "2025-11-25")
STATELESS_VERSIONS = ("2026-07-28",)
VERSIONS = (*AGREED_VERSIONS, *STATELESS_VERSIONS)
# https://www.jsonrpc.org/specification#error_object, and the protocol's own.
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
MAX_BATCH = 20
_VERSION_HEADER = "MCP-Protocol-Version"
_META = "io.modelcontextprotocol/"
_VERSION_FIELD, _CAPABILITIES_FIELD, _SERVER_FIELD = (
    f"{_META}protocolVersion",
    f"{_META}clientCapabilities",
    f"{_META}serverInfo",
)
# Tools change with a deployment alone.
_CACHE_MS = 300_000
_ENCODED_START, _ENCODED_END = "=?base64?", "?="

Message = dict[str, Any]


class Tool(Struct, frozen=True):
    """Something a model may call.

    Attributes:
        takes: its arguments, with their meanings.
        gives: the fields of its answer, with their JSON schemas.
        call: from the arguments to the answer.
        render: makes the answer's text, for models that read nothing else.
    """

    name: str
    title: str
    description: str
    takes: type[Struct]
    gives: Mapping[str, Any]
    call: Callable[[dict[str, Any]], dict[str, Any]]
    render: Callable[[dict[str, Any]], str]

    def describe(self) -> dict[str, Any]:
        """The tool as ``tools/list`` shows it."""
        (reference,), parts = msgspec.json.schema_components([self.takes], ref_template="#/$defs/{name}")
        own = parts.pop(str(reference["$ref"]).rpartition("/")[2])
        own.pop("title", None)
        own.pop("description", None)
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": {**own, "$defs": parts} if parts else own,
            "outputSchema": {"type": "object", "properties": dict(self.gives)},
            "annotations": {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
        }


class _ProtocolError(Exception):
    """Attributes: status: the HTTP status of the answer."""

    def __init__(self, code: int, message: str, data: Any = None, *, status: int = 200) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, **({"data": data} if data else {})}


class Endpoint:
    """Answers messages: thread-safe, one per process."""

    def __init__(self, name: str, instructions: str, tools: list[Tool]) -> None:
        self._about = {"name": name, "version": "2"}
        self._instructions = instructions
        self._tools = {tool.name: tool for tool in tools}

    def answer(self, raw: bytes, headers: Headers) -> tuple[Message | list[Message] | None, int]:
        """The answer to what was posted and its HTTP status; ``None`` and 202 where none is due."""
        try:
            posted = _parse(raw)
            if isinstance(posted, list):
                return self._answer_batch(posted, headers)
        except _ProtocolError as error:
            return _failure(None, error), error.status
        return self._answer_message(posted, headers)

    def _answer_batch(self, posted: list[Any], headers: Headers) -> tuple[list[Message] | None, int]:
        # Clients of that revision send no version: https://modelcontextprotocol.io/specification/2025-03-26/basic
        if headers.get(_VERSION_HEADER, BATCH_VERSION) != BATCH_VERSION or not posted:
            raise _invalid("A message is one JSON-RPC 2.0 object.")
        if len(posted) > MAX_BATCH:
            raise _invalid(f"A batch holds at most {MAX_BATCH} messages.")
        answers = [self._answer_message(message, headers, in_batch=True)[0] for message in posted]
        due = [answer for answer in answers if answer is not None]
        return (due, 200) if due else (None, 202)

    def _answer_message(self, message: Any, headers: Headers, *, in_batch: bool = False) -> tuple[Message | None, int]:
        id_: Any = None
        try:
            _check(message)
            id_ = message.get("id")
            if _is_notification(message) or "method" not in message:  # or an answer to what we never ask
                return None, 202
            if in_batch and message["method"] == "initialize":
                raise _invalid("initialize is no part of a batch.")
            return {"jsonrpc": "2.0", "id": id_, "result": self._dispatch(message, headers)}, 200
        except _ProtocolError as error:
            return _failure(id_, error), error.status

    def _dispatch(self, message: Message, headers: Headers) -> dict[str, Any]:
        params = message.get("params") or {}
        meta = params.get("_meta")
        if isinstance(meta, dict) and _VERSION_FIELD in meta:
            return self._dispatch_stateless(message["method"], params, meta, headers)
        # A client that agreed on an older version may send a newer one here: its messages say what it speaks.
        _check_version(headers.get(_VERSION_HEADER, BATCH_VERSION))
        match message["method"]:
            case "initialize":
                return self._initialize(params)
            case "ping":
                return {}
            case "tools/list":
                _check_cursor(params)
                return {"tools": [tool.describe() for tool in self._tools.values()]}
            case "tools/call":
                return self._call_tool(params)
        raise _ProtocolError(METHOD_NOT_FOUND, "There is no such method; tools are all there is here.")

    def _dispatch_stateless(
        self, method: str, params: dict[str, Any], meta: dict[str, Any], headers: Headers
    ) -> dict[str, Any]:
        version = meta[_VERSION_FIELD]
        _check_headers(method, params, version, headers)
        _check_version(version, STATELESS_VERSIONS)
        if not isinstance(meta.get(_CAPABILITIES_FIELD), dict):
            raise _ProtocolError(INVALID_PARAMS, f"_meta holds no {_CAPABILITIES_FIELD}.", status=400)
        cached = {"ttlMs": _CACHE_MS, "cacheScope": "public"}
        match method:
            case "server/discover":
                result = {
                    "supportedVersions": list(VERSIONS),
                    "capabilities": {"tools": {}},
                    "instructions": self._instructions,
                    **cached,
                }
            case "tools/list":
                _check_cursor(params, status=400)
                result = {"tools": [tool.describe() for tool in self._tools.values()], **cached}
            case "tools/call":
                result = self._call_tool(params, status=400)
            case _:
                message = "There is no such method; tools are all there is here."
                raise _ProtocolError(METHOD_NOT_FOUND, message, status=404)
        return {"resultType": "complete", **result, "_meta": {_SERVER_FIELD: self._about}}

    def _initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("protocolVersion")
        return {
            # The version asked for, or else the newest here: then it is for the client to go on or not.
            "protocolVersion": wanted if wanted in AGREED_VERSIONS else AGREED_VERSIONS[-1],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": self._about,
            "instructions": self._instructions,
        }

    def _call_tool(self, params: dict[str, Any], status: int = 200) -> dict[str, Any]:
        name, arguments = params.get("name"), params.get("arguments") or {}
        tool = self._tools.get(name) if isinstance(name, str) else None
        if tool is None:
            message = f"There is no such tool; there are {', '.join(self._tools)}."
            raise _ProtocolError(INVALID_PARAMS, message, status=status)
        if not isinstance(arguments, dict):
            raise _ProtocolError(INVALID_PARAMS, "The arguments of a tool are an object.", status=status)
        try:
            answer = tool.call(arguments)
        except PlatformError as error:
            # For the model to read, which may then ask better; the protocol itself worked.
            return {"content": [_text(str(error))], "isError": True}
        return {"content": [_text(tool.render(answer))], "structuredContent": answer, "isError": False}


def _check_version(version: Any, supported: tuple[str, ...] = VERSIONS) -> None:
    if version not in supported:
        versions = {"supported": list(VERSIONS), "requested": str(version)[:40]}
        raise _ProtocolError(UNSUPPORTED_VERSION, "This protocol version is not supported.", versions, status=400)


def _check_headers(method: str, params: dict[str, Any], version: Any, headers: Headers) -> None:
    """Refuse a request in which headers and body disagree, because something in between may believe the headers."""
    expected = {_VERSION_HEADER: version, "Mcp-Method": method}
    if method == "tools/call":
        expected["Mcp-Name"] = params.get("name")
    for name, value in expected.items():
        if _decode_header(headers.get(name, "")) != value:
            message = f"Header mismatch: {name} is missing or not what the body says."
            raise _ProtocolError(HEADER_MISMATCH, message, status=400)


def _decode_header(value: str) -> str | None:
    if not (value.startswith(_ENCODED_START) and value.endswith(_ENCODED_END)):
        return value
    try:
        encoded = value[len(_ENCODED_START) : -len(_ENCODED_END)].encode("ascii")
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError):
        return None


def _parse(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(skip_mark(raw))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _ProtocolError(PARSE_ERROR, "The message is not JSON.", status=400) from None


def _check(message: Any) -> None:
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise _invalid("A message is one JSON-RPC 2.0 object.")
    id_ = message.get("id", 0)
    if (isinstance(id_, bool) or not isinstance(id_, str | int | float)) and not _is_notification(message):
        raise _invalid("An id is a text or a number.")
    if not isinstance(message.get("method", ""), str) or not isinstance(message.get("params"), dict | None):
        raise _invalid("A method is a text, and its params are an object.")


def _is_notification(message: Message) -> bool:
    """Whether no answer is due; some clients write the id that a notification lacks as null."""
    method = message.get("method")
    is_named = isinstance(method, str) and method.startswith("notifications/")
    return "id" not in message or (message["id"] is None and is_named)


def _check_cursor(params: Message, status: int = 200) -> None:
    """Refuse a cursor, because all tools are on the first page."""
    if params.get("cursor"):
        raise _ProtocolError(INVALID_PARAMS, "There is no such cursor; the first page holds all.", status=status)


def _invalid(message: str) -> _ProtocolError:
    return _ProtocolError(INVALID_REQUEST, message, status=400)


def _failure(id_: Any, error: _ProtocolError) -> Message:
    return {"jsonrpc": "2.0", "id": id_, "error": error.body}


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
