"""Where the vectors of texts come from: the model itself, or answers that a batch task has given before.

What takes a `VectorSource` does not know which: indexing takes one, and whatever else embeds many texts can.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from shared.domain.errors import ConfigurationError
from shared.domain.models import Embedding, Usage
from shared.embedding.batch_lines import identify_text
from shared.embedding.parameters import Output, TextType
from shared.embedding.quota import Priority
from shared.embedding.results import EmbeddingResult
from shared.runtime import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.domain.catalog import EmbeddingModel
    from shared.embedding.parameters import EmbeddingParameters
    from shared.embedding.vector_file import VectorFile
    from shared.runtime.retrying import Deadline

# Vectors of the same model and the same kind of text are equal but for rounding.
LEAST_COSINE = 0.999
# Texts that are embedded both ways before vectors of a batch task are used.
COMPARED_TEXTS = 5


class VectorSource(Protocol):
    """Makes vectors of texts; `Embedder` is one."""

    @property
    def profile(self) -> str:
        """Identity of the vector space."""

    def make_parameters(
        self, text_type: TextType, dimension: int | None = None, output: Output = Output.DENSE, instruct: str = ""
    ) -> EmbeddingParameters:
        """A request's parameters, checked against what the model offers."""

    def embed(
        self,
        texts: Sequence[str],
        parameters: EmbeddingParameters,
        deadline: Deadline,
        priority: Priority = Priority.BULK,
    ) -> EmbeddingResult:
        """Embed ``texts``; the result holds every vector that could be had."""


class KnownVectors:
    """Gives the vectors that a batch task has returned, and those of another source for all other texts: thread-safe.

    The first texts are embedded by the other source too, and both vectors compared: what a task gives lacks a
    ``text_type``, and vectors of another kind would spoil the index without any error.

    Args:
        vectors: those of a task, by `identify_text`.
        others: embeds what is not among them.

    Attributes:
        problem: why the vectors are not used; empty while they may be.
    """

    def __init__(self, vectors: VectorFile, others: VectorSource, model: EmbeddingModel) -> None:
        self._vectors = vectors
        self._others = others
        self._model = model
        self._compared = 0
        self._comparing = threading.Lock()
        self.problem = ""

    @property
    def profile(self) -> str:
        """Identity of the vector space."""
        return self._others.profile

    def make_parameters(
        self, text_type: TextType, dimension: int | None = None, output: Output = Output.DENSE, instruct: str = ""
    ) -> EmbeddingParameters:
        """A request's parameters, checked against what the model offers."""
        return self._others.make_parameters(text_type, dimension, output, instruct)

    def embed(
        self,
        texts: Sequence[str],
        parameters: EmbeddingParameters,
        deadline: Deadline,
        priority: Priority = Priority.BULK,
    ) -> EmbeddingResult:
        """Embed ``texts``, those that are known at the price of the task.

        Raises:
            ConfigurationError: ``batch_vectors_differ``.
            PlatformError: as the other source.
        """
        ids = [identify_text(self.profile, text) for text in texts]
        found = {index: known for index, id_ in enumerate(ids) if (known := self._vectors.find(id_))}
        spent = self._compare([(texts[index], vector) for index, (vector, _) in found.items()], parameters, deadline)
        missing = [index for index in range(len(texts)) if index not in found]
        result = EmbeddingResult((), Usage())
        if missing:
            result = self._others.embed([texts[index] for index in missing], parameters, deadline, priority)
        tokens = sum(billed for _, billed in found.values())
        usage = Usage(tokens=tokens, cost_cny=self._model.batch_cost(tokens))
        metrics.add(tokens=usage.tokens, cost_cny=usage.cost_cny)
        embeddings: list[Embedding | None] = [None] * len(texts)
        for index, (vector, _) in found.items():
            embeddings[index] = Embedding(vector)
        for index, embedding in zip(missing, result.embeddings, strict=True):
            embeddings[index] = embedding
        refused = tuple(replace(text, index=missing[text.index]) for text in result.refused)
        return replace(result, embeddings=tuple(embeddings), usage=result.usage + usage + spent, refused=refused)

    def _compare(
        self, known: Sequence[tuple[str, tuple[float, ...]]], parameters: EmbeddingParameters, deadline: Deadline
    ) -> Usage:
        """Compare vectors with those of the other source until enough were; returns what that cost."""
        if not known or (self._compared >= COMPARED_TEXTS and not self.problem):
            return Usage()
        with self._comparing:
            if self.problem:
                raise ConfigurationError("batch_vectors_differ", self.problem)
            chosen = known[: max(0, COMPARED_TEXTS - self._compared)]
            if not chosen:
                return Usage()
            result = self._others.embed([text for text, _ in chosen], parameters, deadline)
            pairs = zip((vector for _, vector in chosen), (one.dense for one in result.complete()), strict=True)
            self.problem = describe_difference(pairs)
            if self.problem:
                raise ConfigurationError("batch_vectors_differ", self.problem)
            self._compared += len(chosen)
        return result.usage


def describe_difference(pairs: Iterable[tuple[Sequence[float], Sequence[float]]]) -> str:
    """Say by how much vectors of the same texts differ; empty where they are the same but for rounding."""
    cosines = [_compute_cosine(one, other) for one, other in pairs]
    if min(cosines, default=1.0) >= LEAST_COSINE:
        return ""
    return (
        f"Vectors of batch tasks are not those of ordinary calls: their cosine is {min(cosines):.4f}, and must be "
        f"{LEAST_COSINE} at least. Nothing of them was used; index by ordinary calls."
    )


def _compute_cosine(one: Sequence[float], other: Sequence[float]) -> float:
    if len(one) != len(other):
        return 0.0
    length = math.hypot(*one) * math.hypot(*other)
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / length if length else 0.0
