"""Vectors and relevance as DashScope answers them, checked: complete, finite, in the order of the call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from shared.domain.models import Embedding, SparseVector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.embedding.parameters import EmbeddingParameters


def parse_embeddings(output: Any, count: int, parameters: EmbeddingParameters) -> tuple[Embedding, ...]:
    """The rows in request order.

    Raises:
        ValueError: rows are missing, doubled, of another size or not finite.
    """
    rows = sorted(output["embeddings"], key=lambda row: row["text_index"])
    if [row["text_index"] for row in rows] != list(range(count)):
        raise ValueError("its rows do not match the texts of the call")
    return tuple(_parse_embedding(row, parameters) for row in rows)


def _parse_embedding(row: Mapping[str, Any], parameters: EmbeddingParameters) -> Embedding:
    dense = tuple(row["embedding"]) if parameters.output.has_dense else ()
    # One NaN or infinity spoils the sum; checking each number takes a tenth of the time of the whole call.
    if parameters.output.has_dense and (len(dense) != parameters.dimension or not math.isfinite(sum(dense))):
        raise ValueError(f"a vector is not {parameters.dimension} finite numbers")
    if not parameters.output.has_sparse:
        return Embedding(dense)
    weights = [(int(entry["index"]), float(entry["value"])) for entry in row["sparse_embedding"]]
    return Embedding(dense, SparseVector(tuple(i for i, _ in weights), tuple(v for _, v in weights)))


def parse_relevance(output: Any, count: int) -> tuple[float, ...]:
    """The scores in request order.

    Raises:
        ValueError: some are missing, doubled or not finite.
    """
    scores = {int(row["index"]): float(row["relevance_score"]) for row in output["results"]}
    if sorted(scores) != list(range(count)) or not all(map(math.isfinite, scores.values())):
        raise ValueError("its scores do not match the documents of the call")
    return tuple(scores[index] for index in range(count))
