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


class UploadRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /admin/uploads``: the object to be written."""

    key: Annotated[_Text, Meta(description="Key of the object, folders included.")]
    size: Annotated[Annotated[int, Meta(ge=0)], Meta(description="Bytes of the file.")]
    overwrite: Annotated[bool, Meta(description="Whether an object that has this key already is replaced.")] = False


class UploadResponse(TypedDict):
    """How to write the object: by one ``PUT`` to the link, with exactly these headers."""

    url: Annotated[str, Meta(description="Writes this one object until it expires.")]
    headers: Annotated[dict[str, str], Meta(description="Headers that the PUT must carry.")]
    document_id: Annotated[str, Meta(description="The state of this document shows what comes of it.")]
    signed: Annotated[float, Meta(description="When the link was signed, seconds since the epoch.")]
    expires: Annotated[float, Meta(description="Until when the PUT must begin, seconds since the epoch.")]
    request_id: str


class UploadLimits(TypedDict):
    """What may be uploaded."""

    prefix: Annotated[str, Meta(description="What the key must start with.")]
    suffix: Annotated[str, Meta(description="What the key must end with.")]
    max_bytes: Annotated[int, Meta(description="Largest file.")]


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
    uploads: Annotated[UploadLimits | None, Meta(description="What may be uploaded; null where nothing may.")]
    migration: Annotated[Migration | None, Meta(description="A change of the model under way; null without one.")]
    request_id: str


class RetryResponse(TypedDict):
    """That the event is queued; the states of the documents show what came of it."""

    queued: Annotated[bool, Meta(description="Always true; errors have codes.")]
    request_id: str
