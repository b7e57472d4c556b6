"""Calls for vectors: read, limited, billed and answered as DashScope does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from local.dashscope.body import read_texts
from local.dashscope.encoders import fit
from local.dashscope.refusal import Refusal, invalid
from shared.domain.catalog import EMBEDDING_MODELS, EmbeddingModel

if TYPE_CHECKING:
    from local.dashscope.body import Body
    from local.dashscope.encoders import Encoder
    from local.dashscope.vocabulary import Vocabulary

# The vocabulary counts one token less than DashScope bills (measured on the official example of text-embedding-v4).
_BILLED_EXTRA_PER_TEXT = 1


@dataclass(frozen=True)
class EmbeddingCall:
    """A well-formed request for vectors."""

    model: EmbeddingModel
    texts: tuple[str, ...]
    text_type: str
    dimension: int
    output_type: str
    instruct: bool

    @property
    def rows(self) -> int:
        """Texts billed."""
        return len(self.texts)

    def bill(self, vocabulary: Vocabulary) -> int:
        """Tokens billed; refuses the whole call for one text of a wrong length."""
        limit = self.model.tokens_per_row
        counts = [vocabulary.count(text, limit) for text in self.texts]
        if not all(1 <= count <= limit for count in counts):
            raise invalid(f"Range of input length should be [1, {limit}]")
        return sum(counts) + _BILLED_EXTRA_PER_TEXT * len(counts)

    def work(self, encoder: Encoder, vocabulary: Vocabulary) -> dict[str, Any]:
        """The output of this call."""
        rows: list[dict[str, Any]] = [{"text_index": place} for place in range(self.rows)]
        if "sparse" in self.output_type:
            for row, text in zip(rows, self.texts, strict=True):
                row["sparse_embedding"] = _sparse_rows(vocabulary, text)
        if "dense" in self.output_type:
            vectors = fit(encoder.encode(self.texts, query=self.text_type == "query"), self.dimension)
            # Eight digits keep float32 as it is; seventeen would double the body.
            for row, vector in zip(rows, np.round(vectors.astype(np.float64), 8).tolist(), strict=True):
                row["embedding"] = vector
        return {"embeddings": rows}

    def parameters(self) -> dict[str, Any]:
        """What a test may want to see of this call; not its texts."""
        wanted = {"text_type": self.text_type, "dimension": self.dimension, "output_type": self.output_type}
        return {"model": self.model.name, **wanted, "instruct": self.instruct, "rows": self.rows}


def _sparse_rows(vocabulary: Vocabulary, text: str) -> list[dict[str, Any]]:
    sparse = vocabulary.sparse(text)
    terms = zip(sparse.indices, sparse.values, strict=True)
    return [{"index": token, "value": round(weight, 6), "token": vocabulary.spell(token)} for token, weight in terms]


def read_embedding_call(body: Body) -> EmbeddingCall:
    """The call ``body`` asks for.

    Raises:
        Refusal: the model is unknown, or a parameter is not what it takes.
    """
    model = EMBEDDING_MODELS.get(body.model)
    if model is None:
        raise Refusal("ModelNotFound")
    texts = read_texts(body.input.get("texts"), model.rows_per_call)
    asked = body.parameters
    kinds = ("dense", "sparse", "dense&sparse") if model.sparse else ("dense",)
    return EmbeddingCall(
        model=model,
        texts=texts,
        text_type=_read_choice(asked, "text_type", ("document", "query")),
        dimension=_read_dimension(asked.get("dimension"), model),
        output_type=_read_choice(asked, "output_type", kinds),
        instruct=bool(asked.get("instruct")),
    )


def _read_choice(asked: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """The first choice when nothing is asked for."""
    choice = asked.get(name, choices[0])
    if choice not in choices:
        raise invalid(f"Value error, {name} should be one of {', '.join(choices)}: parameters.{name}")
    return str(choice)


def _read_dimension(dimension: object, model: EmbeddingModel) -> int:
    if dimension is None or not model.takes_dimension:
        return model.default_dimension
    if type(dimension) is not int or dimension not in model.dimensions:
        sizes = ", ".join(map(str, model.dimensions))
        raise invalid(f"Value error, dimension should be one of {sizes}: parameters.dimension")
    return dimension
