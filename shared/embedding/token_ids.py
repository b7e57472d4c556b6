"""Texts of token ids, which OpenAI's protocol takes in place of texts and some clients send by default.

All of OpenAI's embedding models use the vocabulary cl100k_base, and so do clients that do not know a model's name. The
Qwen vocabulary, which the DashScope SDK brings, was made from it: it begins with the same tokens in the same order,
but has no token of two or three digits. ``token_ids.json`` lists the ids of those, of 00 to 99 and then of 000 to 999.
https://github.com/openai/tiktoken/blob/main/tiktoken/model.py and https://arxiv.org/abs/2309.16609, section 2.2
"""

from __future__ import annotations

import base64
import functools
import threading
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from shared.embedding.tokens import find_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SIZE = 100_256
# Their ids are outside the vocabulary; the gap has no tokens.
_SPECIAL = {
    100_257: b"<|endoftext|>",
    100_258: b"<|fim_prefix|>",
    100_259: b"<|fim_middle|>",
    100_260: b"<|fim_suffix|>",
    100_276: b"<|endofprompt|>",
}
_loading = threading.Lock()


class UnknownTokenError(ValueError):
    """An id that the vocabulary does not have."""


def decode(ids: Iterable[int]) -> str:
    """The text of ``ids``; a character that is cut at either end becomes U+FFFD.

    Raises:
        UnknownTokenError: one of them is not in the vocabulary.
    """
    with _loading:  # threads that need it first must not each load it
        tokens = _load()
    return b"".join(_spell(tokens, token) for token in ids).decode("utf-8", "replace")


def _spell(tokens: list[bytes], token: int) -> bytes:
    if 0 <= token < _SIZE:
        return tokens[token]
    try:
        return _SPECIAL[token]
    except KeyError:
        raise UnknownTokenError(token) from None


@functools.cache
def _load() -> list[bytes]:
    """The bytes of each token, by id; takes a tenth of a second and 7 MB, so it is loaded on first use."""
    places: list[int] = msgspec.json.decode(Path(__file__).with_suffix(".json").read_bytes())
    names = chain((f"{number:02}" for number in range(100)), (f"{number:03}" for number in range(1_000)))
    numbers = dict(zip(places, map(str.encode, names), strict=True))
    with find_vocabulary().open("rb") as lines:
        others = _read_tokens(islice(lines, _SIZE - len(numbers)))
        return [numbers[place] if place in numbers else next(others) for place in range(_SIZE)]


def _read_tokens(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The tokens of lines that hold base64 and a rank each, in the order of ranks."""
    return (base64.b64decode(line.split()[0]) for line in lines)
