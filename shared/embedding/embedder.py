"""Embed texts.

A request is packed into calls by rows and tokens, and the calls run in parallel within the quota. A call that fails is
repeated alone, and a call refused for its content is halved until the refused text is known. What was billed is kept:
a result holds every vector that arrived, and says what is missing and why.
"""

from __future__ import annotations

import contextvars
import math
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.errors import PlatformError, RequestError, TransientError
from shared.domain.models import Embedding, Usage
from shared.embedding import packing, tokens
from shared.embedding.acceptance import Acceptance
from shared.embedding.cache import RecentValues
from shared.embedding.calls import ModelCalls
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.failures import MalformedError, RefusedError, ThrottledError
from shared.embedding.ledger import Ledger
from shared.embedding.parameters import EmbeddingParameters, Output, TextType
from shared.embedding.quota import Priority, Share
from shared.runtime import retrying
from shared.runtime.retrying import Deadline, RetryPolicy
from shared.runtime.settings.addresses import name_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.embedding.packing import Batch, Row
    from shared.embedding.results import EmbeddingResult
    from shared.runtime.settings import DashScopeSettings

# The shorter the delay, the sooner a call finds a moment with quota left among those of lower priority.
_RETRY_POLICIES = {
    Priority.INTERACTIVE: RetryPolicy(attempts=40, first_delay=0.05, max_delay=0.25),
    Priority.REQUEST: RetryPolicy(attempts=20, first_delay=0.2, max_delay=3),
    Priority.BULK: RetryPolicy(attempts=20, first_delay=0.5, max_delay=20),
}
# Of a call, where DashScope failed in another way than by its quota: a service that is down is not asked forty times.
_MAX_FAILURES = 6
# A call takes this much of the quota: between two calls of bulk work a query finds a gap, and one refusal costs little.
_CALL_SECONDS = 0.1
# As many tokens as use up both quotas at once, and as much again: calls must not run out of requests first.
_CALL_BALANCES = 2
_CACHED_QUERIES = 1_000
# No content inspection and no limit of any model refuses it.
_HARMLESS = "a"


class Embedder:
    """Makes vectors of texts by DashScope: thread-safe, one per process.

    Args:
        client: sends the calls; by default a client of its own.
    """

    def __init__(self, settings: DashScopeSettings, client: DashScopeClient | None = None) -> None:
        self._settings = settings
        self._client = client or DashScopeClient(settings)
        quota = _read_quota(settings)
        self._share = Share(quota.requests * settings.quota_share, quota.tokens * settings.quota_share)
        self._calls = ModelCalls(
            settings.model, self._share, self._client.budget, settings.call_timeout, skip_late=True
        )
        self._acceptance = Acceptance()
        # Arrays take a quarter of what tuples of numbers take: a thousand of 1,024 dimensions are 8 MB.
        self._cache: RecentValues[array[float]] = RecentValues(_CACHED_QUERIES)

    @property
    def profile(self) -> str:
        """Identity of the vector space: vectors of different profiles must never be compared."""
        return f"{self._settings.model.name}/{self._settings.dimension}"

    @property
    def about(self) -> dict[str, Any]:
        """The model in use and its address, for `/healthz`."""
        return {"embedding": {"model": self._settings.model_name, "address": name_place(self._settings.address)}}

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
        """How long this process's share of the quota takes for ``texts`` at least, if nothing else uses it.

        Texts of any length are estimated, in little memory.
        """
        return self.seconds_for(sum(map(tokens.estimate, texts)), len(texts))

    def seconds_for(self, total: int, rows: int) -> float:
        """As `seconds_needed`, for so many tokens in so many texts."""
        return self._share.seconds(total, math.ceil(rows / self._settings.model.rows_per_call))

    def embed(
        self,
        texts: Sequence[str],
        parameters: EmbeddingParameters,
        deadline: Deadline,
        priority: Priority = Priority.BULK,
    ) -> EmbeddingResult:
        """Embed ``texts``, which must be non-blank and within the model's token limit.

        Args:
            priority: how the calls share the quota with others; bulk work yields to all else.

        Raises:
            RequestError: ``text_empty`` or ``text_too_long``, before anything is sent.
        """
        ledger = Ledger([None] * len(texts))
        batches = list(self._pack(self._read(texts)))
        request = _Request(parameters, deadline, priority, ledger)
        call = partial(self._embed_batch, request=request)
        if len(batches) <= 1:
            for batch in batches:
                call(batch)
        else:
            contexts = [contextvars.copy_context() for _ in batches]  # the request's log fields, metrics and trace
            list(self._pool.map(lambda context, batch: context.run(call, batch), contexts, batches))
        return ledger.close()

    def embed_query(self, text: str, deadline: Deadline) -> tuple[Embedding, Usage]:
        """The vector of a query; the last thousand are cached, because queries repeat.

        It takes QUERY_EMBEDDING_TIMEOUT at most, as a user waits for it.

        Raises:
            PlatformError: as `embed` and `EmbeddingResult.complete`.
        """
        parameters = self.make_parameters(TextType.QUERY)
        if (dense := self._cache.get((text, parameters))) is not None:
            return Embedding(tuple(dense)), Usage()
        until = Deadline.after(min(self._settings.query_timeout, deadline.remaining()))
        result = self.embed([text], parameters, until, Priority.INTERACTIVE)
        (embedding,) = result.complete()
        self._cache.put((text, parameters), array("d", embedding.dense))
        return embedding, result.usage

    def _read(self, texts: Sequence[str]) -> Iterator[Row]:
        return packing.read_rows(texts, self._settings.model)

    def _pack(self, rows: Iterable[Row]) -> Iterator[Batch]:
        """Pack rows into calls of few tokens each; a longer row makes a call of its own."""
        quota = _read_quota(self._settings)
        most = max(_CALL_SECONDS * quota.tokens, _CALL_BALANCES * quota.tokens / quota.requests)
        return packing.pack(rows, self._settings.model.rows_per_call, most)

    def _embed_batch(self, rows: Batch, request: _Request) -> None:
        ledger = request.ledger
        if ledger.failure:
            return  # the request fails anyway: send nothing more that is billed
        try:
            self._call_repeatedly(rows, request)
        except RefusedError as error:
            self._find_refused(rows, error, request)
        except PlatformError as error:
            ledger.fail(error)

    def _find_refused(self, rows: Batch, refusal: RefusedError, request: _Request) -> None:
        """Halve a call that was refused until the refused text is known, if it is about a text at all."""
        ledger = request.ledger
        try:
            ledger.spend(self._acceptance.check(refusal, request.parameters, partial(self._ask, request=request)))
        except PlatformError as error:
            ledger.fail(error)
            return
        if len(rows) == 1:
            ledger.refuse(rows[0], refusal)
            return
        middle = len(rows) // 2
        self._embed_batch(rows[:middle], request)
        self._embed_batch(rows[middle:], request)

    def _ask(self, parameters: EmbeddingParameters, request: _Request) -> Usage:
        """Embed a harmless text; what it cost."""
        asked = replace(request, parameters=parameters, ledger=Ledger([None]))
        self._call_repeatedly(tuple(self._read([_HARMLESS])), asked)
        return asked.ledger.usage

    def _call_repeatedly(self, rows: Batch, request: _Request) -> None:
        failures = 0

        def call() -> None:
            nonlocal failures
            try:
                self._call(rows, request)
            except ThrottledError:
                raise
            except TransientError as error:
                failures += 1
                error.soon = error.soon and failures < _MAX_FAILURES
                raise

        retrying.call(call, _RETRY_POLICIES[request.priority], request.deadline)

    def _call(self, rows: Batch, request: _Request) -> None:
        texts = [row.text for row in rows]
        try:
            answer, usage = self._calls.run(
                lambda seconds: self._client.embed(texts, request.parameters, seconds),
                packing.estimate(rows),
                request.deadline,
                request.priority,
            )
        except MalformedError as error:
            if error.tokens is not None:
                error.soon = request.ledger.add_unusable(rows, error.usage)
            raise
        self._acceptance.note(request.parameters)
        request.ledger.add(rows, answer, usage)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="embed")


class _Request(Struct, frozen=True):
    """What all calls of one request have in common."""

    parameters: EmbeddingParameters
    deadline: Deadline
    priority: Priority
    ledger: Ledger


def _read_quota(settings: DashScopeSettings) -> Share:
    """The account's quota."""
    requests_per_second = settings.requests_per_second or settings.model.requests_per_second
    tokens_per_minute = settings.tokens_per_minute or settings.model.tokens_per_minute
    return Share(requests_per_second, tokens_per_minute / 60)
