"""What every request looks like from outside."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from local.dashscope.refusal import Refusal, invalid

Decoded = TypeVar("Decoded")

# Ours: DashScope documents that there is a limit (413), not where.
BODY_BYTES = 32 * 1024 * 1024


class Body(msgspec.Struct, frozen=True):
    """What every request looks like from outside; the fields inside are judged one by one, for their messages."""

    model: str
    input: dict[str, Any]
    parameters: dict[str, Any] = {}


async def read_body(request: web.Request) -> Body:
    """The body of ``request``.

    Raises:
        Refusal: it is too large, not JSON, or of another shape.
    """
    return _decode(await _read(request), Body)


async def read_json(request: web.Request) -> dict[str, Any]:
    """The body of a request to the OpenAI-compatible interface.

    Raises:
        Refusal: it is too large, or not a JSON object.
    """
    return _decode(await _read(request), dict[str, Any])


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        message = f"Exceeded limit on max bytes to request body : {BODY_BYTES}"
        raise Refusal("InvalidParameter", message, status=413) from error


def _decode(raw: bytes, kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal("InvalidParameter") from error


def read_texts(texts: object, most: int) -> tuple[str, ...]:
    """``texts`` as what it has to be: 1 to ``most`` strings.

    Raises:
        Refusal: it is something else.
    """
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise invalid("Value error, contents is neither str nor list of str.: input.contents")
    if not texts:
        raise invalid("Value error, batch size is invalid, it should not be less than 1.: input.contents")
    if len(texts) > most:
        raise invalid(f"Value error, batch size is invalid, it should not be larger than {most}.: input.contents")
    return tuple(texts)
