"""How many tokens DashScope will count in a text.

Three answers of rising price: a bound that needs nothing, an estimate that is close, and the exact count with the
Qwen vocabulary that ships inside the DashScope SDK (half a second and 65 MB to load, so only when it decides).
"""

from __future__ import annotations

import functools
import importlib.util
import math
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken

# Measured on Chinese and English prose; used to plan, never to refuse.
_TOKENS_PER_WIDE_CHARACTER = 0.7
_TOKENS_PER_NARROW_CHARACTER = 0.25
_DIGITS = "0123456789"
# Narrow are the characters up to U+02FF, which begin with a byte below 0xCC, and the punctuation from U+2000 to U+207F.
_NO_NARROW_START = bytes([*range(0x80, 0xC0), *range(0xCC, 0x100)])
_PUNCTUATION_STARTS = (b"\xe2\x80", b"\xe2\x81")
_SLICE_CHARACTERS = 50_000
# DashScope bills one token more than the vocabulary counts (measured on the official example).
_BILLED_EXTRA = 1
_loading = threading.Lock()
# Splitting rule of the Qwen vocabulary, as its model card publishes it.
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def bound(text: str) -> int:
    """An upper bound: a token is at least one byte of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass")) + _BILLED_EXTRA


def estimate(text: str) -> int:
    """A close guess, at least 1, for planning; off by a fifth on ordinary Chinese and English prose."""
    digits = sum(map(text.count, _DIGITS))  # one token each
    narrow = len(text) if text.isascii() else _count_narrow(text)
    wide = len(text) - narrow
    weight = (narrow - digits) * _TOKENS_PER_NARROW_CHARACTER + wide * _TOKENS_PER_WIDE_CHARACTER + digits
    return max(1, math.ceil(weight))


def _count_narrow(text: str) -> int:
    # By the first bytes of characters and in slices: fast, and in little memory, however long and mixed the text is.
    count = 0
    for start in range(0, len(text), _SLICE_CHARACTERS):
        data = text[start : start + _SLICE_CHARACTERS].encode("utf-8", "surrogatepass")
        count += len(data.translate(None, _NO_NARROW_START)) + sum(map(data.count, _PUNCTUATION_STARTS))
    return count


def count(text: str) -> int:
    """The number DashScope bills for ``text``."""
    return len(_vocabulary().encode_ordinary(text)) + _BILLED_EXTRA


def exceeds(text: str, limit: int) -> bool:
    """Whether ``text`` holds more than ``limit`` tokens; counts exactly only where the bound does not settle it.

    A very long text is counted in slices and no further than needed: the vocabulary's code overflows its stack on a
    million spaces. A slice's border may count for a token more.
    """
    # A character is a byte at least: a long text is not encoded only to see that it is long.
    if len(text) < limit and bound(text) <= limit:
        return False
    counted = _BILLED_EXTRA
    for start in range(0, len(text), _SLICE_CHARACTERS):
        counted += count(text[start : start + _SLICE_CHARACTERS]) - _BILLED_EXTRA
        if counted > limit:
            return True
    return False


def find_vocabulary() -> Path:
    """The file of the Qwen vocabulary: on each line a token in base64 and its rank.

    Raises:
        ModuleNotFoundError: the DashScope SDK, which brings it, is not installed.
    """
    package = importlib.util.find_spec("dashscope")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("dashscope, which brings the vocabulary, is not installed")
    return Path(package.origin).parent / "resources" / "qwen.tiktoken"


def _vocabulary() -> tiktoken.Encoding:
    with _loading:  # twenty threads that need it first must not load it twenty times
        return _loaded()


@functools.cache
def _loaded() -> tiktoken.Encoding:
    # Late: the library and the vocabulary cost every cold start half a second.
    import tiktoken
    from tiktoken.load import load_tiktoken_bpe

    ranks = load_tiktoken_bpe(str(find_vocabulary()))
    return tiktoken.Encoding("qwen", pat_str=_PATTERN, mergeable_ranks=ranks, special_tokens={})
