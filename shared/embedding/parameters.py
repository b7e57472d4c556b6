"""What a request asks of the embedding model."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class TextType(StrEnum):
    """What a text is for; DashScope embeds queries and documents differently."""

    DOCUMENT = "document"
    QUERY = "query"


class Output(StrEnum):
    """Which vectors to return."""

    DENSE = "dense"
    SPARSE = "sparse"
    BOTH = "dense&sparse"

    @property
    def has_dense(self) -> bool:
        """Whether dense vectors are among them."""
        return self is not Output.SPARSE

    @property
    def has_sparse(self) -> bool:
        """Whether sparse vectors are among them."""
        return self is not Output.DENSE


class EmbeddingParameters(Struct, frozen=True):
    """What is asked of DashScope for every text of a request.

    Attributes:
        dimension: vector size; one the model offers.
        instruct: instruction for queries, where the model takes one.
    """

    text_type: TextType
    dimension: int
    output: Output = Output.DENSE
    instruct: str = ""
