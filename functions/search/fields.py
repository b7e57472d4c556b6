"""Fields that several requests have, each described once."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from shared.retrieval.query import MAX_QUERY_CHARACTERS, MAX_REACH, MAX_TOP_K, Mode

Question: TypeAlias = Annotated[
    str,
    Meta(
        description=f"The question, up to {MAX_QUERY_CHARACTERS} characters, in any language.",
        extra_json_schema={"minLength": 1, "maxLength": MAX_QUERY_CHARACTERS},
    ),
]
TopK: TypeAlias = Annotated[
    int,
    Meta(
        description=f"Chunks (or groups) wanted, 1 to {MAX_TOP_K}.",
        extra_json_schema={"minimum": 1, "maximum": MAX_TOP_K},
    ),
]
Offset: TypeAlias = Annotated[
    int,
    Meta(
        description=f"Number of hits (or groups) to skip; with top_k at most {MAX_REACH}.",
        extra_json_schema={"minimum": 0, "maximum": MAX_REACH - 1},
    ),
]
ComparedBy: TypeAlias = Annotated[
    Mode, Meta(description="By meaning and words (hybrid), by meaning (dense) or by words (keyword).")
]
Rerank: TypeAlias = Annotated[
    bool | None, Meta(description="Whether a model reads the best once more and orders them.")
]
GroupBy: TypeAlias = Annotated[Literal["document"] | None, Meta(description="Show chunks of one document together.")]
GroupSize: TypeAlias = Annotated[int, Meta(ge=1, le=10, description="Chunks of one group at most.")]
SearchedTenant: TypeAlias = Annotated[str | None, Meta(description="Search the documents of this tenant only.")]
