"""The OpenAPI description of the HTTP functions, from their types and the examples of docs/api.md.

Shapes are those of the msgspec types that the functions decode and encode. What types cannot express is listed here:
the routes, and which errors each can answer with. Tests compare both with the applications and with the error codes
that the sources can produce.
"""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from functions.embed.shapes import (
    EmbedAnswer,
    EmbedRequest,
    OpenAIAnswer,
    OpenAIModel,
    OpenAIModels,
    OpenAIRequest,
)
from functions.search.admin_shapes import (
    RetryRequest,
    RetryResponse,
    StatusResponse,
    UploadRequest,
    UploadResponse,
)
from functions.search.answer_shapes import AnswerRequest, AnswerResponse
from functions.search.dify import RetrievalError, RetrievalRequest, RetrievalResponse
from functions.search.shapes import (
    ChunksRequest,
    ChunksResponse,
    ListRequest,
    ListResponse,
    SearchRequest,
    SearchResponse,
)
from functions.search.similar_shapes import SimilarRequest
from functions.search.sources import SourceRequest, SourceResponse
from ops.generating import describe_defaults, widen_tuples
from ops.operation import GATE, REFERENCE, Codes, Operation, render
from ops.written_schemas import WRITTEN_SCHEMAS
from shared.domain.history import HistoryEntry
from shared.domain.models import Document, Failure, SparseVector, Usage
from shared.retrieval.result import SearchWarning

if TYPE_CHECKING:
    from pathlib import Path

JSON_BODY: Final[Codes] = {400: ("invalid_json", "invalid_request", "too_many_texts"), 413: ("body_too_large",)}
MEMORY: Final[Codes] = {503: ("busy",)}
TOKEN_IDS: Final[Codes] = {400: ("token_ids_unsupported",)}
CURSOR: Final[Codes] = {400: ("invalid_cursor",)}
ORIGIN: Final[Codes] = {403: ("origin_forbidden",)}
DASHSCOPE: Final[Codes] = {
    400: ("text_too_long",),
    422: ("text_refused",),
    502: ("embedding_refused", "embedding_unpaid", "cost_cap_reached"),
    503: (
        "embedding_throttled",
        "embedding_unavailable",
        "embedding_malformed",
        "quota_exhausted",
        "deadline_exceeded",
        "upload_forbidden",
    ),
}
TEXTS: Final[Codes] = {
    400: ("no_texts", "too_many_texts", "text_empty", "unsupported_dimension"),
    413: ("too_much_text",),
}
VECTORS: Final[Codes] = {400: ("unsupported_output", "unsupported_instruct")}
MODEL: Final[Codes] = {404: ("model_not_found",)}
# On Dify's route a wrong key and a tenant that is out of reach have statuses of their own.
DIFY: Final[Codes] = {
    403: ("unauthorized",),
    404: ("tenant_forbidden",),
}
MILVUS: Final[Codes] = {
    502: ("milvus_forbidden", "milvus_refused", "collection_mismatch"),
    503: ("milvus_unavailable", "milvus_not_loaded", "milvus_failed", "deadline_exceeded"),
}
TENANT: Final[Codes] = {403: ("tenant_forbidden",)}
QUESTION: Final[Codes] = {
    400: (
        "invalid_request",
        "invalid_query",
        "invalid_top_k",
        "invalid_offset",
        "invalid_filter",
        "keywords_unsupported",
    )
}
LINK: Final[Codes] = {400: ("invalid_request",)}
FILTER: Final[Codes] = {400: ("invalid_filter",)}
CHUNK: Final[Codes] = {404: ("chunk_not_found",)}
PLACE: Final[Codes] = {400: ("invalid_request", "invalid_top_k", "invalid_offset", "invalid_filter")}
ANSWERS: Final[Codes] = {404: ("answers_off",)}
ADMIN_OFF: Final[Codes] = {404: ("admin_off",)}
ADMIN: Final[Codes] = {403: ("admin_only",)}
RETRY: Final[Codes] = {
    404: ("retry_off",),
    502: ("invocation_refused",),
    503: ("event_not_queued", "deadline_exceeded"),
}
UPLOAD: Final[Codes] = {
    400: ("upload_refused",),
    404: ("uploads_off",),
    409: ("document_exists",),
    413: ("upload_too_large",),
}
DOCUMENT: Final[Codes] = {404: ("document_not_found",)}
SOURCE: Final[Codes] = {404: ("sources_off", "source_not_found")}

# What every path and method can answer that is not in the description.
ELSEWHERE: Final = (
    "not_found", "method_not_allowed", "http_<status>", "invalid_body", "unsupported_encoding", "link_too_long",
    "request_too_slow", "asynchronous_call", "keys_unavailable", "host_forbidden",
)  # fmt: skip
_EXAMPLE_BODY: Final = re.compile(r"^curl -s http://127\.0\.0\.1:8000(/\S*) -d '(\{.*?\})'", re.MULTILINE | re.DOTALL)
_EXAMPLE_ANSWER: Final = re.compile(r"^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"^ {4,8}(\w+): (.*?)(?=\n {4,8}\w+: |\Z)", re.MULTILINE | re.DOTALL)


_SEARCHED = (GATE, QUESTION, TENANT, DASHSCOPE, MILVUS)
_HIT = ("hits", "mode", "milliseconds")
OPERATIONS: Final = (
    Operation(
        "post", "/embed", "embed", "embed", "Texts to vectors.", EmbedAnswer, EmbedRequest,
        marks=("embeddings", "dimension"), errors=(GATE, ORIGIN, JSON_BODY, TEXTS, VECTORS, DASHSCOPE, MEMORY),
    ),
    Operation(
        "post", "/v1/embeddings", "embed", "createEmbedding", "Texts to vectors, for OpenAI clients.",
        OpenAIAnswer, OpenAIRequest, marks=("object", "data", "usage"),
        errors=(GATE, ORIGIN, JSON_BODY, TEXTS, MODEL, TOKEN_IDS, DASHSCOPE, MEMORY),
    ),
    Operation(
        "get", "/v1/models", "embed", "listModels", "The model, for OpenAI clients.", OpenAIModels,
        marks=("object", "data"), errors=(GATE,),
    ),
    Operation(
        "get", "/v1/models/{name}", "embed", "getModel", "The model by its name.", OpenAIModel,
        marks=("object", "owned_by"), errors=(GATE, MODEL),
    ),
    Operation(
        "post", "/search", "search", "search", "A question to chunks.", SearchResponse, SearchRequest,
        marks=_HIT, errors=(ORIGIN, JSON_BODY, *_SEARCHED),
    ),
    Operation(
        "get", "/search", "search", "searchByLink", "The same as a link: `q` is the question, `filter` is JSON.",
        SearchResponse, SearchRequest, by_link=True, marks=_HIT, errors=_SEARCHED,
    ),
    Operation(
        "post", "/similar", "search", "findSimilar", "A chunk to the chunks nearest to it, without embedding.",
        SearchResponse, SimilarRequest, marks=_HIT, errors=(GATE, ORIGIN, JSON_BODY, PLACE, CHUNK, TENANT, MILVUS),
    ),
    Operation(
        "post", "/answer", "search", "answer", "A question to sentences with citations, where ANSWER_MODEL is set.",
        AnswerResponse, AnswerRequest, marks=("answer", "outcome"), streams=True,
        errors=(ORIGIN, JSON_BODY, ANSWERS, *_SEARCHED),
    ),
    Operation(
        "post", "/retrieval", "search", "retrieve", "Dify's external knowledge API.", RetrievalResponse,
        RetrievalRequest, marks=("records",), errors=(ORIGIN, JSON_BODY, DIFY, QUESTION, DASHSCOPE, MILVUS),
    ),
    Operation(
        "get", "/documents", "search", "listDocuments", "States of the documents.", ListResponse, ListRequest,
        by_link=True, marks=("documents", "total"), errors=(GATE, LINK, TENANT, FILTER, CURSOR, MILVUS),
    ),
    Operation(
        "get", "/documents/{document_id}", "search", "getDocument", "State of one document.", Document,
        errors=(GATE, DOCUMENT, MILVUS),
    ),
    Operation(
        "get", "/documents/{document_id}/chunks", "search", "getChunks", "Chunks of one document in order.",
        ChunksResponse, ChunksRequest, by_link=True, marks=("document_id", "chunks"),
        errors=(GATE, LINK, DOCUMENT, MILVUS),
    ),
    Operation(
        "get", "/documents/{document_id}/source", "search", "getSource",
        "A link to the document itself, where SOURCE_LINKS is true.", SourceResponse, SourceRequest, by_link=True,
        marks=("url", "expires"), errors=(GATE, LINK, DOCUMENT, SOURCE, MILVUS),
    ),
    Operation(
        "post", "/mcp", "search", "mcp", "Model Context Protocol: one JSON-RPC 2.0 message, its answer or nothing.",
        errors=(GATE, ORIGIN, {413: ("body_too_large",)}),
    ),
    Operation("get", "/", "search", "page", "The page for people.", content="text/html"),
    Operation(
        "get", "/admin", "search", "adminPage", "The page for operators.", content="text/html", errors=(ADMIN_OFF,),
    ),
    Operation(
        "get", "/admin/status", "search", "readStatus", "Documents by state, for operators.", StatusResponse,
        marks=("documents", "can_retry"), errors=(GATE, ADMIN, ADMIN_OFF, MILVUS),
    ),
    Operation(
        "post", "/admin/retry", "search", "retryDocuments", "Queue another attempt for documents, for operators.",
        RetryResponse, RetryRequest, marks=("queued",), errors=(GATE, ORIGIN, JSON_BODY, ADMIN, ADMIN_OFF, RETRY),
    ),
    Operation(
        "post", "/admin/uploads", "search", "uploadDocument", "A link that writes one object, for operators.",
        UploadResponse, UploadRequest, marks=("url", "headers"),
        errors=(GATE, ORIGIN, JSON_BODY, ADMIN, ADMIN_OFF, UPLOAD, MILVUS),
    ),
    Operation("get", "/healthz", "all", "health", "That the process lives, and with which model.", marks=("status",)),
    Operation("get", "/openapi.json", "embed and search", "describe", "This description."),
)  # fmt: skip

_KEYS = "One of the deployment's API_KEYS."
_ABOUT = """Semantic search over an OSS bucket. Bodies are JSON in UTF-8, whatever their content type.

Errors have a stable `code` and a `message` for people. Other paths answer 404 `not_found`, other methods 405
`method_not_allowed`, and requests that are not valid HTTP any status with `http_<status>`. Every path can also answer
400 `invalid_body` or `asynchronous_call`, 408 `request_too_slow`, 414 `link_too_long`, 415 `unsupported_encoding` and
503 `keys_unavailable`. `null` in an optional field counts as left out. `HEAD` works where `GET` does. Every answer has
its id in
`x-request-id` and its trace in `traceparent`; a 503 has `Retry-After`."""


def describe(root: Path) -> dict[str, Any]:
    """The description.

    Args:
        root: the project, with the page docs/api.md that has the examples.
    """
    page = (root / "docs/api.md").read_text("utf-8")
    bodies: dict[str, list[Any]] = {}
    for path, body in _EXAMPLE_BODY.findall(page):
        bodies.setdefault(path, []).append(json.loads(body))
    answers = [json.loads(block) for block in _EXAMPLE_ANSWER.findall(page)]
    schemas = _schemas()
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        described = render(operation, schemas, bodies.get(operation.path, []), answers)
        paths.setdefault(operation.path, {})[operation.method] = described
    describe_defaults(schemas, [it.takes.__name__ for it in OPERATIONS if it.takes and not it.by_link])
    return {
        "openapi": "3.1.0",
        "info": {"title": "Semantic search", "version": "2.0.0", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": _KEYS},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": _KEYS},
            },
        },
    }


def write(root: Path, file: Path) -> None:
    """Write the description to ``file``."""
    file.write_text(json.dumps(describe(root), indent=1, ensure_ascii=False) + "\n", "utf-8")


def _schemas() -> dict[str, Any]:
    kinds = [kind for operation in OPERATIONS for kind in (operation.gives, operation.takes) if kind is not None]
    kinds.append(RetrievalError)
    _, schemas = msgspec.json.schema_components(list(dict.fromkeys(kinds)), ref_template=REFERENCE)
    found: dict[str, Any] = dict(schemas)
    for kind in (Document, Failure, HistoryEntry, SparseVector, Usage, SearchWarning):
        _explain(found[kind.__name__], kind)
    found |= copy.deepcopy(WRITTEN_SCHEMAS)
    widen_tuples(found)
    return found


def _explain(schema: dict[str, Any], kind: type[Any]) -> None:
    """What a class' docstring says of its attributes, at each; an answer leaves none of its fields out."""
    summary, _, attributes = (kind.__doc__ or "").partition("Attributes:")
    schema["description"] = " ".join(summary.split())
    for name, meaning in _ATTRIBUTE.findall(attributes):
        described = schema["properties"][name]
        text = " ".join(meaning.split())
        schema["properties"][name] = {**described, "description": text[:1].upper() + text[1:]}
    schema["required"] = [field.name for field in msgspec.structs.fields(kind)]
