"""The Model Context Protocol, with which language models call search: one message in, one answer out, no state.

Streamable HTTP without sessions or streams. The official package would double a cold start.
https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.domain.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
# https://www.jsonrpc.org/specification#error_object, and the protocol's own for a version it does not know.
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
UNSUPPORTED_VERSION = -32022


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
    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.body = {"code": code, "message": message, **({"data": data} if data else {})}


class Endpoint:
    """Answers messages: thread-safe, one per process."""

    def __init__(self, name: str, instructions: str, tools: list[Tool]) -> None:
        self._about = {"name": name, "version": "2"}
        self._instructions = instructions
        self._tools = {tool.name: tool for tool in tools}

    def answer(self, raw: bytes, version: str) -> tuple[dict[str, Any] | None, int]:
        """The answer to one message and its HTTP status; ``None`` and 202 where none is due.

        Args:
            version: the header ``MCP-Protocol-Version``, or empty.
        """
        id_: Any = None
        try:
            message = _parse(raw)
            id_ = message.get("id")
            if "id" not in message or "method" not in message:  # a notification, or an answer to what we never ask
                return None, 202
            if version and version not in VERSIONS:
                versions = {"supported": list(VERSIONS), "requested": version[:40]}
                raise _ProtocolError(UNSUPPORTED_VERSION, "This protocol version is not supported.", versions)
            return {"jsonrpc": "2.0", "id": id_, "result": self._dispatch(message)}, 200
        except _ProtocolError as error:
            status = 400 if error.body["code"] in (PARSE_ERROR, INVALID_REQUEST, UNSUPPORTED_VERSION) else 200
            return {"jsonrpc": "2.0", "id": id_, "error": error.body}, status

    def _dispatch(self, message: dict[str, Any]) -> dict[str, Any]:
        params = message.get("params") or {}
        match message["method"]:
            case "initialize":
                return self._initialize(params)
            case "ping":
                return {}
            case "tools/list":
                return {"tools": [tool.describe() for tool in self._tools.values()]}
            case "tools/call":
                return self._call_tool(params)
        raise _ProtocolError(METHOD_NOT_FOUND, "There is no such method; tools are all there is here.")

    def _initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        wanted = params.get("protocolVersion")
        return {
            # The version asked for, or else the newest here: then it is for the client to go on or not.
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[-1],
            "capabilities": {"tools": {"listChanged": False}},
            "serverInfo": self._about,
            "instructions": self._instructions,
        }

    def _call_tool(self, params: dict[str, Any]) -> dict[str, Any]:
        name, arguments = params.get("name"), params.get("arguments") or {}
        tool = self._tools.get(name) if isinstance(name, str) else None
        if tool is None:
            raise _ProtocolError(INVALID_PARAMS, f"There is no such tool; there are {', '.join(self._tools)}.")
        if not isinstance(arguments, dict):
            raise _ProtocolError(INVALID_PARAMS, "The arguments of a tool are an object.")
        try:
            answer = tool.call(arguments)
        except PlatformError as error:
            # For the model to read, which may then ask better; the protocol itself worked.
            return {"content": [_text(str(error))], "isError": True}
        return {"content": [_text(tool.render(answer))], "structuredContent": answer, "isError": False}


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _ProtocolError(PARSE_ERROR, "The message is not JSON.") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise _ProtocolError(INVALID_REQUEST, "A message is one JSON-RPC 2.0 object.")
    id_ = message.get("id", 0)
    if isinstance(id_, bool) or not isinstance(id_, str | int):
        message["id"] = None
        raise _ProtocolError(INVALID_REQUEST, "An id is a text or a whole number.")
    if not isinstance(message.get("method", ""), str) or not isinstance(message.get("params", {}), dict):
        raise _ProtocolError(INVALID_REQUEST, "A method is a text, and its params are an object.")
    return message


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
