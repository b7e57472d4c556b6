"""The HTTP requests and answers of embed: its own, and OpenAI's."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from shared.domain.errors import RequestError
from shared.domain.models import Embedding, SparseVector, Usage
from shared.embedding.parameters import Output, TextType

MAX_INSTRUCTION_CHARACTERS = 1_000
MAX_SIZE_DIGITS = 5
# As DashScope, Cohere, Voyage, NVIDIA and Jina name what a text is for.
TEXT_TYPES = {
    "query": TextType.QUERY,
    "search_query": TextType.QUERY,
    "retrieval.query": TextType.QUERY,
    "document": TextType.DOCUMENT,
    "search_document": TextType.DOCUMENT,
    "retrieval.passage": TextType.DOCUMENT,
    "passage": TextType.DOCUMENT,
}


class EmbedRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /embed``."""

    texts: Annotated[list[str], Meta(description="The texts, not blank; at most EMBED_MAX_TEXTS (2,048).")]
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

    input: Annotated[str | list[str], Meta(description="One text or several, not blank; no token ids.")]
    model: Annotated[str, Meta(description="The model this deployment serves, see /v1/models.")]
    dimensions: Annotated[int | str | None, Meta(description="A size the model offers; default: the deployment's.")] = (
        None
    )
    dimension: Annotated[int | str | None, Meta(description="The same by DashScope's name.")] = None
    encoding_format: Annotated[
        Literal["float", "base64"], Meta(description="Numbers, or 32-bit floats in little-endian order as base64.")
    ] = "float"
    text_type: Annotated[
        str | None, Meta(description="query for queries, document for stored texts; default: document.")
    ] = None
    input_type: Annotated[
        str | None,
        Meta(description="The same by other services' name; also search_query, search_document and passage."),
    ] = None

    def read_text_type(self) -> TextType:
        """What the texts are for.

        Raises:
            RequestError: ``invalid_request``: a name is unknown, or the two disagree.
        """
        named = {_read_text_type(name) for name in (self.text_type, self.input_type) if name}
        if len(named) > 1:
            raise RequestError("invalid_request", "text_type and input_type disagree; send one of them.")
        return named.pop() if named else TextType.DOCUMENT

    def read_dimension(self) -> int | None:
        """The size asked for.

        Raises:
            RequestError: ``invalid_request``: it is no number, or the two disagree.
        """
        named = {_read_size(size) for size in (self.dimensions, self.dimension) if size is not None}
        if len(named) > 1:
            raise RequestError("invalid_request", "dimension and dimensions disagree; send one of them.")
        return named.pop() if named else None


def _read_text_type(name: str) -> TextType:
    known = TEXT_TYPES.get(name.lower())
    if known is None:
        raise RequestError("invalid_request", f"The text type is one of {', '.join(TEXT_TYPES)}.")
    return known


def _read_size(size: int | str) -> int:
    if isinstance(size, str) and not (size.isascii() and size.isdecimal() and len(size) <= MAX_SIZE_DIGITS):
        raise RequestError("invalid_request", "dimensions is a whole number.")
    return int(size)


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


class OpenAIModel(Struct, frozen=True):
    """A model, as ``GET /v1/models/{name}`` shows it."""

    id: str
    object: Literal["model"]
    created: Annotated[int, Meta(description="Always 0: the time is not known.")]
    owned_by: str


class OpenAIModels(Struct, frozen=True):
    """Answer of ``GET /v1/models``: the deployment's model."""

    object: Literal["list"]
    data: list[OpenAIModel]
