"""``POST /admin/uploads``: a link by which an operator's browser writes one object to the bucket; off by default."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from functions.search.role import find_credentials
from shared.domain.errors import NotFoundError, RequestError
from shared.domain.models import DocumentState, ObjectKey
from shared.runtime import clock
from shared.runtime.object_links import Host, sign_upload
from shared.runtime.request import deadline, request_id

if TYPE_CHECKING:
    from functions.search.admin_shapes import UploadLimits, UploadRequest, UploadResponse
    from shared.runtime.settings import SourceSettings, UploadSettings
    from shared.store.directory import StoreDirectory

PATH = "/admin/uploads"
# A PUT that began in time may take longer.
_SECONDS = 300
_KEY_BYTES = 1_023
# Whatever a file contains, browsers only save it when it is read from OSS.
_CONTENT_TYPE = "application/octet-stream"
_FORBID_OVERWRITE = "x-oss-forbid-overwrite"


class Uploads:
    """Signs uploads.

    Args:
        sources: where browsers reach the bucket.
        stores: hold the documents that an upload could replace.
    """

    def __init__(self, settings: UploadSettings, sources: SourceSettings, stores: StoreDirectory) -> None:
        self._settings = settings
        self._host = Host(sources.region, sources.endpoint)
        self._stores = stores

    @property
    def origin(self) -> str:
        """Origin that browsers send uploads to; empty where uploads are off."""
        if not self._settings.is_on:
            return ""
        parts = urlsplit(self._host.locate(self._settings.bucket, ""))
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def limits(self) -> UploadLimits | None:
        """What may be uploaded; ``None`` where uploads are off."""
        settings = self._settings
        if not settings.is_on:
            return None
        return {"prefix": settings.prefix, "suffix": settings.suffix, "max_bytes": settings.max_bytes}

    def sign(self, asked: UploadRequest) -> UploadResponse:
        """A link that writes the object asked for.

        Raises:
            NotFoundError: ``uploads_off``.
            RequestError: ``upload_refused`` (400): no such key may be written; ``upload_too_large`` (413);
                ``document_exists`` (409): the key is taken and ``overwrite`` is not set.
        """
        settings = self._settings
        if not settings.is_on:
            raise NotFoundError("uploads_off", "Documents cannot be uploaded here: UPLOADS is not true.")
        credentials = find_credentials()
        if credentials is None:
            raise NotFoundError("uploads_off", "Documents cannot be uploaded here: the search function has no role.")
        self._check(asked)
        if not asked.overwrite and self._holds(asked.key):
            raise RequestError("document_exists", "A document has this key; overwrite replaces it.", status=409)
        headers = {"content-type": _CONTENT_TYPE, **({} if asked.overwrite else {_FORBID_OVERWRITE: "true"})}
        now = clock.time()
        url = sign_upload(self._host, settings.bucket, asked.key, headers, credentials, now, _SECONDS)
        return {
            "url": url,
            "headers": headers,
            "document_id": self._name(asked.key).document_id,
            "signed": now,
            "expires": now + _SECONDS,
            "request_id": request_id(),
        }

    def _check(self, asked: UploadRequest) -> None:
        settings, document = self._settings, self._name(asked.key).key
        if problem := _find_problem(asked.key):
            raise RequestError("upload_refused", problem)
        if not document.startswith(settings.prefix):
            raise RequestError("upload_refused", f"The key must start with {settings.prefix} (UPLOAD_PREFIX).")
        if not document.endswith(settings.suffix):
            raise RequestError("upload_refused", f"The key must end with {settings.suffix} (UPLOAD_SUFFIX).")
        if asked.size > settings.max_bytes:
            message = f"The file is larger than the {settings.max_bytes} bytes of UPLOAD_MAX_BYTES."
            raise RequestError("upload_too_large", message, status=413)

    def _name(self, key: str) -> ObjectKey:
        """The document that an object of this key belongs to."""
        from shared.ingestion.sidecar import document_of

        return document_of(ObjectKey(self._settings.bucket, key))

    def _holds(self, key: str) -> bool:
        """Whether a document of this key is known; OSS checks for objects that are not, and for sidecars."""
        until = deadline()
        store, name = self._stores.find_current(until), ObjectKey(self._settings.bucket, key)
        known = store.registry.read(name.document_id, until) if store.check(until) else None
        return known is not None and known.state is not DocumentState.DELETED


def _find_problem(key: str) -> str:
    """Why OSS or a person would not take the key; empty if they do."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "The key is not valid Unicode."
    if not 0 < size <= _KEY_BYTES:
        return f"The key must have 1 to {_KEY_BYTES} bytes."
    if key.startswith(("/", "\\")) or key.endswith("/") or any(part in (".", "..") for part in key.split("/")):
        return "The key must not start with a slash, name a folder, or contain . or .. as a folder."
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in key):
        return "The key must not contain control characters."
    return ""
