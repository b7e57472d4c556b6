"""Dify's contract of an external knowledge base, on top of search.

Dify, and what speaks its contract, sends ``POST {address}/retrieval``. When a user enters the address, Dify sends that
request without a body, and refuses the address when the answer is 403, 404 or 502.
https://docs.dify.ai/en/self-host/use-dify/knowledge/external-knowledge-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

import msgspec
from flask import request
from msgspec import Meta, Struct

from functions.search.dify_conditions import Condition, convert_conditions
from shared.domain.errors import RequestError
from shared.retrieval.query import MAX_QUERY_CHARACTERS, MAX_TOP_K, SearchQuery
from shared.runtime import responses
from shared.runtime.request import read_body
from shared.runtime.responses import answer

if TYPE_CHECKING:
    from flask import Response

    from shared.domain.models import SearchHit
    from shared.retrieval.result import SearchResult

PATH = "/retrieval"
TENANT_PREFIX, KEY_PREFIX = "tenant:", "prefix:"
DEFAULT_TOP_K = 10
# Codes that Dify suggests; other errors have their HTTP status as the number.
HEADER_MALFORMED, NOT_AUTHORIZED, NO_SUCH_KNOWLEDGE = 1001, 1002, 2001


class RetrievalSetting(Struct, frozen=True):
    """How many records, and how good."""

    top_k: Annotated[
        int,
        Meta(
            description=f"Records wanted, 1 to {MAX_TOP_K}.",
            extra_json_schema={"minimum": 1, "maximum": MAX_TOP_K},
        ),
    ] = DEFAULT_TOP_K
    score_threshold: Annotated[
        float,
        Meta(
            description="The least score of a record; 0 for no limit.",
            extra_json_schema={"minimum": 0, "maximum": 1},
        ),
    ] = 0.0


class MetadataCondition(Struct, frozen=True):
    """Which documents to search."""

    logical_operator: Annotated[
        Literal["and", "or"], Meta(description="Whether all of the conditions must hold, or one.")
    ] = "and"
    conditions: Annotated[list[Condition], Meta(description="Conditions on metadata and fields of chunks.")] = []


class RetrievalRequest(Struct, frozen=True):
    """Body of ``POST /retrieval``; further fields are ignored, as Dify adds some."""

    knowledge_id: Annotated[
        str,
        Meta(
            description="tenant:NAME for the documents of a tenant, prefix:FOLDER/ for keys that begin like this; any "
            "other text for all that the API key may see."
        ),
    ]
    query: Annotated[
        str,
        Meta(
            description=f"The query; of a longer one the first {MAX_QUERY_CHARACTERS} characters count.",
            extra_json_schema={"minLength": 1},
        ),
    ]
    retrieval_setting: RetrievalSetting = RetrievalSetting()
    metadata_condition: MetadataCondition | None = None

    def to_query(self) -> SearchQuery:
        """The search that is asked for.

        Raises:
            RequestError: ``invalid_request``: a value is out of range; ``invalid_filter``: a condition is no condition.
        """
        least = self.retrieval_setting.score_threshold
        if not 0 <= least <= 1:
            raise RequestError("invalid_request", "score_threshold must be between 0 and 1.")
        tenant, prefix = _read_knowledge_id(self.knowledge_id)
        condition = self.metadata_condition or MetadataCondition()
        parts = [{"prefix": {"key": prefix}}] if prefix else []
        chosen = convert_conditions(condition.conditions, condition.logical_operator)
        parts += [chosen] if chosen else []
        return SearchQuery(
            text=self.query.strip()[:MAX_QUERY_CHARACTERS],
            top_k=self.retrieval_setting.top_k,
            filter={"and": parts} if parts else None,
            min_score=least or None,
            tenant=tenant,
        )


class RecordItem(TypedDict):
    """A chunk that answers the query."""

    content: str
    score: Annotated[float, Meta(description="How likely the chunk answers the query, 0 to 1.")]
    title: str
    metadata: Annotated[
        dict[str, Any],
        Meta(description="The document's own metadata, and the fields of the chunk; conditions take the same names."),
    ]


class RetrievalResponse(TypedDict):
    """Answer of ``POST /retrieval``: the best first, none where nothing was found."""

    records: list[RecordItem]


class RetrievalError(TypedDict):
    """An error in Dify's form."""

    error_code: Annotated[
        int,
        Meta(
            description="1001: no header Authorization: Bearer KEY; 1002: the key is wrong; 2001: the key may not see "
            "this knowledge_id; else the HTTP status."
        ),
    ]
    error_msg: Annotated[str, Meta(description="Our stable code, a colon and a sentence.")]


def read_request() -> RetrievalRequest:
    """The body of the current request.

    Raises:
        RequestError: ``invalid_request`` or ``invalid_json``; of an empty body too, which Dify takes for a working
            address.
    """
    if not request.get_data().strip():
        raise RequestError("invalid_json", "The body is empty; send knowledge_id, query and retrieval_setting as JSON.")
    return read_body(RetrievalRequest, strict=False)


def render_records(found: SearchResult) -> RetrievalResponse:
    """The hits as Dify's records."""
    records: list[RecordItem] = [
        {
            "content": item.hit.text,
            "score": round(item.hit.score, 6),
            "title": item.hit.title,
            "metadata": _render_metadata(item.hit),
        }
        for item in found.items
    ]
    return {"records": records}


def answer_error(error: Exception) -> Response:
    """The answer to a request that failed, in Dify's form.

    A wrong key is a 403 because Dify refuses an address only then.
    """
    response = responses.answer_error(error)
    content = msgspec.json.decode(response.get_data())["error"]
    status, number = response.status_code, response.status_code
    if content["code"] == "unauthorized":
        status, number = 403, NOT_AUTHORIZED if _has_bearer_key() else HEADER_MALFORMED
    elif content["code"] == "tenant_forbidden":
        status, number = 404, NO_SUCH_KNOWLEDGE
    shown = {"error_code": number, "error_msg": f"{content['code']}: {content['message']}"}
    response.set_data(answer(shown).get_data())
    response.status_code = status
    return response


def _has_bearer_key() -> bool:
    scheme, _, key = request.headers.get("Authorization", "").strip().partition(" ")
    return scheme.lower() == "bearer" and bool(key.strip())


def _read_knowledge_id(knowledge_id: str) -> tuple[str | None, str]:
    """The tenant, or ``None``, and the prefix of keys that an id names."""
    if knowledge_id.startswith(TENANT_PREFIX):
        return knowledge_id.removeprefix(TENANT_PREFIX), ""
    return None, knowledge_id.removeprefix(KEY_PREFIX) if knowledge_id.startswith(KEY_PREFIX) else ""


def _render_metadata(hit: SearchHit) -> dict[str, Any]:
    """Fields of the chunk after the document's own ones, of which a name that both have gets a prefix."""
    place = hit.location
    fields = {
        "id": hit.id,
        "document_id": hit.document_id,
        "bucket": hit.bucket,
        "key": hit.key,
        "title": hit.title,
        "tenant": hit.tenant,
        "page": place.page,
        "sheet": place.sheet,
        "row": place.row,
        "headings": place.headings,
    }
    fields = {name: value for name, value in fields.items() if value not in (None, "", ())}
    own = {f"metadata.{name}" if name in fields else name: value for name, value in hit.metadata.items()}
    return {**own, **fields}
