"""The input of OpenAI's protocol: one text, several, or the token ids of one or several."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from shared.domain.errors import RequestError
from shared.runtime.request import explain_json

if TYPE_CHECKING:
    from collections.abc import Sequence

# As many as OpenAI takes in a request: https://platform.openai.com/docs/api-reference/embeddings/create
MAX_TOKEN_IDS = 300_000
_IDS = re.compile(r"got `(?:int|array)` - at `\$\.input\[0\]")


def read_texts(given: msgspec.Raw) -> list[str]:
    """The texts of the field ``input``.

    Raises:
        RequestError: ``invalid_request``, ``invalid_json``, ``too_much_text`` or ``token_ids_unsupported``.
    """
    try:
        with explain_json("input"):
            texts: str | list[str] = msgspec.json.decode(given, type=str | list[str])
    except RequestError as error:
        if not _IDS.search(error.message):
            raise
        return _decode_ids(_read_ids(given))
    return [texts] if isinstance(texts, str) else texts


def _read_ids(given: msgspec.Raw) -> Sequence[Sequence[int]]:
    # Before they are decoded, because an id takes more memory than its digits.
    if bytes(given).count(b",") >= MAX_TOKEN_IDS:
        raise RequestError("too_much_text", f"input holds more than {MAX_TOKEN_IDS} token ids.", status=413)
    with explain_json("input"):
        ids = msgspec.json.decode(given, type=list[int | list[int]])
    lists = [each for each in ids if isinstance(each, list)]
    if lists and len(lists) < len(ids):
        raise RequestError("invalid_request", "input holds the token ids of one text or lists of them, not both.")
    return lists or [[each for each in ids if isinstance(each, int)]]


def _decode_ids(texts: Sequence[Sequence[int]]) -> list[str]:
    from shared.embedding import token_ids  # late, as most clients send texts

    try:
        return list(map(token_ids.decode, texts))
    except token_ids.UnknownTokenError as error:
        raise RequestError(
            "token_ids_unsupported", f"input holds the token id {error}, which cl100k_base does not have; send texts."
        ) from None
