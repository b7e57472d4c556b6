"""Texts in, vectors out.

A request is packed into calls by rows and tokens, the calls run side by side within the quota, each failed call alone
is repeated, and a call refused for its content is halved until the guilty text is known. What was paid for is kept:
an answer holds every vector that arrived, and says what is missing and why.
"""

from __future__ import annotations

import contextvars
import math
import threading
import time
from array import array
from collections import Counter, OrderedDict
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from shared.domain.errors import PlatformError, RequestError, TransientError
from shared.domain.models import Embedding, SparseVector, Usage
from shared.embedding import tokens
from shared.embedding.dashscope import DashScopeClient, MalformedError, RefusedError, throttled, tokens_billed
from shared.embedding.quota import Limiter, Share
from shared.runtime import metrics, retrying
from shared.runtime.retrying import Deadline, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from shared.runtime.settings import DashScopeSettings

_RETRY_POLICY = RetryPolicy(attempts=6, first_delay=0.5, max_delay=20)
_CACHED_QUERIES = 1_000
# How fast a slow call is forgotten: by the next ones, a tenth each.
_FADING = 0.9
# Every answer is paid for, so one that cannot be used is asked for again once, and not six times.
_SPOILT_ANSWERS = 2


class TextType(StrEnum):
    """What a text is for; DashScope embeds questions and chunks differently."""

    DOCUMENT = "document"
    QUERY = "query"


class Output(StrEnum):
    """Which vectors to return."""

    DENSE = "dense"
    SPARSE = "sparse"
    BOTH = "dense&sparse"

    @property
    def has_dense(self) -> bool:
        """Whether dense vectors are among them."""
        return self is not Output.SPARSE

    @property
    def has_sparse(self) -> bool:
        """Whether sparse vectors are among them."""
        return self is not Output.DENSE


class EmbeddingParameters(Struct, frozen=True):
    """What is asked of DashScope for every text of a request.

    Attributes:
        dimension: vector size; one the model offers.
        instruct: instruction for queries, where the model takes one.
    """

    text_type: TextType
    dimension: int
    output: Output = Output.DENSE
    instruct: str = ""


class RefusedText(Struct, frozen=True):
    """A text DashScope will not embed.

    Attributes:
        index: its position in the request.
    """

    index: int
    code: str
    message: str
    request_id: str


class EmbeddingResult(Struct, frozen=True):
    """Answer to a request.

    Attributes:
        embeddings: one per text, in input order; ``None`` where it is missing.
        refused: the texts that were refused for what they hold.
        failure: why others are missing, if any is.
        request_ids: DashScope's ids of the calls that succeeded.
    """

    embeddings: tuple[Embedding | None, ...]
    usage: Usage
    refused: tuple[RefusedText, ...] = ()
    failure: PlatformError | None = None
    request_ids: tuple[str, ...] = ()

    def complete(self) -> tuple[Embedding, ...]:
        """All embeddings.

        Raises:
            RequestError: ``text_refused``: DashScope will not embed some text.
            PlatformError: what else kept an embedding from arriving.
        """
        if self.refused:
            first = self.refused[0]
            raise RequestError(
                "text_refused",
                f"DashScope refused texts[{first.index}] ({first.code}: {first.message})",
                status=422,
                request_id=first.request_id,
            )
        if self.failure:
            raise self.failure
        return tuple(embedding for embedding in self.embeddings if embedding is not None)


class _Row(Struct, frozen=True):
    index: int
    text: str
    tokens: int


class _Ledger(Struct):
    """What the calls of one request brought in; calls of several threads write it."""

    embeddings: list[Embedding | None]
    usage: Usage = Usage()
    refused: list[RefusedText] = []
    failure: PlatformError | None = None
    request_ids: list[str] = []
    spoilt_answers: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def paid(self, rows: Sequence[_Row], embeddings: Sequence[Embedding], usage: Usage, request_id: str) -> None:
        with self.lock:
            for row, embedding in zip(rows, embeddings, strict=True):
                self.embeddings[row.index] = embedding
            self.usage += usage
            self.request_ids.append(request_id)

    def spoilt(self, rows: Sequence[_Row], usage: Usage) -> bool:
        """Count an answer that was paid for and cannot be used; whether to ask once more."""
        with self.lock:
            self.usage += usage
            self.spoilt_answers[rows[0].index] += 1
            return self.spoilt_answers[rows[0].index] < _SPOILT_ANSWERS

    def refuse(self, row: _Row, error: RefusedError) -> None:
        with self.lock:
            self.refused.append(RefusedText(row.index, error.code, error.message, error.request_id))

    def fail(self, error: PlatformError) -> None:
        with self.lock:
            self.failure = self.failure or error

    def close(self) -> EmbeddingResult:
        refused = tuple(sorted(self.refused, key=lambda text: text.index))
        return EmbeddingResult(tuple(self.embeddings), self.usage, refused, self.failure, tuple(self.request_ids))


class Embedder:
    """Makes vectors of texts by DashScope: thread-safe, one per process.

    Args:
        client: what it calls DashScope through; one of its own, if nobody else in the process calls it.
    """

    def __init__(self, settings: DashScopeSettings, client: DashScopeClient | None = None) -> None:
        self._settings = settings
        self._client = client or DashScopeClient(settings)
        self._limiter = Limiter(_share(settings))
        self._usual_seconds = 0.0  # what calls took of late
        # Arrays take a quarter of what tuples of numbers take: a thousand of 1,024 dimensions are 8 MB.
        self._cache: OrderedDict[tuple[str, EmbeddingParameters], array[float]] = OrderedDict()
        self._cache_lock = threading.Lock()

    @property
    def profile(self) -> str:
        """Identity of the vector space: vectors of different profiles must never meet."""
        return f"{self._settings.model.name}/{self._settings.dimension}"

    @property
    def about(self) -> dict[str, Any]:
        """The model in use and where it answers, for people who ask which one that is."""
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
        """How long this process's share of the quota takes for ``texts``, were nobody else to use it."""
        share = _share(self._settings)
        return sum(share.seconds(sum(row.tokens for row in batch)) for batch in self._pack(self._rows(texts)))

    def embed(self, texts: Sequence[str], parameters: EmbeddingParameters, deadline: Deadline) -> EmbeddingResult:
        """Embed ``texts``, which must be non-blank and within the model's token limit.

        Raises:
            RequestError: ``text_empty`` or ``text_too_long``, before anything is sent.
        """
        ledger = _Ledger([None] * len(texts))
        batches = list(self._pack(self._rows(texts)))
        if len(batches) <= 1:
            for batch in batches:
                self._embed_batch(batch, parameters, deadline, ledger)
        else:
            contexts = [contextvars.copy_context() for _ in batches]  # what log lines and traces of the request say
            call = partial(self._embed_batch, parameters=parameters, deadline=deadline, ledger=ledger)
            list(self._pool.map(lambda context, batch: context.run(call, batch), contexts, batches))
        return ledger.close()

    def embed_query(self, text: str, deadline: Deadline) -> tuple[Embedding, Usage]:
        """The vector of a question; the last thousand are remembered, because people ask the same things.

        Raises:
            PlatformError: as `embed` and `Embedded.complete`.
        """
        key = (text, self.make_parameters(TextType.QUERY))
        with self._cache_lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return Embedding(tuple(self._cache[key])), Usage()
        embedded = self.embed([text], key[1], deadline)
        (embedding,) = embedded.complete()
        with self._cache_lock:
            self._cache[key] = array("d", embedding.dense)
            if len(self._cache) > _CACHED_QUERIES:
                self._cache.popitem(last=False)
        return embedding, embedded.usage

    def _rows(self, texts: Sequence[str]) -> Iterator[_Row]:
        for index, text in enumerate(texts):
            if not text.strip():
                raise RequestError("text_empty", f"texts[{index}] is empty or blank; DashScope refuses that.")
            if self.is_too_long(text):
                model = self._settings.model
                raise RequestError(
                    "text_too_long",
                    f"texts[{index}] has more than the {model.tokens_per_row} tokens {model.name} takes; split it.",
                )
            yield _Row(index, text, tokens.estimate(text))

    def _pack(self, rows: Iterable[_Row]) -> Iterator[tuple[_Row, ...]]:
        """Group neighbours: as many as a call may hold, and no more tokens than half a second of the quota."""
        model = self._settings.model
        most_tokens = max(model.tokens_per_row, _share(self._settings).tokens / 2)
        batch: list[_Row] = []
        held = 0
        for row in rows:
            if batch and (len(batch) == model.rows_per_call or held + row.tokens > most_tokens):
                yield tuple(batch)
                batch, held = [], 0
            batch.append(row)
            held += row.tokens
        if batch:
            yield tuple(batch)

    def _embed_batch(
        self, rows: tuple[_Row, ...], parameters: EmbeddingParameters, deadline: Deadline, ledger: _Ledger
    ) -> None:
        if ledger.failure:
            return  # the request fails anyway: nothing more is bought for it
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

    def _call(
        self, rows: tuple[_Row, ...], parameters: EmbeddingParameters, deadline: Deadline, ledger: _Ledger
    ) -> None:
        guessed = sum(row.tokens for row in rows)
        reservation = self._limiter.wait(guessed, deadline)
        if deadline.remaining() < self._usual_seconds:
            # It would be cut off, and paid for all the same.
            raise TransientError("deadline_exceeded", "Too little time is left for another call; try again.")
        reserved = self._settings.model.cost(sum(tokens.bound(row.text) for row in rows))
        self._client.budget.reserve(reserved)
        billed = guessed  # until the answer says: an answer that is lost may have been paid for
        try:
            response = self._send([row.text for row in rows], parameters, deadline.timeout(self._settings.call_timeout))
            billed = tokens_billed(response)
        finally:
            self._client.budget.settle(reserved, self._settings.model.cost(billed))
        if response.status_code != 200:
            failure = self._client.failure(response)
            if isinstance(failure, TransientError) and throttled(response):
                self._limiter.throttled()
            raise failure
        self._limiter.settle(reservation, billed)
        usage = Usage(tokens=billed, calls=1, cost_cny=self._settings.model.cost(billed))
        metrics.add(tokens=usage.tokens, cost_cny=usage.cost_cny)
        try:
            embeddings = _embeddings(response, len(rows), parameters)
        except MalformedError as error:
            error.soon = ledger.spoilt(rows, usage)
            raise
        ledger.paid(rows, embeddings, usage, response.request_id or "")

    def _send(self, texts: list[str], parameters: EmbeddingParameters, seconds: float) -> Any:
        model = self._settings.model
        started = time.monotonic()
        response = self._client.embed(
            texts,
            seconds,
            text_type=parameters.text_type.value,
            dimension=parameters.dimension if model.takes_dimension else None,
            output_type=parameters.output.value if model.sparse else None,
            instruct=parameters.instruct or None,
        )
        # Threads may overwrite each other's figure: any of them will do.
        self._usual_seconds = max(time.monotonic() - started, _FADING * self._usual_seconds)
        return response

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._settings.concurrency, thread_name_prefix="embed")


def _share(settings: DashScopeSettings) -> Share:
    requests_per_second = settings.requests_per_second or settings.model.requests_per_second
    tokens_per_minute = settings.tokens_per_minute or settings.model.tokens_per_minute
    return Share(requests_per_second * settings.quota_share, tokens_per_minute * settings.quota_share / 60)


def _embeddings(response: Any, count: int, parameters: EmbeddingParameters) -> tuple[Embedding, ...]:
    """The answer's rows in request order.

    Raises:
        MalformedError: ``embedding_malformed``: rows are missing, doubled, of another size or not finite.
    """
    try:
        rows = sorted(response.output["embeddings"], key=lambda row: row["text_index"])
        if [row["text_index"] for row in rows] != list(range(count)):
            raise ValueError("its rows are not those asked for")
        return tuple(_embedding(row, parameters) for row in rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = str(error) if isinstance(error, ValueError) else "its shape is unknown"
        raise MalformedError(reason, response.request_id or "") from None


def _embedding(row: Mapping[str, Any], parameters: EmbeddingParameters) -> Embedding:
    dense = tuple(row["embedding"]) if parameters.output.has_dense else ()
    # One NaN or infinity spoils the sum; asking each number takes a tenth of the time of the whole call.
    if parameters.output.has_dense and (len(dense) != parameters.dimension or not math.isfinite(sum(dense))):
        raise ValueError(f"a vector is not {parameters.dimension} finite numbers")
    if not parameters.output.has_sparse:
        return Embedding(dense)
    weights = [(int(entry["index"]), float(entry["value"])) for entry in row["sparse_embedding"]]
    return Embedding(dense, SparseVector(tuple(i for i, _ in weights), tuple(v for _, v in weights)))
