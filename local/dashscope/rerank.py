"""Calls to order documents: read, limited, billed and answered as DashScope does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from local.dashscope.body import read_texts
from local.dashscope.refusal import Refusal, invalid
from shared.domain.catalog import RERANK_MODELS, RerankModel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.dashscope.body import Body
    from local.dashscope.encoders import Encoder
    from local.dashscope.vocabulary import Vocabulary

_WEIGHT_OF_MEANING = 0.7
# A document is judged by its beginning: a call may hold half a megabyte, which would take ten seconds.
_READ_CHARACTERS = 1_000


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
            raise invalid(f"Range of input length should be [1, {self.model.tokens_per_call}]")
        return total

    def work(self, encoder: Encoder, vocabulary: Vocabulary) -> dict[str, Any]:
        """The output of this call: the best ``top_n`` documents, best first."""
        scores = self._scores(encoder, vocabulary)
        best = sorted(range(self.rows), key=lambda place: (-scores[place], place))[: self.top_n]
        return {"results": [self._result(place, scores[place]) for place in best]}

    def _scores(self, encoder: Encoder, vocabulary: Vocabulary) -> list[float]:
        read = [document[:_READ_CHARACTERS] for document in self.documents]
        meanings = encoder.encode(read, query=False) @ encoder.encode([self.query], query=True)[0]
        asked = vocabulary.terms(self.query)
        return [
            _WEIGHT_OF_MEANING * float(np.clip(meaning, 0, 1))
            + (1 - _WEIGHT_OF_MEANING) * _overlap(asked, vocabulary.terms(document))
            for meaning, document in zip(meanings, read, strict=True)
        ]

    def _result(self, place: int, score: float) -> dict[str, Any]:
        result: dict[str, Any] = {"index": place, "relevance_score": score}
        return {**result, "document": {"text": self.documents[place]}} if self.return_documents else result

    def parameters(self) -> dict[str, Any]:
        """What a test may want to see of this call; not its texts."""
        wanted = {"top_n": self.top_n, "return_documents": self.return_documents, "instruct": self.instruct}
        return {"model": self.model.name, **wanted, "rows": self.rows}


def _overlap(query: Iterable[int], document: Iterable[int]) -> float:
    """Share of the query's distinct terms that the document holds, from 0 to 1."""
    asked = set(query)
    return len(asked.intersection(document)) / len(asked) if asked else 0.0


def read_rerank_call(body: Body) -> RerankCall:
    """The call ``body`` asks for.

    Raises:
        Refusal: the model is unknown, or a parameter is not what it takes.
    """
    model = RERANK_MODELS.get(body.model)
    if model is None:
        raise Refusal("ModelNotFound")
    query, documents = body.input.get("query"), body.input.get("documents")
    if not isinstance(query, str) or not query:
        raise invalid("Value error, query should be a non-empty string: input.query")
    texts = read_texts(documents, model.documents_per_call)
    top_n = body.parameters.get("top_n", len(texts))
    if type(top_n) is not int or top_n < 1:
        raise invalid("Value error, top_n should be a positive integer: parameters.top_n")
    return_documents = body.parameters.get("return_documents", False)
    if not isinstance(return_documents, bool):
        raise invalid("Value error, return_documents should be a boolean: parameters.return_documents")
    return RerankCall(model, query, texts, top_n, return_documents, bool(body.parameters.get("instruct")))
