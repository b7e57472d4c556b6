"""Qwen's vocabulary, the one the DashScope SDK ships: it counts tokens, and names the terms of sparse vectors."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, OrderedDict
from functools import cache
from math import log, sqrt

from shared.domain.models import SparseVector, digest

_COUNTS_KEPT = 50_000


class Vocabulary:
    """Qwen's vocabulary: what DashScope counts, and the terms of our sparse vectors."""

    # No token is longer, so more bytes than limit times this are over the limit without being counted.
    _longest_token_bytes = 128
    _remembered_characters = 4_000
    _run = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+")

    def __init__(self) -> None:
        # The whole SDK for its tokenizer: its pattern and its way of splitting long texts are DashScope's own.
        import dashscope

        self._tokenizer = dashscope.get_tokenizer("qwen-max")
        self._counts: OrderedDict[str, int] = OrderedDict()

    def count(self, text: str, limit: int) -> int:
        """Tokens of ``text``, exact up to ``limit``; beyond it any number over the limit."""
        if len(unicodedata.normalize("NFC", text).encode()) > limit * self._longest_token_bytes:
            return limit + 1
        if len(text) > self._remembered_characters:
            return len(self._tokenizer.encode(text))
        name = digest(text)
        if name not in self._counts:
            self._counts[name] = len(self._tokenizer.encode(text))
        if len(self._counts) > _COUNTS_KEPT:
            self._counts.popitem(last=False)
        return self._counts[name]

    def terms(self, text: str) -> list[int]:
        """Token ids of the words of ``text``: whatever their case, wherever they stand, without punctuation."""
        runs = self._run.findall(text.lower())
        return [token for run in runs for token in self._tokenizer.encode(self._as_inside_a_sentence(run))]

    def sparse(self, text: str) -> SparseVector:
        """Terms weighted by 1 + ln(occurrences), of length 1, heaviest first; empty when there is no word."""
        weights = {term: 1 + log(times) for term, times in Counter(self.terms(text)).most_common()}
        length = sqrt(sum(weight * weight for weight in weights.values())) or 1
        return SparseVector(tuple(weights), tuple(weight / length for weight in weights.values()))

    def spell(self, token: int) -> str:
        """The text of a token; half a character shows as U+FFFD."""
        return str(self._tokenizer.decode([token]))

    @staticmethod
    def _as_inside_a_sentence(run: str) -> str:
        # An English word after a space is another token than at the start of a line; digits and Chinese take none.
        return f" {run}" if run[0].isalpha() and not "\u3400" <= run[0] <= "\u9fff" else run


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary, loaded once in a process."""
    return Vocabulary()
