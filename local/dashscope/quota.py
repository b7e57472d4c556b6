"""What a key may ask of a model per second: requests and tokens."""

from __future__ import annotations

import time

from local.dashscope.refusal import Refusal
from shared.domain.catalog import ANSWER_MODELS, EMBEDDING_MODELS, RERANK_MODELS, VISION_MODELS


class Bucket:
    """A budget that refills at ``rate`` units a second up to one second's worth; a rate of 0 is no limit.

    A call passes while anything is left, and may leave a debt: one call of text-embedding-v4 may cost four
    seconds of the documented token rate.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._burst = max(1.0, rate)
        self._level = self._burst
        self._filled = time.monotonic()

    def take(self, amount: float) -> bool:
        """Spend ``amount`` if there is budget."""
        if not self._rate:
            return True
        now = time.monotonic()
        self._level = min(self._burst, self._level + (now - self._filled) * self._rate)
        self._filled = now
        # Requests come whole: a level between 0 and 1 does not pay for one.
        if self._level < min(1.0, amount):
            return False
        self._level -= amount
        return True


class Quota:
    """Buckets of requests and of tokens for each key and model.

    Args:
        documented: whether each model has its documented quota, where none is given.
    """

    def __init__(self, requests_per_second: float, tokens_per_minute: float, *, documented: bool = False) -> None:
        self._rates = requests_per_second, tokens_per_minute / 60
        self._documented = documented and not any(self._rates)
        self._buckets: dict[tuple[str, str], tuple[Bucket, Bucket]] = {}

    def spend(self, key: str, model: str, tokens: int) -> None:
        """Take one request and ``tokens``, or refuse the call."""
        if (key, model) not in self._buckets:
            requests_per_second, tokens_per_second = _read_rates(model) if self._documented else self._rates
            self._buckets[key, model] = Bucket(requests_per_second), Bucket(tokens_per_second)
        of_requests, of_tokens = self._buckets[key, model]
        if not of_requests.take(1):
            raise Refusal("Throttling.RateQuota")
        if not of_tokens.take(tokens):
            raise Refusal("Throttling.AllocationQuota")


def _read_rates(model: str) -> tuple[float, float]:
    """The documented requests and tokens per second of a model; those of rerank models count requests only."""
    if model in RERANK_MODELS:
        return RERANK_MODELS[model].requests_per_second, 0
    if model in ANSWER_MODELS:
        return ANSWER_MODELS[model].requests_per_second, ANSWER_MODELS[model].tokens_per_minute / 60
    if model in VISION_MODELS:
        return VISION_MODELS[model].requests_per_second, VISION_MODELS[model].tokens_per_minute / 60
    return EMBEDDING_MODELS[model].requests_per_second, EMBEDDING_MODELS[model].tokens_per_minute / 60
