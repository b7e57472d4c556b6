"""``/admin``: the page for operators and its routes. Only keys of ``ADMIN_API_KEYS`` may call them; off by default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from functions.search import page, uploads
from functions.search.role import find_credentials
from shared.domain.errors import ConfigurationError, NotFoundError, RequestError
from shared.domain.models import DocumentState
from shared.runtime.request import deadline, read_body, request_id, scope
from shared.runtime.responses import answer
from shared.store.expressions import select_documents

if TYPE_CHECKING:
    from flask import Flask

    from functions.search.admin_shapes import Migration, StatusResponse
    from functions.search.uploads import Uploads
    from shared.runtime.credentials import Credentials
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import AdminSettings
    from shared.store.directory import StoreDirectory
    from shared.store.store import Store

PAGE = "/admin"
RETRY = "/admin/retry"
_STATES = (DocumentState.INDEXED, DocumentState.PENDING, DocumentState.FAILED)


class Admin:
    """The routes for operators."""

    def __init__(self, settings: AdminSettings, stores: StoreDirectory, uploading: Uploads) -> None:
        self._settings = settings
        self._stores = stores
        self._uploading = uploading

    def register(self, app: Flask) -> None:
        """Add the routes."""
        app.get(PAGE)(self.show)
        app.get("/admin/status")(self.read_status)
        app.post(RETRY)(self.retry)
        app.post(uploads.PATH)(self.upload)

    def show(self) -> Response:
        """The page, which asks for the key itself."""
        self._check_on()
        return page.render("admin.html", self._uploading.origin)

    def read_status(self) -> Response:
        """Documents by state, and what the deployment can do."""
        self._check_operator()
        until = deadline()
        counts = dict.fromkeys((state.value for state in _STATES), 0)
        current, *others = (member.store for member in self._stores.find_members(until))
        if current.check(until):
            counts = _count(current, until)
        status: StatusResponse = {
            "documents": counts,
            "model": current.space.model,
            "can_retry": bool(self._settings.ingest_function),
            "uploads": self._uploading.limits,
            "migration": _describe(others[0], sum(counts.values()), until) if others else None,
            "request_id": request_id(),
        }
        return answer(status)

    def retry(self) -> Response:
        """Queue another attempt for the chosen documents."""
        from functions.search.admin_shapes import RetryRequest
        from shared.runtime.invoking import Target, invoke_later

        self._check_operator()
        asked = read_body(RetryRequest)
        settings = self._settings
        if not settings.ingest_function:
            raise NotFoundError("retry_off", "INGEST_FUNCTION is not set, so nothing can be tried again from here.")
        region, account = (request.headers.get(f"x-fc-{name}", "") for name in ("region", "account-id"))
        target = Target(settings.ingest_function, region, account, settings.endpoint)
        invoke_later(target, asked.to_event(), _get_credentials(), deadline())
        return answer({"queued": True, "request_id": request_id()})

    def upload(self) -> Response:
        """Sign the upload of one document."""
        from functions.search.admin_shapes import UploadRequest

        self._check_operator()
        return answer(self._uploading.sign(read_body(UploadRequest)))

    def _check_on(self) -> None:
        if not self._settings.is_on:
            raise NotFoundError("admin_off", "There is no page for operators here: ADMIN_API_KEYS is not set.")

    def _check_operator(self) -> None:
        self._check_on()
        if not scope().is_admin:
            raise RequestError("admin_only", "Only a key of ADMIN_API_KEYS may do this.", status=403)


def _count(store: Store, until: Deadline) -> dict[str, int]:
    return {state.value: store.registry.count(select_documents(None, state, ""), until) for state in _STATES}


def _describe(other: Store, total: int, until: Deadline) -> Migration:
    """How far the collection has come that a migration fills."""
    counts = _count(other, until)
    done = sum(counts.values()) - counts[DocumentState.PENDING.value]
    return {"model": other.space.model, "done": done, "total": total}


def _get_credentials() -> Credentials:
    found = find_credentials()
    if found is None:
        raise ConfigurationError("invocation_refused", "The search function has no role, so it may call no other one.")
    return found
