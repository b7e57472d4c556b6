"""Schemas of answers that no class describes: the state of a function, and messages of MCP."""

from __future__ import annotations

from typing import Any, Final

from ops.operation import REFERENCE

_HEALTH: Final = {
    "type": "object",
    "description": "What answers, and with which model.",
    "properties": {
        "status": {"const": "ok"},
        "function": {"type": "string"},
        "revision": {"type": "string", "description": "Which package runs, where one does."},
        "embedding": {
            "type": "object",
            "properties": {"model": {"type": "string"}, "address": {"type": "string"}},
            "required": ["model", "address"],
        },
        "rerank": {
            "type": "object",
            "description": "Of search: the model that reranks, and whether searches that do not say are reranked.",
            "properties": {"model": {"type": "string"}, "default": {"type": "boolean"}},
            "required": ["model", "default"],
        },
        "answer": {
            "type": "object",
            "description": "The model that writes answers, and what one usually costs; only where answers are on.",
            "properties": {"model": {"type": "string"}, "usual_cost_cny": {"type": "number"}},
            "required": ["model", "usual_cost_cny"],
        },
        "sources": {"type": "boolean", "description": "Of search: whether documents themselves can be opened."},
    },
    "required": ["status", "function", "embedding"],
}
_MESSAGE: Final = {
    "type": "object",
    "description": "JSON-RPC 2.0, see https://modelcontextprotocol.io/specification.",
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "null"}]},
        "method": {"type": "string"},
        "params": {"type": "object"},
        "result": {"type": "object"},
        "error": {
            "type": "object",
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "data": {}},
            "required": ["code", "message"],
        },
    },
    "required": ["jsonrpc"],
}
_MESSAGE_REFERENCE: Final = {"$ref": REFERENCE.format(name="Message")}
WRITTEN_SCHEMAS: Final[dict[str, Any]] = {
    "Health": _HEALTH,
    "Message": _MESSAGE,
    "Messages": {
        "description": "One message; revision 2025-03-26 of the protocol also has batches of them.",
        "anyOf": [_MESSAGE_REFERENCE, {"type": "array", "items": _MESSAGE_REFERENCE, "minItems": 1}],
    },
}
