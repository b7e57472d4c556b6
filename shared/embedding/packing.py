"""Pack the texts of a request into calls, by rows and by tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import RequestError
from shared.embedding import tokens
from shared.embedding.calls import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.domain.catalog import EmbeddingModel


class Row(Struct, frozen=True):
    """A text of a request, with its position there and its estimated tokens."""

    index: int
    text: str
    tokens: int


Batch = tuple[Row, ...]


def read_rows(texts: Sequence[str], model: EmbeddingModel) -> Iterator[Row]:
    """The rows of a request.

    Raises:
        RequestError: ``text_empty`` or ``text_too_long``.
    """
    for index, text in enumerate(texts):
        if not text.strip():
            raise RequestError("text_empty", f"The text at index {index} is empty or blank; DashScope refuses that.")
        if tokens.exceeds(text, model.tokens_per_row):
            raise RequestError(
                "text_too_long",
                f"The text at index {index} has more than the {model.tokens_per_row} tokens that {model.name} "
                "takes; split it.",
            )
        yield Row(index, text, tokens.estimate(text))


def pack(rows: Iterable[Row], max_rows: int, max_tokens: float) -> Iterator[Batch]:
    """Group consecutive rows into calls of at most ``max_rows`` rows and about ``max_tokens`` tokens."""
    batch: list[Row] = []
    held = 0
    for row in rows:
        if batch and (len(batch) == max_rows or held + row.tokens > max_tokens):
            yield tuple(batch)
            batch, held = [], 0
        batch.append(row)
        held += row.tokens
    if batch:
        yield tuple(batch)


def estimate(rows: Batch) -> Estimate:
    """The tokens that a call with ``rows`` will use."""
    return Estimate(sum(row.tokens for row in rows), sum(tokens.bound(row.text) for row in rows))
