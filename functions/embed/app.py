"""embed: texts in, vectors out, over HTTP; and records in events, embedded and written to Milvus.

``POST /embed`` is our own route; ``POST /v1/embeddings`` speaks OpenAI's protocol, so that its clients work unchanged:
https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import base64
from array import array
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response, request
from msgspec.structs import replace

from functions.embed.inputs import read_texts
from functions.embed.shapes import (
    EmbedAnswer,
    EmbedRequest,
    OpenAIAnswer,
    OpenAIModel,
    OpenAIModels,
    OpenAIRequest,
    OpenAIUsage,
    OpenAIVector,
    Vector,
)
from shared.domain.errors import ConfigurationError, RequestError
from shared.embedding import pooling
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.embedders import Embedders
from shared.embedding.quota import Priority
from shared.runtime import openapi
from shared.runtime.memory import MemoryBudget
from shared.runtime.request import deadline, read_body, request_id
from shared.runtime.responses import answer, answer_error
from shared.runtime.settings import EmbedSettings
from shared.runtime.web import Application, build_or_exit, read_settings_or_exit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.domain.models import Embedding
    from shared.embedding.parameters import EmbeddingParameters
    from shared.embedding.results import EmbeddingResult
    from shared.records.results import WriteResult
    from shared.runtime.retrying import Deadline
    from shared.store.directory import StoreDirectory
    from shared.store.schema import Space

# A request of moderate size uses up the quota for so long at most.
_MODERATE_SECONDS = 5.0
# The largest text of the quota of a minute, in Chinese written as \\uXXXX.
MAX_BODY_BYTES = 8 * 1024 * 1024
# Of the vectors of all requests under way: numbers of Python and their JSON take so much each.
_VECTOR_BYTES = 192 * 1024 * 1024
_NUMBER_BYTES = 56

settings = read_settings_or_exit(EmbedSettings)
vectors = MemoryBudget(_VECTOR_BYTES)
client = DashScopeClient(settings.dashscope)
embedder = Embedder(settings.dashscope, client)
embedders = Embedders(settings.dashscope, client, embedder)


def open_collections() -> dict[str, StoreDirectory]:
    """The collections that records may name; none without a Milvus and a client for it."""
    if settings.milvus is None or find_spec("pymilvus") is None:
        return {}
    # Late, as all that only records need: most embed texts only.
    from shared.store.client import Client
    from shared.store.directory import StoreDirectory
    from shared.store.schema import Space

    space = Space(settings.dashscope.model_name, settings.dashscope.dimension)
    more = {name: replace(settings.milvus, collection=name) for name in settings.records.collections}
    return {
        name: StoreDirectory(milvus, space, Client(milvus, awaits_server=True))
        for name, milvus in {"": settings.milvus, **more}.items()
    }


collections = open_collections()


def prepare(_deadline: Deadline) -> None:
    """Import the SDK before the first request would have to wait for it."""
    embedder.warm_up()


def on_event(raw: bytes, deadline: Deadline) -> WriteResult:
    """Write the records of an event and return what happened to each."""
    if not collections:
        hint = "set MILVUS_URI, and RECORDS_ENABLED=true before it is deployed."
        raise ConfigurationError("events_off", f"There is no collection for records: {hint}")
    from shared.migration.record_writers import RecordWriters
    from shared.records import envelopes

    writer = RecordWriters(collections, find_embedder, settings.tenants.tenancy())
    return writer.write(envelopes.parse(raw, settings.records), deadline)


def find_embedder(space: Space) -> Embedder:
    """Find the embedder of a collection's vectors, which a migration may have changed."""
    return embedders.find(space.model, space.dimension)


application = Application(
    "embed",
    about=lambda: embedder.about,
    authenticator=build_or_exit(settings.access.authenticator),
    prepare=prepare,
    on_event=on_event,
    domain=settings.access.domain,
    open_paths=frozenset({openapi.PATH}),
    body_limits={"/embed": MAX_BODY_BYTES, "/v1/embeddings": MAX_BODY_BYTES},
    origins=settings.access.origins,
)
app = application.flask


@app.post("/embed")
def embed() -> Response:
    """Vectors of any number of texts up to the cap, in input order."""
    body = read_body(EmbedRequest, settings.max_texts)
    _check_count("texts", body.texts)
    parameters = embedder.make_parameters(body.text_type, body.dimension, body.output_type, body.instruct)

    def embed_texts() -> Response:
        if body.too_long == "split":
            _choose_priority(body.texts, deadline())  # before anything is cut, which takes time and memory
            parts = pooling.split(body.texts, embedder.is_too_long, settings.max_texts)
            embedded = pooling.pool(_embed(parts.texts, parameters), parts)
        else:
            embedded = _embed(body.texts, parameters)
        return answer(
            EmbedAnswer(
                embeddings=[Vector.of(i, embedding) for i, embedding in enumerate(embedded.complete())],
                model=settings.dashscope.model_name,
                dimension=parameters.dimension,
                usage=embedded.usage,
                request_id=request_id(),
            )
        )

    return _within_memory(len(body.texts) * parameters.dimension, embed_texts)


@app.post("/v1/embeddings")
def embed_for_openai() -> Response:
    """The same by OpenAI's protocol."""
    body = read_body(OpenAIRequest, settings.max_texts)
    _check_model(body.model)
    texts = read_texts(body.input)
    _check_count("input", texts)
    parameters = embedder.make_parameters(body.read_text_type(), body.read_dimension())

    def embed_texts() -> Response:
        embedded = _embed(texts, parameters)
        tokens = embedded.usage.tokens
        return answer(
            OpenAIAnswer(
                object="list",
                data=[
                    OpenAIVector("embedding", i, _encode(embedding, body.encoding_format))
                    for i, embedding in enumerate(embedded.complete())
                ],
                model=settings.dashscope.model_name,
                usage=OpenAIUsage(prompt_tokens=tokens, total_tokens=tokens),
            )
        )

    return _within_memory(len(texts) * parameters.dimension, embed_texts)


@app.get("/v1/models")
def list_models() -> Response:
    """The one model of the deployment, which OpenAI clients ask for before they save a connection."""
    return answer(OpenAIModels("list", [_describe_model()]))


@app.get("/v1/models/<name>")
def show_model(name: str) -> Response:
    """The model by its name."""
    _check_model(name)
    return answer(_describe_model())


@app.get(openapi.PATH)
def describe_api() -> Response:
    """The OpenAPI description of the HTTP functions."""
    return Response(openapi.read(), mimetype="application/json")


def _within_memory(numbers: int, embed_texts: Callable[[], Response]) -> Response:
    """Embed once the memory for so many numbers is free, and hold it until the answer is sent."""
    release = vectors.reserve(numbers * _NUMBER_BYTES, deadline())
    try:
        response = embed_texts()
    except BaseException:
        release()
        raise
    response.call_on_close(release)
    return response


def _describe_model() -> OpenAIModel:
    return OpenAIModel(settings.dashscope.model_name, "model", 0, "dashscope")


def _check_model(name: str) -> None:
    if name != settings.dashscope.model_name:
        raise RequestError(
            "model_not_found", f"This function serves {settings.dashscope.model_name}; ask for that.", status=404
        )


def _check_count(name: str, texts: list[str]) -> None:
    if not texts:
        raise RequestError("no_texts", f"{name} is empty; send at least one text.")
    if len(texts) > settings.max_texts:
        raise RequestError("too_many_texts", f"{name} holds {len(texts)} texts; {settings.max_texts} are allowed.")


def _embed(texts: Sequence[str], parameters: EmbeddingParameters) -> EmbeddingResult:
    """Embed ``texts``; a request that cannot end in time is refused before anything is billed."""
    until = deadline()
    return embedder.embed(texts, parameters, until, _choose_priority(texts, until))


def _choose_priority(texts: Sequence[str], until: Deadline) -> Priority:
    """How a request shares the quota: a large one yields to queries.

    Raises:
        RequestError: ``too_much_text``: the quota allows too little in time.
    """
    seconds = embedder.seconds_needed(texts)
    if seconds > until.remaining():
        raise RequestError(
            "too_much_text",
            f"The DashScope quota allows so much text in {seconds:.0f} s, and there are {until.remaining():.0f} s: "
            "send less at once.",
            status=413,
        )
    return Priority.INTERACTIVE if seconds <= _MODERATE_SECONDS else Priority.REQUEST


def _encode(embedding: Embedding, encoding: str) -> Any:
    if encoding == "float":
        return embedding.dense
    return base64.b64encode(array("f", embedding.dense).tobytes()).decode("ascii")


@app.errorhandler(Exception)
def handle_error(error: Exception) -> Response:
    """Answer with OpenAI's form of an error on OpenAI's routes, with ours elsewhere."""
    response = answer_error(error)
    if request.path.startswith("/v1/"):
        content = msgspec.json.decode(response.get_data())["error"]
        kind = "invalid_request_error" if response.status_code < 500 else "server_error"
        response.set_data(answer({"error": {**content, "type": kind, "param": None}}).get_data())
    return response
