"""What answers take and give, over HTTP and to models alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

from msgspec import Meta, Struct

from functions.search.fields import ComparedBy, Question, Rerank
from functions.search.shapes import DocumentItem, HitItem, LocationItem, SnippetItem, render_hit
from shared.domain.models import Usage
from shared.retrieval.answering import Outcome
from shared.retrieval.prompting import Turn
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.result import SearchWarning

if TYPE_CHECKING:
    from shared.retrieval.answering import WrittenAnswer

MAX_SOURCES = 20


class HistoryItem(Struct, frozen=True):
    """An earlier message of the conversation."""

    role: Literal["user", "assistant"]
    content: str


class AnswerRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /answer``."""

    query: Question
    history: Annotated[
        tuple[HistoryItem, ...],
        Meta(description="Earlier messages; a model completes the query by the last six of them, before the search."),
    ] = ()
    top_k: Annotated[
        int, Meta(ge=1, le=MAX_SOURCES, description=f"Chunks that the answer may rest on, 1 to {MAX_SOURCES}.")
    ] = 6
    mode: ComparedBy = Mode.HYBRID
    filter: Annotated[Any, Meta(description="A condition on the documents, as POST /search takes it.")] = None
    rerank: Rerank = None
    tenant: Annotated[str | None, Meta(description="Answer from the documents of this tenant only.")] = None
    stream: Annotated[
        bool, Meta(description="Whether to send Server-Sent Events as the answer is written; else one JSON answer.")
    ] = True

    def to_query(self) -> SearchQuery:
        """The search that the answer rests on."""
        return SearchQuery(
            text=self.query,
            top_k=self.top_k,
            mode=self.mode,
            filter=self.filter,
            rerank=self.rerank,
            tenant=self.tenant,
        )

    def to_turns(self) -> list[Turn]:
        """The conversation so far."""
        return [Turn(item.role, item.content) for item in self.history]


class AnswerToolRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Arguments of the tool ``answer``."""

    query: Annotated[str, Meta(description="The question, in any language.")]
    filter: Annotated[Any, Meta(description="A condition on the documents, as the tool search takes it.")] = None
    tenant: Annotated[str | None, Meta(description="Answer from the documents of this tenant only.")] = None

    def to_request(self) -> AnswerRequest:
        """The same as a request over HTTP."""
        return AnswerRequest(query=self.query, filter=self.filter, tenant=self.tenant, stream=False)


class SentenceItem(TypedDict):
    """A sentence of the answer."""

    text: Annotated[str, Meta(description="The sentence without its marks.")]
    citations: Annotated[list[str], Meta(description="Ids of the hits that it rests on; empty where it cites none.")]


class CitationItem(TypedDict):
    """A hit that the answer cites."""

    number: Annotated[int, Meta(description="Its number in the answer; the first of hits has 1.")]
    id: str
    document: DocumentItem
    location: LocationItem
    snippet: SnippetItem


class AnswerResponse(TypedDict):
    """An answer with what it rests on; the last event of a stream, or the whole body."""

    answer: Annotated[str, Meta(description="The text, with marks such as [1]; empty unless outcome is answered.")]
    outcome: Annotated[
        Outcome, Meta(description="unanswerable: the documents do not hold the answer; failed: see warnings.")
    ]
    sentences: list[SentenceItem]
    citations: list[CitationItem]
    hits: Annotated[list[HitItem], Meta(description="What was found, whether there is an answer or not.")]
    answerable: Annotated[bool, Meta(description="Whether the score of the best hit says that there is an answer.")]
    threshold: Annotated[float, Meta(description="Least score of a best hit that is taken for an answer.")]
    calibration: Annotated[str, Meta(description="Version of the calibration that made the scores.")]
    did_you_mean: Annotated[str | None, Meta(description="As in the answer of a search.")]
    query: Annotated[str, Meta(description="What was searched for: the query, or a follow-up completed by history.")]
    model: str
    mode: Mode
    reranked: bool
    warnings: list[SearchWarning]
    usage: Annotated[Usage, Meta(description="Of all calls; tokens are input and output together.")]
    output_tokens: Annotated[int, Meta(description="Those of the tokens that the chat model wrote.")]
    milliseconds: Annotated[dict[str, float], Meta(description="Time by stage.")]
    request_id: str


def render_answer(written: WrittenAnswer, model: str, request_id: str) -> AnswerResponse:
    """The whole answer, once it is written."""
    items = written.found.items
    hits = [render_hit(item) for item in items]
    ids = [hit.id for hit in written.sources]
    cited = {number for sentence in written.cited.sentences for number in sentence.sources}
    return {
        "answer": written.cited.text,
        "outcome": written.outcome,
        "sentences": [
            {"text": sentence.text, "citations": [ids[number - 1] for number in sentence.sources]}
            for sentence in written.cited.sentences
        ],
        "citations": [_cite(number, hits[number - 1]) for number in sorted(cited)],
        "hits": hits,
        "answerable": written.found.answerable,
        "threshold": written.found.threshold,
        "calibration": written.found.calibration,
        "did_you_mean": written.found.did_you_mean or None,
        "query": written.query,
        "model": model,
        "mode": written.found.mode,
        "reranked": written.found.reranked,
        "warnings": written.warnings,
        "usage": written.usage,
        "output_tokens": written.output_tokens,
        "milliseconds": written.milliseconds,
        "request_id": request_id,
    }


def _cite(number: int, hit: HitItem) -> CitationItem:
    return {
        "number": number,
        "id": hit["id"],
        "document": hit["document"],
        "location": hit["location"],
        "snippet": hit["snippet"],
    }
