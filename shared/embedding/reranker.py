"""Chunks ordered by a model that reads each together with the question, where the searches only compared them.

A call is bounded before it is sent: so many chunks, each cut to what the model reads of one, all within what one call
may hold. Orders that were paid for are remembered, so that turning the pages of an answer costs nothing.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from shared.domain.models import Usage, digest
from shared.embedding import tokens
from shared.embedding.dashscope import MalformedError, throttled, tokens_billed
from shared.embedding.quota import Limiter, Share
from shared.runtime import metrics, retrying
from shared.runtime.retrying import Deadline, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.embedding.dashscope import DashScopeClient
    from shared.runtime.settings import DashScopeSettings, RerankSettings

# Somebody waits, and without a reranking there is an answer already.
_RETRY_POLICY = RetryPolicy(attempts=2, first_delay=0.2, max_delay=1)
_MOST_SECONDS = 6.0
# Of the time that is left, so much may pass at most.
_MOST_SHARE = 0.5
_REMEMBERED = 500
# How much shorter a chunk is made than its tokens ask for: they are not spread evenly over its characters.
_CUT_SHORTER = 0.95


class RerankResult(Struct, frozen=True):
    """Answer to a request.

    Attributes:
        relevance: one number between 0 and 1 for each chunk, in the order they were given.
    """

    relevance: tuple[float, ...]
    usage: Usage


class _Bill(Struct):
    """What the calls of one request cost, those whose answer could not be used included."""

    usage: Usage = field(default_factory=Usage)


class Reranker:
    """Orders chunks by DashScope: thread-safe, one per process.

    Args:
        client: what it calls DashScope through, with the process's budget.
    """

    def __init__(self, dashscope: DashScopeSettings, settings: RerankSettings, client: DashScopeClient) -> None:
        self._call_timeout = dashscope.call_timeout
        self._model = settings.model
        self._client = client
        # The quota of rerank models counts requests only. https://help.aliyun.com/zh/model-studio/rate-limit
        self._limiter = Limiter(Share(self._model.requests_per_second * dashscope.quota_share, math.inf))
        self._known: OrderedDict[str, tuple[float, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def rerank(self, query: str, texts: Sequence[str], deadline: Deadline) -> RerankResult:
        """How well each of ``texts`` answers ``query``.

        Raises:
            PlatformError: DashScope cannot be asked, refuses, or would cost more than the process may spend.
        """
        key = digest(query, *texts)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return RerankResult(self._known[key], Usage())
        bill = _Bill()
        read = self._cut(query, texts)
        until = Deadline.after(min(_MOST_SECONDS, deadline.remaining() * _MOST_SHARE))
        relevance = retrying.call(lambda: self._call(query, read, until, bill), _RETRY_POLICY, until)
        with self._lock:
            self._known[key] = relevance
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return RerankResult(relevance, bill.usage)

    def _cut(self, query: str, texts: Sequence[str]) -> list[str]:
        """The beginnings of ``texts`` that one call may hold; the query counts once with each.

        Counting exactly takes a vocabulary of 65 MB, so it is done only where the bound by bytes does not settle it.
        """
        asked = tokens.bound(query) + 1
        bounds = [tokens.bound(text) for text in texts]
        if (
            max(bounds) <= self._model.tokens_per_document
            and sum(bounds) + asked * len(texts) <= self._model.tokens_per_call
        ):
            return list(texts)
        asked = tokens.count(query) + 1
        most = min(self._model.tokens_per_document, self._model.tokens_per_call // len(texts) - asked)
        return [_beginning(text, most) for text in texts]

    def _call(self, query: str, texts: list[str], deadline: Deadline, bill: _Bill) -> tuple[float, ...]:
        reservation = self._limiter.wait(0, deadline)
        reserved = self._model.cost(sum(map(tokens.bound, texts)) + tokens.bound(query) * len(texts))
        self._client.budget.reserve(reserved)
        # Until the answer says: an answer that is lost may have been paid for.
        billed = sum(map(tokens.estimate, texts)) + tokens.estimate(query) * len(texts)
        try:
            seconds = deadline.timeout(self._call_timeout)
            response = self._client.rerank(self._model.name, query, texts, seconds)
            billed = tokens_billed(response)
        finally:
            self._client.budget.settle(reserved, self._model.cost(billed))
        if response.status_code != 200:
            if throttled(response):
                self._limiter.throttled()
            raise self._client.failure(response)
        self._limiter.settle(reservation, 0)
        usage = Usage(tokens=billed, calls=1, cost_cny=self._model.cost(billed))
        metrics.add(tokens=usage.tokens, cost_cny=usage.cost_cny)
        bill.usage += usage
        return _relevance(response, len(texts))


def _beginning(text: str, most: int) -> str:
    """The longest beginning of ``text``, about, that has at most ``most`` tokens."""
    while tokens.bound(text) > most and (count := tokens.count(text)) > most:
        text = text[: int(len(text) * most / count * _CUT_SHORTER)]
    return text


def _relevance(response: Any, count: int) -> tuple[float, ...]:
    """The answer's scores in request order.

    Raises:
        MalformedError: some are missing, doubled or not finite.
    """
    try:
        scores = {int(row["index"]): float(row["relevance_score"]) for row in response.output["results"]}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedError("its shape is unknown", response.request_id or "") from None
    if sorted(scores) != list(range(count)) or not all(map(math.isfinite, scores.values())):
        raise MalformedError("its scores are not those asked for", response.request_id or "")
    return tuple(scores[place] for place in range(count))
