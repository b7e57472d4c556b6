"""One text of a batch task as a line of its file, and one answer as a line of the file that comes back.

A line holds one text, so that a text that is refused fails alone, and its ``custom_id`` names the text itself: an
answer is of use wherever the same text occurs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from shared.domain.models import digest
from shared.embedding.batch_tasks import ENDPOINT

if TYPE_CHECKING:
    from shared.domain.catalog import EmbeddingModel

# A number of a vector takes 24 characters at most; the rest of a line is small.
_BYTES_PER_NUMBER = 32
_OTHER_BYTES = 1 << 16


class Answered(Struct, frozen=True):
    """One answer.

    Attributes:
        id: of the text.
        vector: empty where the text failed.
        tokens: billed for it.
        code: why it failed.
    """

    id: str
    vector: tuple[float, ...] = ()
    tokens: int = 0
    code: str = ""


class _Row(Struct):
    embedding: tuple[float, ...]


class _Usage(Struct):
    total_tokens: int = 0


class _Body(Struct):
    data: list[_Row] = []
    usage: _Usage | None = None


class _Response(Struct):
    status_code: int = 0
    body: msgspec.Raw = msgspec.Raw(b"{}")


class _Line(Struct):
    custom_id: str
    response: _Response | None = None
    error: dict[str, Any] | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_body = msgspec.json.Decoder(_Body).decode
_encode = msgspec.json.Encoder().encode


def identify_text(profile: str, text: str) -> str:
    """The id of a text within a vector space."""
    return digest(profile, text)


def make_line(id_: str, text: str, model: EmbeddingModel, dimension: int) -> bytes:
    """The line that asks for the vector of a text."""
    body: dict[str, Any] = {"model": model.name, "input": [text]}
    if model.takes_dimension:
        body["dimensions"] = dimension
    return _encode({"custom_id": id_, "method": "POST", "url": ENDPOINT, "body": body}) + b"\n"


def most_line_bytes(dimension: int) -> int:
    """Bytes that the line of an answer has at most."""
    return dimension * _BYTES_PER_NUMBER + _OTHER_BYTES


def parse_line(line: bytes, dimension: int) -> Answered | None:
    """The answer in a line; ``None`` where it names no text."""
    try:
        found = _decode_line(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if found.response is None or found.response.status_code != 200 or found.error:
        return Answered(found.custom_id, code=str((found.error or {}).get("code") or "failed"))
    try:
        body = _decode_body(found.response.body)
        (row,) = body.data
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return Answered(found.custom_id, code="malformed")
    if len(row.embedding) != dimension or not math.isfinite(sum(row.embedding)):
        return Answered(found.custom_id, code="malformed")
    tokens = body.usage.total_tokens if body.usage else 0
    return Answered(found.custom_id, row.embedding, max(0, tokens))
