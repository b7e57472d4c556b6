"""What search takes and gives, over HTTP and to models alike.

Longer than 300 lines because it holds declarations only, which one description (OpenAPI) is made from.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta, Struct

from functions.search.fields import ComparedBy, GroupBy, GroupSize, Offset, Question, Rerank, SearchedTenant, TopK
from shared.domain.errors import RequestError
from shared.domain.models import Document, DocumentState, Usage
from shared.retrieval.facets import FacetCount
from shared.retrieval.query import Mode, Order, SearchQuery
from shared.retrieval.result import SearchWarning
from shared.store.registry import Place

if TYPE_CHECKING:
    from shared.domain.models import Chunk, SearchHit
    from shared.retrieval.result import ResultGroup, ResultItem, SearchResult

MAX_CHUNKS = 500


class SearchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /search``, query string of ``GET /search``, arguments of the tool ``search``."""

    query: Question
    top_k: TopK = 10
    offset: Offset = 0
    mode: ComparedBy = Mode.HYBRID
    filter: Annotated[
        Any,
        Meta(
            description='An operator with what it applies to, as {"eq": {"format": "pdf"}}; also ne, lt, lte, gt, gte, '
            "in, prefix, suffix, substring, contains, exists, and, or, not. Fields: document_id, key, title, format, "
            "sheet, tenant, page, row, modified (seconds or a date), metadata.NAME."
        ),
    ] = None
    min_score: Annotated[float | None, Meta(description="The least score of a chunk, or of a group's best.")] = None
    context: Annotated[
        int, Meta(ge=0, le=5, description="Neighbouring chunks to return before and after each hit (0-5).")
    ] = 0
    group_by: GroupBy = None
    group_size: GroupSize = 3
    rerank: Rerank = None
    tenant: SearchedTenant = None
    explain: Annotated[bool, Meta(description="Whether to return the evidence that each score was made of.")] = False
    sort: Annotated[
        Order, Meta(description="By relevance, or the best hits of each side (50) by the time of their documents.")
    ] = Order.RELEVANCE
    facets: Annotated[
        tuple[str, ...],
        Meta(
            description="Fields to count the documents of the best hits by: format, tenant, metadata.NAME; 10 at most."
        ),
    ] = ()

    def to_query(self) -> SearchQuery:
        """The question as `shared.retrieval.searching` takes it."""
        return SearchQuery(
            text=self.query,
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
            explain=self.explain,
            order=self.sort,
            facets=self.facets,
        )


class ListRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Query string of ``GET /documents``."""

    state: Annotated[
        DocumentState | None, Meta(description="Only documents in this state; else all but the deleted.")
    ] = None
    prefix: Annotated[str, Meta(description="List only documents with keys that begin like this.")] = ""
    contains: Annotated[str, Meta(description="List only documents with keys that contain this.")] = ""
    tenant: Annotated[str | None, Meta(description="List the documents of this tenant only.")] = None
    limit: Annotated[int, Meta(ge=1, le=1000, description="Documents wanted.")] = 100
    after: Annotated[str, Meta(description="The value of next in the previous page; empty for the first page.")] = ""


class ChunksRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Query string of ``GET /documents/{id}/chunks``."""

    offset: Annotated[int, Meta(ge=0, le=1 << 31, description="How many chunks to leave out before.")] = 0
    limit: Annotated[int, Meta(ge=1, le=MAX_CHUNKS, description="Chunks wanted.")] = 100


class DocumentRequest(ChunksRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Arguments of the tool ``get_document``."""

    id: Annotated[str, Meta(description="The document's id, as a hit of search has it in document.id.")]


class LocationItem(TypedDict):
    """Where a chunk stands: offsets in the document's text, and what its format has."""

    start: int
    end: int
    page: int | None
    sheet: str | None
    row: int | None
    headings: tuple[str, ...]
    columns: Annotated[tuple[str, ...], Meta(description="Column labels, where the chunk holds rows of a table.")]
    ordinal: Annotated[int, Meta(description="Position among the document's chunks, counted from 0.")]


class ChunkItem(TypedDict):
    """A chunk as it stands in its document."""

    id: str
    text: str
    location: LocationItem


class ContextItem(TypedDict):
    """Neighbouring chunks of a hit."""

    before: list[ChunkItem]
    after: list[ChunkItem]


class DocumentItem(TypedDict):
    """The document a chunk is from."""

    id: str
    bucket: str
    key: str
    title: str
    metadata: dict[str, Any]
    tenant: str


class ScoresItem(TypedDict):
    """Scores by each method; null where the method did not find the chunk."""

    dense: Annotated[float | None, Meta(description="The cosine, -1 to 1.")]
    keyword: Annotated[float | None, Meta(description="BM25, positive.")]
    rerank: Annotated[float | None, Meta(description="The reranker's relevance, 0 to 1.")]


class SnippetItem(TypedDict):
    """The part of a chunk's text that answers best."""

    text: str
    start: Annotated[int, Meta(description="Offset of its first character in the chunk's text.")]
    end: Annotated[int, Meta(description="Exclusive end offset.")]


class EvidenceItem(TypedDict):
    """What a score was made of."""

    coverage: Annotated[float, Meta(description="Share of the query's words, by rarity, 0 to 1.")]
    similarity: Annotated[float, Meta(description="How far the cosine is above that of unrelated chunks, 0 to 1.")]
    lead: Annotated[float, Meta(description="Lead over the best hit of another document, -1 to 1.")]
    compared: Annotated[
        Literal["both", "words", "meaning", "foreign"],
        Meta(description="What was compared; foreign is both, in different languages."),
    ]


class DuplicateItem(TypedDict):
    """Another chunk with the same text."""

    id: str
    document: DocumentItem
    location: LocationItem


class HitItem(ChunkItem):
    """A chunk that answers the question."""

    score: Annotated[
        float,
        Meta(
            description="How likely the chunk answers the query, 0 to 1; comparable between answers. Reranked hits "
            "have the relevance of the reranker."
        ),
    ]
    scores: ScoresItem
    highlights: Annotated[list[tuple[int, int]], Meta(description="[start, end] in characters of the text.")]
    snippet: SnippetItem
    duplicates: Annotated[
        list[DuplicateItem], Meta(description="Where else the same text is, among the best hits; shown once only.")
    ]
    evidence: NotRequired[Annotated[EvidenceItem, Meta(description="Where explain was set, for the best hits.")]]
    document: DocumentItem
    context: NotRequired[ContextItem]


class GroupItem(TypedDict):
    """Chunks of one document; its score is that of the best."""

    document: DocumentItem
    score: float
    hits: list[HitItem]


class SearchResponse(TypedDict):
    """Answer to a search: ``hits``, or ``groups`` where they were asked for."""

    hits: NotRequired[list[HitItem]]
    groups: NotRequired[list[GroupItem]]
    answerable: Annotated[
        bool, Meta(description="Whether the index holds an answer, as the score of the best hit says.")
    ]
    threshold: Annotated[float, Meta(description="Least score of a best hit that is taken for an answer.")]
    calibration: Annotated[str, Meta(description="Version of the calibration that made the scores.")]
    did_you_mean: Annotated[
        str | None,
        Meta(description="The query as it was probably meant, where its words were hardly found; used in its place."),
    ]
    facets: NotRequired[
        Annotated[
            dict[str, tuple[FacetCount, ...]],
            Meta(description="Documents among the best hits by field; the most frequent values first, 50 at most."),
        ]
    ]
    mode: Mode
    reranked: bool
    warnings: tuple[SearchWarning, ...]
    usage: Usage
    milliseconds: Annotated[dict[str, float], Meta(description="Time by stage; keyword runs beside the others.")]
    request_id: str


class ListResponse(TypedDict):
    """The documents' records in the order of their keys, and how many there are on all pages."""

    documents: list[Document]
    total: int
    next: Annotated[str | None, Meta(description="The cursor of the next page; null on the last one.")]
    request_id: str


class ChunksResponse(TypedDict):
    """Chunks of one document in order, and how many it has."""

    document_id: str
    chunks: list[ChunkItem]
    total: int
    request_id: str


def write_cursor(place: Place) -> str:
    """The cursor of the page after ``place``, in characters that a link may hold as they are."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode("ascii")


def read_cursor(cursor: str) -> Place | None:
    """The place a cursor names; ``None`` for the first page.

    Raises:
        RequestError: ``invalid_cursor``: it is none of ours.
    """
    if not cursor:
        return None
    try:
        data = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        return msgspec.json.decode(data, type=Place)
    except (ValueError, msgspec.MsgspecError):
        raise RequestError("invalid_cursor", "after is the value of next in an earlier page.") from None


def render_result(found: SearchResult, *, grouped: bool, request_id: str) -> SearchResponse:
    """The answer to a search."""
    answer: SearchResponse = {
        "answerable": found.answerable,
        "threshold": found.threshold,
        "calibration": found.calibration,
        "did_you_mean": found.did_you_mean or None,
        "mode": found.mode,
        "reranked": found.reranked,
        "warnings": found.warnings,
        "usage": found.usage,
        "milliseconds": found.milliseconds,
        "request_id": request_id,
    }
    if found.facets is not None:
        answer["facets"] = found.facets
    if grouped:
        return {"groups": list(map(_group, found.groups)), **answer}
    return {"hits": list(map(render_hit, found.items)), **answer}


def render_chunks(document_id: str, chunks: list[Chunk], total: int, request_id: str) -> ChunksResponse:
    """Chunks of one document."""
    shown = list(map(_excerpt, chunks))
    return {"document_id": document_id, "chunks": shown, "total": total, "request_id": request_id}


def _group(group: ResultGroup) -> GroupItem:
    hits = list(map(render_hit, group.items))
    return {"document": hits[0]["document"], "score": hits[0]["score"], "hits": hits}


def render_hit(answer: ResultItem) -> HitItem:
    """One hit."""
    hit, scores = answer.hit, answer.scores
    shown: HitItem = {
        "id": hit.id,
        "score": round(hit.score, 6),
        "scores": {
            "dense": _rounded(scores.dense),
            "keyword": _rounded(scores.keyword),
            "rerank": _rounded(scores.rerank),
        },
        "text": hit.text,
        "highlights": answer.highlights,
        "snippet": {"text": answer.snippet.text, "start": answer.snippet.start, "end": answer.snippet.end},
        "duplicates": [
            {"id": other.id, "document": _document(other), "location": _location(other)} for other in answer.duplicates
        ],
        "document": _document(hit),
        "location": _location(hit),
    }
    if answer.evidence:
        evidence = answer.evidence
        shown["evidence"] = {
            "coverage": round(evidence.coverage, 6),
            "similarity": round(evidence.similarity, 6),
            "lead": round(evidence.lead, 6),
            "compared": evidence.compared.value,
        }
    if answer.context:
        before, after = answer.context.before, answer.context.after
        shown["context"] = {"before": list(map(_excerpt, before)), "after": list(map(_excerpt, after))}
    return shown


def _document(hit: SearchHit) -> DocumentItem:
    return {
        "id": hit.document_id,
        "bucket": hit.bucket,
        "key": hit.key,
        "title": hit.title,
        "metadata": hit.metadata,
        "tenant": hit.tenant,
    }


def _excerpt(excerpt: Chunk) -> ChunkItem:
    return {"id": excerpt.id, "text": excerpt.text, "location": _location(excerpt)}


def _location(chunk: Any) -> LocationItem:
    place = chunk.location
    return {
        "start": place.start,
        "end": place.end,
        "page": place.page,
        "sheet": place.sheet,
        "row": place.row,
        "headings": place.headings,
        "columns": place.columns,
        "ordinal": chunk.ordinal,
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 6)
