"""Embed texts.

A request is packed into calls by rows and tokens, and the calls run in parallel within the quota. A call that fails is
repeated alone, and a call refused for its content is halved until the refused text is known. What was billed is kept:
a result holds every vector that arrived, and says what is missing and why.
"""

from __future__ import annotations

import contextvars
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from shared.domain.errors import PlatformError, RequestError
from shared.domain.models import Embedding, Usage
from shared.embedding import packing, tokens
from shared.embedding.cache import RecentValues
from shared.embedding.calls import ModelCalls
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.failures import MalformedError, RefusedError
from shared.embedding.ledger import Ledger
from shared.embedding.parameters import EmbeddingParameters, Output, TextType
from shared.embedding.quota import Share
from shared.runtime import retrying
from shared.runtime.retrying import Deadline, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.embedding.packing import Batch, Row
    from shared.embedding.results import EmbeddingResult
    from shared.runtime.settings import DashScopeSettings

_RETRY_POLICY = RetryPolicy(attempts=6, first_delay=0.5, max_delay=20)
_CACHED_QUERIES = 1_000


class Embedder:
    """Makes vectors of texts by DashScope: thread-safe, one per process.

    Args:
        client: sends the calls; by default a client of its own.
    """

    def __init__(self, settings: DashScopeSettings, client: DashScopeClient | None = None) -> None:
        self._settings = settings
        self._client = client or DashScopeClient(settings)
        self._share = _quota_share(settings)
        self._calls = ModelCalls(
            settings.model, self._share, self._client.budget, settings.call_timeout, skip_late=True
        )
        # Arrays take a quarter of what tuples of numbers take: a thousand of 1,024 dimensions are 8 MB.
        self._cache: RecentValues[array[float]] = RecentValues(_CACHED_QUERIES)

    @property
    def profile(self) -> str:
        """Identity of the vector space: vectors of different profiles must never be compared."""
        return f"{self._settings.model.name}/{self._settings.dimension}"

    @property
    def about(self) -> dict[str, Any]:
        """The model in use and its address, for `/healthz`."""
        return {"embedding": {"model": self._settings.model_name, "address": self._settings.address}}

    def warm_up(self) -> None:
        """Import the SDK and open its session now, so that the first request does not wait for it."""
        self._client.warm_up()

    def make_parameters(
        self, text_type: TextType, dimension: int | None = None, output: Output = Output.DENSE, instruct: str = ""
    ) -> EmbeddingParameters:
        """A request's parameters, checked against what the model offers.

        Raises:
            RequestError: ``unsupported_dimension``, ``unsupported_output`` or ``unsupported_instruct``.
        """
        model = self._settings.model
        size = self._settings.dimension if dimension is None else dimension
        if size not in model.dimensions:
            allowed = ", ".join(map(str, model.dimensions))
            raise RequestError("unsupported_dimension", f"{model.name} has dimensions {allowed}, not {size}.")
        if output.has_sparse and not model.sparse:
            raise RequestError("unsupported_output", f"{model.name} has no sparse vectors.")
        if instruct and not (model.instruct and text_type is TextType.QUERY):
            raise RequestError("unsupported_instruct", f"{model.name} takes an instruction with queries at most.")
        return EmbeddingParameters(text_type, size, output, instruct)

    def is_too_long(self, text: str) -> bool:
        """Whether ``text`` has more tokens than the model takes in one row."""
        return tokens.exceeds(text, self._settings.model.tokens_per_row)

    def seconds_needed(self, texts: Sequence[str]) -> float:
        """How long this process's share of the quota takes for ``texts``, if nothing else uses it."""
        return sum(self._share.seconds(sum(row.tokens for row in batch)) for batch in self._pack(self._read(texts)))

    def embed(self, texts: Sequence[str], parameters: EmbeddingParameters, deadline: Deadline) -> EmbeddingResult:
        """Embed ``texts``, which must be non-blank and within the model's token limit.

        Raises:
            RequestError: ``text_empty`` or ``text_too_long``, before anything is sent.
        """
        ledger = Ledger([None] * len(texts))
        batches = list(self._pack(self._read(texts)))
        call = partial(self._embed_batch, parameters=parameters, deadline=deadline, ledger=ledger)
        if len(batches) <= 1:
            for batch in batches:
                call(batch)
        else:
            contexts = [contextvars.copy_context() for _ in batches]  # the request's log fields, metrics and trace
            list(self._pool.map(lambda context, batch: context.run(call, batch), contexts, batches))
        return ledger.close()

    def embed_query(self, text: str, deadline: Deadline) -> tuple[Embedding, Usage]:
        """The vector of a query; the last thousand are cached, because queries repeat.

        Raises:
            PlatformError: as `embed` and `EmbeddingResult.complete`.
        """
        parameters = self.make_parameters(TextType.QUERY)
        if (dense := self._cache.get((text, parameters))) is not None:
            return Embedding(tuple(dense)), Usage()
        result = self.embed([text], parameters, deadline)
        (embedding,) = result.complete()
        self._cache.put((text, parameters), array("d", embedding.dense))
        return embedding, result.usage

    def _read(self, texts: Sequence[str]) -> Iterator[Row]:
        return packing.read_rows(texts, self._settings.model)

    def _pack(self, rows: Iterable[Row]) -> Iterator[Batch]:
        """Pack rows into calls of no more tokens than half a second of the quota."""
        model = self._settings.model
        return packing.pack(rows, model.rows_per_call, max(model.tokens_per_row, self._share.tokens / 2))

    def _embed_batch(self, rows: Batch, parameters: EmbeddingParameters, deadline: Deadline, ledger: Ledger) -> None:
        if ledger.failure:
            return  # the request fails anyway: send nothing more that is billed
        try:
            retrying.call(lambda: self._call(rows, parameters, deadline, ledger), _RETRY_POLICY, deadline)
        except RefusedError as error:
            if len(rows) == 1:
                ledger.refuse(rows[0], error)
                return
            middle = len(rows) // 2
            self._embed_batch(rows[:middle], parameters, deadline, ledger)
            self._embed_batch(rows[middle:], parameters, deadline, ledger)
        except PlatformError as error:
            ledger.fail(error)

    def _call(self, rows: Batch, parameters: EmbeddingParameters, deadline: Deadline, ledger: Ledger) -> None:
        texts = [row.text for row in rows]
        try:
            answer, usage = self._calls.run(
                lambda seconds: self._client.embed(texts, parameters, seconds), packing.estimate(rows), deadline
            )
        except MalformedError as error:
            if error.tokens is not None:
                error.soon = ledger.add_unusable(rows, error.usage)
            raise
        ledger.add(rows, answer, usage)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="embed")


def _quota_share(settings: DashScopeSettings) -> Share:
    requests_per_second = settings.requests_per_second or settings.model.requests_per_second
    tokens_per_minute = settings.tokens_per_minute or settings.model.tokens_per_minute
    return Share(requests_per_second * settings.quota_share, tokens_per_minute * settings.quota_share / 60)
