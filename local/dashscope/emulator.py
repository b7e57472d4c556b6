"""One call from key to answer, and the routes that control it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import msgspec
from aiohttp import web

from local.callers import admit_programs
from local.dashscope import compatible, wire
from local.dashscope.batch import read_call
from local.dashscope.batch_tasks import BatchTasks
from local.dashscope.body import BODY_BYTES, read_body, read_json
from local.dashscope.embedding import EmbeddingCall, read_embedding_call
from local.dashscope.encoders import load_encoder
from local.dashscope.faults import CONTENT_FAULTS, WIRE_FAULTS, Faults, Rule
from local.dashscope.generation import GenerationCall, read_generation_call
from local.dashscope.ocr_process import OcrProcess
from local.dashscope.quota import Quota
from local.dashscope.refusal import Refusal
from local.dashscope.rerank import RerankCall, read_rerank_call
from local.dashscope.settings import Settings, Tuning
from local.dashscope.spoiling import spoil
from local.dashscope.usage import Usage
from local.dashscope.vision import VisionCall, read_vision_call
from local.dashscope.vocabulary import load_vocabulary
from shared.domain.catalog import VISION_MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.dashscope.body import Body
    from local.dashscope.faults import BatchFault

EMBEDDING_PATH = "/api/v1/services/embeddings/text-embedding/text-embedding"
RERANK_PATH = "/api/v1/services/rerank/text-rerank/text-rerank"
GENERATION_PATH = "/api/v1/services/aigc/text-generation/generation"
COMPATIBLE_EMBEDDING_PATH = f"{compatible.PATH}/embeddings"
MULTIMODAL_PATH = "/api/v1/services/aigc/multimodal-generation/generation"

Call = EmbeddingCall | RerankCall | GenerationCall | VisionCall


class Emulator:
    """The aiohttp application and what it remembers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._quota = _make_quota(settings)
        self._faults = Faults()
        self._usage = Usage()
        self._concurrent = 0
        self._started = time.monotonic()
        # Two threads, so that a throttled call is refused at once however long the model is busy.
        self._counting = ThreadPoolExecutor(1, "vocabulary")
        self._encoding = ThreadPoolExecutor(1, "encoder")
        self._reading = ThreadPoolExecutor(1, "ocr")
        self._ocr = OcrProcess(settings.ocr_model)

    async def load(self) -> None:
        """Load model and vocabulary; until then the server must not accept calls."""
        loop = asyncio.get_running_loop()
        self._batches = BatchTasks(self, self._settings.batch_events)
        self._vocabulary = await loop.run_in_executor(self._counting, load_vocabulary)
        self._encoder = await loop.run_in_executor(self._encoding, load_encoder, self._settings.model)

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application(client_max_size=BODY_BYTES, middlewares=[admit_programs(_refuse_page)])
        application.add_routes(
            [
                web.post(EMBEDDING_PATH, self._embed),
                web.post(RERANK_PATH, self._rerank),
                web.post(GENERATION_PATH, self._generate),
                web.post(MULTIMODAL_PATH, self._generate),
                web.post(COMPATIBLE_EMBEDDING_PATH, self._embed_compatibly),
                *compatible.CompatibleRoutes(self._batches, self._authorize).list_routes(),
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
        """Let the threads end; work that no caller waits for is dropped."""
        self._counting.shutdown(wait=False, cancel_futures=True)
        self._encoding.shutdown(wait=False, cancel_futures=True)
        self._reading.shutdown(wait=False, cancel_futures=True)
        self._ocr.close()
        self._batches.close()

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, read_embedding_call)

    async def _embed_compatibly(self, request: web.Request) -> web.StreamResponse:
        try:
            key, call = self._authorize(request), read_call(await read_json(request))
            rule = self._faults.strike_line(call.texts)
            if rule:
                await wire.strike(request, rule)
            answer = await self._work(key, call)
        except Refusal as refusal:
            self._usage.rejected[refusal.code] += 1
            return compatible.refuse(refusal)
        tokens = answer["usage"]["total_tokens"]
        return wire.respond_json(compatible.make_answer(answer["output"], tokens, call.model.name))

    async def _rerank(self, request: web.Request) -> web.StreamResponse:
        return await self._answer(request, read_rerank_call)

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        streams = request.headers.get("X-DashScope-SSE", "").lower() == "enable"
        is_multimodal = request.path == MULTIMODAL_PATH

        def read(body: Body) -> Call:
            if is_multimodal and body.model in VISION_MODELS:
                return read_vision_call(body)
            return read_generation_call(body, streams=streams, is_multimodal=is_multimodal)

        return await self._answer(request, read)

    async def _answer(self, request: web.Request, read: Callable[[Body], Call]) -> web.StreamResponse:
        self._concurrent += 1
        self._usage.max_concurrent = max(self._usage.max_concurrent, self._concurrent)
        try:
            return await self._serve(request, read)
        except Refusal as refusal:
            self._usage.rejected[refusal.code] += 1
            return wire.refuse(refusal)
        finally:
            self._concurrent -= 1

    async def _serve(self, request: web.Request, read: Callable[[Body], Call]) -> web.StreamResponse:
        key = self._authorize(request)
        call = read(await read_body(request))
        self._remember(request, call)
        rule = self._faults.strike(call.texts)
        if rule:
            self._usage.faults[rule.fault] += 1
        if rule and rule.fault in WIRE_FAULTS:
            return await wire.strike(request, rule)
        answer = await self._work(key, call)
        if isinstance(call, GenerationCall) and call.streams:
            spoilt = spoil(rule.fault, answer) if rule and rule.fault in CONTENT_FAULTS else answer
            fault = rule.fault if rule and rule.fault not in CONTENT_FAULTS else ""
            return await wire.stream(fault, request, list(call.split(spoilt)))
        if rule is None:
            return wire.respond_json(answer)
        if rule.fault in CONTENT_FAULTS:
            # Slower than msgspec, but it writes NaN, which one of these faults is about.
            return wire.respond(json.dumps(spoil(rule.fault, answer)).encode())
        return await wire.deliver(rule.fault, request, msgspec.json.encode(answer))

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
        if isinstance(call, VisionCall):
            output, written = await loop.run_in_executor(self._reading, call.answer, self._ocr, self._vocabulary)
            usage = {"input_tokens": tokens, "output_tokens": written, "total_tokens": tokens + written}
            self._usage.pictures += 1
        else:
            output = await loop.run_in_executor(self._encoding, call.work, self._encoder, self._vocabulary)
            usage = {"total_tokens": tokens}
        if isinstance(call, GenerationCall):
            usage = await loop.run_in_executor(self._counting, call.count, tokens, output, self._vocabulary)
        self._usage.bill(call.rows, usage["total_tokens"])
        return {"output": output, "usage": usage, "request_id": str(uuid.uuid4())}

    @property
    def batch_seconds(self) -> float:
        """Seconds in which a batch task is in progress at least."""
        return self._settings.batch_seconds

    def strike_batch(self) -> BatchFault | None:
        """What happens to the next batch task by a fault rule."""
        rule = self._faults.strike_batch()
        if rule is None:
            return None
        self._usage.faults[rule.fault] += 1
        return cast("BatchFault", rule.fault)

    async def embed_offline(self, calls: Sequence[EmbeddingCall], *, shifted: bool) -> list[dict[str, Any] | Refusal]:
        """The answers to lines of a batch task, each billed at half price unless it is refused."""
        loop = asyncio.get_running_loop()
        counts = await loop.run_in_executor(self._counting, self._count_lines, calls)
        return await loop.run_in_executor(self._encoding, self._embed_lines, calls, counts, shifted)

    def _count_lines(self, calls: Sequence[EmbeddingCall]) -> list[int | Refusal]:
        return [self._count_line(call) for call in calls]

    def _count_line(self, call: EmbeddingCall) -> int | Refusal:
        rule = self._faults.strike_line(call.texts)
        if rule:
            self._usage.faults[rule.fault] += 1
            return Refusal(rule.code, rule.message, status=rule.status)
        try:
            return call.bill(self._vocabulary)
        except Refusal as refusal:
            return refusal

    def _embed_lines(
        self, calls: Sequence[EmbeddingCall], counts: Sequence[int | Refusal], shifted: bool
    ) -> list[dict[str, Any] | Refusal]:
        return [
            count if isinstance(count, Refusal) else self._embed_line(call, count, shifted)
            for call, count in zip(calls, counts, strict=True)
        ]

    def _embed_line(self, call: EmbeddingCall, tokens: int, shifted: bool) -> dict[str, Any]:
        output = call.work(self._encoder, self._vocabulary)
        if shifted:
            output = {"embeddings": [{**row, "embedding": row["embedding"][::-1]} for row in output["embeddings"]]}
        self._usage.bill_batch(call.rows, tokens)
        return compatible.make_answer(output, tokens, call.model.name)

    async def _unknown(self, _: web.Request) -> web.Response:
        return wire.refuse(Refusal("InvalidURL"))

    async def _health(self, _: web.Request) -> web.Response:
        return wire.respond_json({"status": "ok", "model": self._settings.model})

    async def _show_usage(self, _: web.Request) -> web.Response:
        return wire.respond_json({**vars(self._usage), "requests": list(self._usage.requests)})

    async def _clear_usage(self, _: web.Request) -> web.Response:
        self._usage = Usage(max_concurrent=self._concurrent)
        return web.Response(status=204)

    async def _show_faults(self, _: web.Request) -> web.Response:
        return wire.respond_json(self._faults.rules)

    async def _set_faults(self, request: web.Request) -> web.Response:
        try:
            self._faults = Faults(msgspec.json.decode(await request.read(), type=list[Rule]))
        except msgspec.DecodeError as error:
            return wire.misused(error)
        return web.Response(status=204)

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults = Faults()
        return web.Response(status=204)

    async def _tune(self, request: web.Request) -> web.Response:
        try:
            tuning = msgspec.json.decode(await request.read(), type=Tuning)
        except msgspec.DecodeError as error:
            return wire.misused(error)
        given = {name: value for name, value in msgspec.structs.asdict(tuning).items() if value is not None}
        if any(value < 0 for value in given.values()):
            return wire.misused(ValueError("latency and quota are 0 or more"))
        self._settings = replace(self._settings, **given)
        self._quota = _make_quota(self._settings)
        return web.Response(status=204)


def _make_quota(settings: Settings) -> Quota:
    return Quota(settings.requests_per_second, settings.tokens_per_minute, documented=settings.documented_quota)


def _refuse_page(_code: str, sentence: str) -> web.Response:
    return web.Response(status=403, text=f"{sentence}\n")
