"""Order chunks by a model that reads each together with the query, where the searches only compare vectors and words.

A call is bounded before it is sent: so many chunks, each cut to what the model reads of one, all within what one call
may hold. Results are cached, so that another page of the same answer costs nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from shared.domain.models import Usage, digest
from shared.embedding import tokens
from shared.embedding.cache import RecentValues
from shared.embedding.calls import Estimate, ModelCalls
from shared.embedding.failures import MalformedError
from shared.embedding.quota import Share
from shared.embedding.results import RerankResult
from shared.runtime import retrying
from shared.runtime.retrying import Deadline, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.embedding.dashscope import DashScopeClient
    from shared.runtime.settings import DashScopeSettings, RerankSettings

# A user waits, and without reranking there is an answer already.
_RETRY_POLICY = RetryPolicy(attempts=2, first_delay=0.2, max_delay=1)
_MAX_SECONDS = 6.0
# The part of the remaining time that reranking may take.
_MAX_SHARE = 0.5
_CACHED_RESULTS = 500
# How much shorter a text is cut than its tokens ask for: they are not spread evenly over its characters.
_SHORTEN_TO = 0.95


class Reranker:
    """Scores texts against a query by DashScope: thread-safe, one per process.

    Args:
        client: sends the calls, with the process's budget.
    """

    def __init__(self, dashscope: DashScopeSettings, settings: RerankSettings, client: DashScopeClient) -> None:
        self._model = settings.model
        self._client = client
        # The quota of rerank models counts requests only. https://help.aliyun.com/zh/model-studio/rate-limit
        share = Share(self._model.requests_per_second * dashscope.quota_share, math.inf)
        self._calls = ModelCalls(self._model, share, client.budget, dashscope.call_timeout)
        self._cache: RecentValues[tuple[float, ...]] = RecentValues(_CACHED_RESULTS)

    def rerank(self, query: str, texts: Sequence[str], deadline: Deadline) -> RerankResult:
        """How well each of ``texts`` answers ``query``.

        Raises:
            PlatformError: DashScope cannot be reached, refuses, or would cost more than the process may spend.
        """
        key = digest(query, *texts)
        if (known := self._cache.get(key)) is not None:
            return RerankResult(known, Usage())
        until = Deadline.after(min(_MAX_SECONDS, deadline.remaining() * _MAX_SHARE))
        result = self._rerank(query, self._cut(query, texts), until)
        self._cache.put(key, result.relevance)
        return result

    def _rerank(self, query: str, texts: list[str], deadline: Deadline) -> RerankResult:
        unusable = Usage()  # of answers that were billed and could not be used

        def call() -> RerankResult:
            nonlocal unusable
            try:
                answer, usage = self._calls.run(
                    lambda seconds: self._client.rerank(self._model.name, query, texts, seconds),
                    _estimate(query, texts),
                    deadline,
                )
            except MalformedError as error:
                unusable += error.usage
                raise
            return RerankResult(answer.content, unusable + usage)

        return retrying.call(call, _RETRY_POLICY, deadline)

    def _cut(self, query: str, texts: Sequence[str]) -> list[str]:
        """The beginnings of ``texts`` that one call may hold; the query counts once with each.

        Counting exactly takes a vocabulary of 65 MB, so it is done only where the bound by bytes does not settle it.
        """
        query_tokens = tokens.bound(query) + 1
        bounds = [tokens.bound(text) for text in texts]
        if (
            max(bounds) <= self._model.tokens_per_document
            and sum(bounds) + query_tokens * len(texts) <= self._model.tokens_per_call
        ):
            return list(texts)
        query_tokens = tokens.count(query) + 1
        limit = min(self._model.tokens_per_document, self._model.tokens_per_call // len(texts) - query_tokens)
        return [_shorten(text, limit) for text in texts]


def _estimate(query: str, texts: Sequence[str]) -> Estimate:
    return Estimate(
        sum(map(tokens.estimate, texts)) + tokens.estimate(query) * len(texts),
        sum(map(tokens.bound, texts)) + tokens.bound(query) * len(texts),
    )


def _shorten(text: str, limit: int) -> str:
    """The longest beginning of ``text``, about, that has at most ``limit`` tokens."""
    while tokens.bound(text) > limit and (count := tokens.count(text)) > limit:
        text = text[: int(len(text) * limit / count * _SHORTEN_TO)]
    return text
