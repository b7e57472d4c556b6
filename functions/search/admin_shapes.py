"""What the routes for operators take and give."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta, Struct
from msgspec.structs import asdict

_Text = Annotated[str, Meta(max_length=1_023)]


class RetryRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/retry``: which documents are tried again; those that meet every condition given."""

    id: Annotated[_Text, Meta(description="Id of one document.")] = ""
    state: Annotated[Literal["failed", "pending", ""], Meta(description="Documents in this state; empty for both.")] = (
        ""
    )
    code: Annotated[_Text, Meta(description="Code of the failure.")] = ""
    prefix: Annotated[_Text, Meta(description="What the keys begin with.")] = ""
    reread: Annotated[bool, Meta(description="Also read the document again if it is indexed, where id names it.")] = (
        False
    )

    def to_event(self) -> dict[str, Any]:
        """The event that the ingest function takes."""
        return {"action": "retry", **{name: value for name, value in asdict(self).items() if value}}


class Migration(TypedDict):
    """How far a change of the model has come."""

    model: Annotated[str, Meta(description="Of the collection that is being filled.")]
    done: Annotated[int, Meta(description="Documents that it holds.")]
    total: Annotated[int, Meta(description="Documents of the collection that answers.")]


class StatusResponse(TypedDict):
    """How the deployment stands."""

    documents: Annotated[dict[str, int], Meta(description="Their number by state.")]
    model: Annotated[str, Meta(description="That search embeds with.")]
    can_retry: Annotated[bool, Meta(description="Whether POST /admin/retry is answered.")]
    migration: Annotated[Migration | None, Meta(description="A change of the model under way; null without one.")]
    request_id: str


class RetryResponse(TypedDict):
    """That the event is queued; the states of the documents show what came of it."""

    queued: Annotated[bool, Meta(description="Always true; errors have codes.")]
    request_id: str
