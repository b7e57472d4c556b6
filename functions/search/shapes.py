"""What search takes and gives, over HTTP and to models alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta, Struct

from shared.domain.errors import RequestError
from shared.domain.models import Document, DocumentState, Usage
from shared.retrieval.searching import MAX_QUERY_CHARACTERS, MAX_REACH, MAX_TOP_K, Mode, Notice, Question

if TYPE_CHECKING:
    from shared.domain.models import Excerpt
    from shared.retrieval.searching import Answer, Found, Group

MAX_PASSAGES = 500


class SearchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /search``, query string of ``GET /search``, arguments of the tool ``search``."""

    query: Annotated[
        str,
        Meta(
            description=f"The question, up to {MAX_QUERY_CHARACTERS} characters, in any language.",
            extra_json_schema={"minLength": 1, "maxLength": MAX_QUERY_CHARACTERS},
        ),
    ]
    top_k: Annotated[
        int,
        Meta(
            description=f"Passages (or groups) wanted, 1 to {MAX_TOP_K}.",
            extra_json_schema={"minimum": 1, "maximum": MAX_TOP_K},
        ),
    ] = 10
    offset: Annotated[
        int,
        Meta(
            description=f"How many to leave out before; with top_k at most {MAX_REACH}.",
            extra_json_schema={"minimum": 0, "maximum": MAX_REACH - 1},
        ),
    ] = 0
    mode: Annotated[
        Mode, Meta(description="By meaning and words (hybrid), by meaning (dense) or by words (keyword).")
    ] = Mode.HYBRID
    filter: Annotated[
        Any,
        Meta(
            description='An operator with what it applies to, as {"eq": {"format": "pdf"}}; also ne, lt, lte, gt, gte, '
            "in, prefix, contains, exists, and, or, not. Fields: document_id, key, title, format, sheet, tenant, page, "
            "row, modified (seconds), metadata.NAME."
        ),
    ] = None
    min_score: Annotated[float | None, Meta(description="The least score of a passage, or of a group's best.")] = None
    context: Annotated[int, Meta(ge=0, le=5, description="Neighbours wanted before and behind each passage.")] = 0
    group_by: Annotated[Literal["document"] | None, Meta(description="Show passages of one document together.")] = None
    group_size: Annotated[int, Meta(ge=1, le=10, description="Passages of one group at most.")] = 3
    rerank: Annotated[bool | None, Meta(description="Whether a model reads the best once more and orders them.")] = None
    tenant: Annotated[str | None, Meta(description="Whose documents alone to search.")] = None

    def question(self) -> Question:
        """The question as `shared.retrieval.searching` takes it."""
        return Question(
            query=self.query,
            top_k=self.top_k,
            mode=self.mode,
            filter=self.filter,
            offset=self.offset,
            min_score=self.min_score,
            context=self.context,
            grouped=self.group_by is not None,
            group_size=self.group_size,
            rerank=self.rerank,
            tenant=self.tenant,
        )


class ListRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Query string of ``GET /documents``."""

    state: Annotated[
        DocumentState | None, Meta(description="Only documents in this state; else all but the deleted.")
    ] = None
    prefix: Annotated[str, Meta(description="Only documents whose keys begin so.")] = ""
    tenant: Annotated[str | None, Meta(description="Whose documents alone to list.")] = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="Documents wanted.")] = 100
    offset: Annotated[int, Meta(ge=0, le=1 << 31, description="How many documents to leave out before.")] = 0


class PassagesRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Query string of ``GET /documents/{id}/passages``."""

    offset: Annotated[int, Meta(ge=0, le=1 << 31, description="How many passages to leave out before.")] = 0
    limit: Annotated[int, Meta(ge=1, le=MAX_PASSAGES, description="Passages wanted.")] = 100


class DocumentRequest(PassagesRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Arguments of the tool ``get_document``."""

    id: Annotated[str, Meta(description="The document's id, as a hit of search has it in document.id.")]


class ShownPlace(TypedDict):
    """Where a passage stands: offsets in the document's text, and what its format has."""

    start: int
    end: int
    page: int | None
    sheet: str | None
    row: int | None
    headings: tuple[str, ...]
    ordinal: Annotated[int, Meta(description="Position among the document's passages, counted from 0.")]


class ShownPassage(TypedDict):
    """A passage as it stands in its document."""

    id: str
    text: str
    location: ShownPlace


class ShownContext(TypedDict):
    """What stands before and behind a passage."""

    before: list[ShownPassage]
    after: list[ShownPassage]


class ShownSource(TypedDict):
    """The document a passage is from."""

    id: str
    bucket: str
    key: str
    title: str
    metadata: dict[str, Any]
    tenant: str


class ShownScores(TypedDict):
    """What each side said of a passage; null where it did not find it."""

    dense: Annotated[float | None, Meta(description="The cosine, -1 to 1.")]
    keyword: Annotated[float | None, Meta(description="BM25, positive.")]
    rerank: Annotated[float | None, Meta(description="The reranker's relevance, 0 to 1.")]


class ShownHit(ShownPassage):
    """A passage that answers the question."""

    score: Annotated[float, Meta(description="Higher is better; comparable within one answer only.")]
    scores: ShownScores
    highlights: Annotated[list[tuple[int, int]], Meta(description="[start, end] in characters of the text.")]
    document: ShownSource
    context: NotRequired[ShownContext]


class ShownGroup(TypedDict):
    """Passages of one document; its score is that of the best."""

    document: ShownSource
    score: float
    hits: list[ShownHit]


class SearchAnswer(TypedDict):
    """Answer to a search: ``hits``, or ``groups`` where they were asked for."""

    hits: NotRequired[list[ShownHit]]
    groups: NotRequired[list[ShownGroup]]
    mode: Mode
    reranked: bool
    notices: tuple[Notice, ...]
    usage: Usage
    milliseconds: Annotated[dict[str, float], Meta(description="Time by stage; keyword runs beside the others.")]
    request_id: str


class ListAnswer(TypedDict):
    """The documents' records, and how many there are without limit and offset."""

    documents: list[Document]
    total: int
    request_id: str


class PassagesAnswer(TypedDict):
    """Passages of one document in order, and how many it has."""

    document_id: str
    passages: list[ShownPassage]
    total: int
    request_id: str


def converted(values: dict[str, Any], kind: type[Any], *, from_text: bool = False) -> Any:
    """``values`` as ``kind``; texts stand for numbers and the like where they come from an address.

    Raises:
        RequestError: ``invalid_request``, naming the field.
    """
    try:
        return msgspec.convert(values, kind, strict=not from_text)
    except msgspec.ValidationError as error:
        raise RequestError("invalid_request", f"{error}.") from None


def found_answer(found: Found, *, grouped: bool, request_id: str) -> SearchAnswer:
    """The answer to a search."""
    answer: SearchAnswer = {
        "mode": found.mode,
        "reranked": found.reranked,
        "notices": found.notices,
        "usage": found.usage,
        "milliseconds": found.milliseconds,
        "request_id": request_id,
    }
    if grouped:
        return {"groups": list(map(_group, found.groups)), **answer}
    return {"hits": list(map(_hit, found.answers)), **answer}


def passages_answer(document_id: str, passages: list[Excerpt], total: int, request_id: str) -> PassagesAnswer:
    """Passages of one document."""
    shown = list(map(_excerpt, passages))
    return {"document_id": document_id, "passages": shown, "total": total, "request_id": request_id}


def _group(group: Group) -> ShownGroup:
    hits = list(map(_hit, group.answers))
    return {"document": hits[0]["document"], "score": hits[0]["score"], "hits": hits}


def _hit(answer: Answer) -> ShownHit:
    hit, scores = answer.hit, answer.scores
    shown: ShownHit = {
        "id": hit.id,
        "score": round(hit.score, 6),
        "scores": {
            "dense": _rounded(scores.dense),
            "keyword": _rounded(scores.keyword),
            "rerank": _rounded(scores.rerank),
        },
        "text": hit.text,
        "highlights": answer.highlights,
        "document": {
            "id": hit.document_id,
            "bucket": hit.bucket,
            "key": hit.key,
            "title": hit.title,
            "metadata": hit.metadata,
            "tenant": hit.tenant,
        },
        "location": _location(hit),
    }
    if answer.context:
        before, after = answer.context.before, answer.context.after
        shown["context"] = {"before": list(map(_excerpt, before)), "after": list(map(_excerpt, after))}
    return shown


def _excerpt(excerpt: Excerpt) -> ShownPassage:
    return {"id": excerpt.id, "text": excerpt.text, "location": _location(excerpt)}


def _location(passage: Any) -> ShownPlace:
    place = passage.location
    return {
        "start": place.start,
        "end": place.end,
        "page": place.page,
        "sheet": place.sheet,
        "row": place.row,
        "headings": place.headings,
        "ordinal": passage.ordinal,
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
