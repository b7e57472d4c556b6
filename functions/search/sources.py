"""``GET /documents/{id}/source``: a link that opens the document itself; off by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypedDict

from flask import request
from msgspec import Meta, Struct

from functions.search.arguments import convert
from functions.search.role import find_credentials
from shared.domain.errors import NotFoundError
from shared.runtime import clock
from shared.runtime.object_links import Host, is_bucket, sign_link
from shared.runtime.request import request_id
from shared.runtime.responses import answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask, Response

    from shared.domain.models import Document
    from shared.runtime.settings import SourceSettings

PATH = "/documents/<document_id>/source"
# A reader for PDF asks for the pages of a large file one after the other.
_SECONDS = 600
_MAX_PAGE = 1_000_000


class SourceRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Query of ``GET /documents/{id}/source``."""

    page: Annotated[Annotated[int, Meta(ge=1, le=_MAX_PAGE)] | None, Meta(description="At which page a PDF opens.")] = (
        None
    )


class SourceResponse(TypedDict):
    """A link to the document itself."""

    url: Annotated[str, Meta(description="Reads the object; it opens the object for anyone until it expires.")]
    expires: Annotated[float, Meta(description="When it expires, seconds since the epoch.")]
    request_id: str


def register(app: Flask, settings: SourceSettings, find_document: Callable[[str], Document]) -> None:
    """Add the route.

    Args:
        find_document: the record of a document that the caller may see, by its id.
    """
    host = Host(settings.region, settings.endpoint)

    @app.get(PATH)
    def open_source(document_id: str) -> Response:
        if not settings.is_on:
            raise NotFoundError("sources_off", "Documents cannot be opened from here: SOURCE_LINKS is not true.")
        asked = convert(dict(request.args), SourceRequest, from_text=True)
        found: SourceResponse = _render(host, find_document(document_id), asked.page)
        return answer(found)


def _render(host: Host, document: Document, page: int | None) -> SourceResponse:
    credentials = find_credentials()
    if credentials is None:
        raise NotFoundError("sources_off", "Documents cannot be opened from here: the search function has no role.")
    if not is_bucket(document.bucket):
        raise NotFoundError("source_not_found", "This document is a record that was sent, no object of a bucket.")
    now = clock.time()
    url = sign_link(host, document.bucket, document.key, credentials, now, _SECONDS)
    if page and document.format == "pdf":
        url += f"#page={page}"
    return {"url": url, "expires": now + _SECONDS, "request_id": request_id()}
