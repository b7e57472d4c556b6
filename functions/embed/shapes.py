"""The HTTP requests and answers of embed: its own, and OpenAI's."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from shared.domain.models import Embedding, SparseVector, Usage
from shared.embedding.parameters import Output, TextType

MAX_INSTRUCTION_CHARACTERS = 1_000


class EmbedRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /embed``."""

    texts: Annotated[list[str], Meta(description="The texts, not blank; at most EMBED_MAX_TEXTS (2,000).")]
    text_type: Annotated[TextType, Meta(description="document for stored texts, query for queries.")] = (
        TextType.DOCUMENT
    )
    dimension: Annotated[int | None, Meta(description="A size the model offers; default: the deployment's.")] = None
    output_type: Annotated[Output, Meta(description="Which vectors to return.")] = Output.DENSE
    instruct: Annotated[
        str,
        Meta(max_length=MAX_INSTRUCTION_CHARACTERS, description="Instruction for queries, where the model takes one."),
    ] = ""
    too_long: Annotated[
        Literal["refuse", "split"],
        Meta(description="A text over the model's limit: refuse the request, or split the text and return the mean."),
    ] = "refuse"


class Vector(Struct, frozen=True, omit_defaults=True):
    """The vectors of one text; only the requested ones are present."""

    index: Annotated[int, Meta(description="The text's position in the request.")]
    embedding: tuple[float, ...] = ()
    sparse_embedding: SparseVector | None = None

    @classmethod
    def of(cls, index: int, embedding: Embedding) -> Vector:
        """The vectors of the text at ``index``."""
        return cls(index, embedding.dense, embedding.sparse)


class EmbedAnswer(Struct, frozen=True):
    """Answer of ``POST /embed``: a vector for each text, in input order."""

    embeddings: list[Vector]
    model: str
    dimension: int
    usage: Usage
    request_id: str


class OpenAIRequest(Struct, frozen=True):
    """Body of ``POST /v1/embeddings``; other fields of OpenAI's, such as ``user``, are ignored."""

    input: Annotated[str | list[str], Meta(description="One text or several, not blank.")]
    model: Annotated[str, Meta(description="The model this deployment serves, see /healthz.")]
    dimensions: Annotated[int | None, Meta(description="A size the model offers; default: the deployment's.")] = None
    encoding_format: Annotated[
        Literal["float", "base64"], Meta(description="Numbers, or 32-bit floats in little-endian order as base64.")
    ] = "float"


class OpenAIVector(Struct, frozen=True):
    """The vector of one text."""

    object: Literal["embedding"]
    index: int
    embedding: Annotated[Any, Meta(extra_json_schema={"type": ["array", "string"], "items": {"type": "number"}})]


class OpenAIUsage(Struct, frozen=True):
    """Tokens billed."""

    prompt_tokens: int
    total_tokens: int


class OpenAIAnswer(Struct, frozen=True):
    """Answer of ``POST /v1/embeddings``."""

    object: Literal["list"]
    data: list[OpenAIVector]
    model: str
    usage: OpenAIUsage
