"""The HTTP requests and answers of embed: its own, and OpenAI's."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from shared.domain.errors import RequestError
from shared.domain.models import Embedding, SparseVector, Usage
from shared.embedding.parameters import Output, TextType

MAX_INSTRUCTION_CHARACTERS = 1_000
MAX_SIZE_DIGITS = 5
_TEXT, _ID = {"type": "string"}, {"type": "integer", "minimum": 0}


def _list_of(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": 1}


class EmbedRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /embed``."""

    texts: Annotated[
        list[str],
        Meta(description="The texts, not blank; at most EMBED_MAX_TEXTS (2,048).", extra_json_schema={"minItems": 1}),
    ]
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

    input: Annotated[
        Raw,
        Meta(
            description="One text or several, not blank; or token ids of cl100k_base, of one text or of each.",
            extra_json_schema={"anyOf": [_TEXT, _list_of(_TEXT), _list_of(_ID), _list_of(_list_of(_ID))]},
        ),
    ]
    model: Annotated[str, Meta(description="The model this deployment serves, see /v1/models.")]
    dimensions: Annotated[int | str | None, Meta(description="A size the model offers; default: the deployment's.")] = (
        None
    )
    dimension: Annotated[int | str | None, Meta(description="The same by DashScope's name.")] = None
    output_dimension: Annotated[int | str | None, Meta(description="The same by the name of Voyage and Cohere.")] = None
    encoding_format: Annotated[
        Literal["float", "base64"], Meta(description="Numbers, or 32-bit floats in little-endian order as base64.")
    ] = "float"
    text_type: Annotated[TextType | None, Meta(description="query for queries; default: document.")] = None
    input_type: Annotated[
        str | None,
        Meta(description="The same by other services' names: one with query in it, as search_query, is for queries."),
    ] = None
    task: Annotated[
        str | None,
        Meta(description="The same by Jina's name: one with query in it, as retrieval.query, is for queries."),
    ] = None

    def read_text_type(self) -> TextType:
        """What the texts are for.

        Raises:
            RequestError: ``invalid_request``: two of the fields disagree.
        """
        named = {self.text_type} if self.text_type else set()
        for name in filter(None, (self.input_type, self.task)):
            named.add(TextType.QUERY if "query" in name.lower() else TextType.DOCUMENT)
        if len(named) > 1:
            raise RequestError("invalid_request", "text_type, input_type and task disagree; send one of them.")
        return named.pop() if named else TextType.DOCUMENT

    def read_dimension(self) -> int | None:
        """The size asked for.

        Raises:
            RequestError: ``invalid_request``: it is no number, or two of the fields disagree.
        """
        given = (self.dimensions, self.dimension, self.output_dimension)
        named = {_read_size(size) for size in given if size is not None}
        if len(named) > 1:
            raise RequestError("invalid_request", "dimension and dimensions disagree; send one of them.")
        return named.pop() if named else None


def _read_size(size: int | str) -> int:
    if isinstance(size, str) and not (size.isascii() and size.isdecimal() and len(size) <= MAX_SIZE_DIGITS):
        raise RequestError("invalid_request", "dimensions is a whole number.")
    return int(size)


class OpenAIVector(Struct, frozen=True):
    """The vector of one text."""

    object: Literal["embedding"]
    index: int
    embedding: Annotated[Any, Meta(extra_json_schema={"anyOf": [_list_of({"type": "number"}), _TEXT]})]


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
