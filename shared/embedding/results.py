"""What comes back: the answer to one call of a model, and the result of a whole request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from msgspec import Struct

from shared.domain.errors import PlatformError, RequestError

if TYPE_CHECKING:
    from shared.domain.models import Embedding, Usage

Content = TypeVar("Content")


class Answer(Struct, Generic[Content], frozen=True):
    """The checked answer to one call of a model.

    Attributes:
        content: the vectors, the scores, ...: what this kind of model returns.
        tokens: tokens billed.
        request_id: DashScope's id of the call.
        cost_cny: what it cost, where that is more than a price for each of the tokens.
    """

    content: Content
    tokens: int
    request_id: str
    cost_cny: float | None = None


class RefusedText(Struct, frozen=True):
    """A text DashScope will not embed.

    Attributes:
        index: its position in the request.
    """

    index: int
    code: str
    message: str
    request_id: str


class EmbeddingResult(Struct, frozen=True):
    """Result of a request.

    Attributes:
        embeddings: one per text, in input order; ``None`` where it is missing.
        refused: the texts that were refused for their content.
        failure: why others are missing, if any is.
        request_ids: DashScope's ids of the calls that succeeded.
    """

    embeddings: tuple[Embedding | None, ...]
    usage: Usage
    refused: tuple[RefusedText, ...] = ()
    failure: PlatformError | None = None
    request_ids: tuple[str, ...] = ()

    def complete(self) -> tuple[Embedding, ...]:
        """All embeddings.

        Raises:
            RequestError: ``text_refused``: DashScope will not embed some text.
            PlatformError: what else kept an embedding from arriving.
        """
        if self.refused:
            first = self.refused[0]
            raise RequestError(
                "text_refused",
                f"DashScope refused the text at index {first.index} ({first.code}: {first.message})",
                status=422,
                request_id=first.request_id,
            )
        if self.failure:
            raise self.failure
        return tuple(embedding for embedding in self.embeddings if embedding is not None)


class RerankResult(Struct, frozen=True):
    """Result of a request.

    Attributes:
        relevance: one number between 0 and 1 for each text, in input order.
    """

    relevance: tuple[float, ...]
    usage: Usage
