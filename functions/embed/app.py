"""embed: texts in, vectors out, over HTTP; and records in events, embedded and written to Milvus.

``POST /embed`` is our own route; ``POST /v1/embeddings`` speaks OpenAI's protocol, so that its clients work unchanged:
https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

import base64
from array import array
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, Literal

from flask import request
from msgspec import Meta, Struct

from shared import pooling, records
from shared.auth import Gate
from shared.config import EmbedSettings
from shared.embedding import Embedder, Output, TextType
from shared.errors import ConfigurationError, PlatformError, RequestError
from shared.store import Space, Store
from shared.streaming import Streaming
from shared.web import Application, answer, body, deadline, request_id, settings_or_exit, status_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response

    from shared.embedding import Embedded, Wanted
    from shared.models import Embedding
    from shared.retrying import Deadline
    from shared.streaming import Streamed

settings = settings_or_exit(EmbedSettings)
embedder = Embedder(settings.dashscope)


def stores() -> dict[str, Store]:
    """The collections that records may go to, by the name they give; none without a Milvus and a client for it."""
    if settings.milvus is None or find_spec("pymilvus") is None:
        return {}
    space = Space(settings.dashscope.model_name, settings.dashscope.dimension)
    more = {name: replace(settings.milvus, collection=name) for name in settings.records.collections}
    return {name: Store(milvus, space) for name, milvus in {"": settings.milvus, **more}.items()}


collections = stores()
streaming = Streaming(embedder, collections, settings.tenants.tenancy())


class EmbedRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /embed``."""

    texts: list[str]
    text_type: TextType = TextType.DOCUMENT
    dimension: int | None = None
    output_type: Output = Output.DENSE
    instruct: Annotated[str, Meta(max_length=1_000)] = ""
    too_long: Literal["refuse", "split"] = "refuse"


class OpenAIRequest(Struct, frozen=True):
    """Body of ``POST /v1/embeddings``; fields of OpenAI's that mean nothing here, such as ``user``, are ignored."""

    input: str | list[str]
    model: str
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] = "float"


def prepare(_deadline: Deadline) -> None:
    """Pay for the slow import before the first request would."""
    embedder.warm_up()


def on_event(raw: bytes, deadline: Deadline) -> Streamed:
    """Write the records of an event; what happened to each is the invocation's result."""
    if not collections:
        hint = "set MILVUS_URI for this function, and recordsEnabled in s.yaml before it is deployed."
        raise ConfigurationError("events_off", f"Records have nowhere to go: {hint}")
    return streaming.handle(records.parse(raw, settings.records), deadline)


application = Application(
    "embed", about=embedder.about, gate=Gate(settings.access.keys), prepare=prepare, on_event=on_event
)
app = application.flask


@app.post("/embed")
def embed() -> Response:
    """Vectors of any number of texts up to the cap, in input order."""
    asked = body(EmbedRequest)
    _check_count("texts", asked.texts)
    wanted = embedder.wanted(asked.text_type, asked.dimension, asked.output_type, asked.instruct)
    if asked.too_long == "split":
        parts = pooling.split(asked.texts, embedder.too_long)
        embedded = pooling.pool(_embedded(parts.texts, wanted), parts)
    else:
        embedded = _embedded(asked.texts, wanted)
    return answer(
        {
            "embeddings": [_vector(i, embedding) for i, embedding in enumerate(embedded.complete())],
            "model": settings.dashscope.model_name,
            "dimension": wanted.dimension,
            "usage": embedded.usage,
            "request_id": request_id(),
        }
    )


@app.post("/v1/embeddings")
def openai_embeddings() -> Response:
    """The same under OpenAI's names."""
    asked = body(OpenAIRequest)
    if asked.model != settings.dashscope.model_name:
        raise RequestError(
            "model_not_found", f"This function serves {settings.dashscope.model_name}; ask for that.", status=404
        )
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    _check_count("input", texts)
    wanted = embedder.wanted(TextType.DOCUMENT, asked.dimensions)
    embedded = _embedded(texts, wanted)
    return answer(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": i, "embedding": _encoded(embedding, asked.encoding_format)}
                for i, embedding in enumerate(embedded.complete())
            ],
            "model": settings.dashscope.model_name,
            "usage": {"prompt_tokens": embedded.usage.tokens, "total_tokens": embedded.usage.tokens},
        }
    )


def _check_count(name: str, texts: list[str]) -> None:
    if not texts:
        raise RequestError("no_texts", f"{name} is empty; send at least one text.")
    if len(texts) > settings.max_texts:
        raise RequestError("too_many_texts", f"{name} holds {len(texts)} texts; {settings.max_texts} are allowed.")


def _embedded(texts: Sequence[str], wanted: Wanted) -> Embedded:
    """What DashScope makes of ``texts``; what cannot end in time is refused before anything is paid for."""
    until = deadline()
    seconds = embedder.seconds_needed(texts)
    if seconds > until.remaining():
        raise RequestError(
            "too_much_text",
            f"This function's share of the quota needs {seconds:.0f} s for so much text and has "
            f"{until.remaining():.0f} s: send fewer texts at once.",
            status=413,
        )
    return embedder.embed(texts, wanted, until)


def _vector(index: int, embedding: Embedding) -> dict[str, Any]:
    vector: dict[str, Any] = {"index": index}
    if embedding.dense:
        vector["embedding"] = embedding.dense
    if embedding.sparse:
        vector["sparse_embedding"] = embedding.sparse
    return vector


def _encoded(embedding: Embedding, encoding: str) -> Any:
    if encoding == "float":
        return embedding.dense
    return base64.b64encode(array("f", embedding.dense).tobytes()).decode("ascii")


@app.errorhandler(PlatformError)
def failed(error: PlatformError) -> Response:
    """OpenAI's shape of an error on OpenAI's route, ours elsewhere."""
    response = application.error_answer(error)
    if request.path == "/v1/embeddings":
        kind = "invalid_request_error" if isinstance(error, RequestError) else "server_error"
        shape = {"message": error.message, "type": kind, "param": None, "code": error.code, "request_id": request_id()}
        response.set_data(answer({"error": shape}, status_of(error)).get_data())
    return response
