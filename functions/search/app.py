"""search: a question in, ranked passages with their sources out; the state of documents; a page for people."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from flask import Response, request
from msgspec import Meta, Struct

from shared.auth import Gate
from shared.config import SearchSettings
from shared.embedding import Embedder
from shared.errors import NotFoundError, RequestError
from shared.filters import equals
from shared.models import DocumentState
from shared.retrieval import Mode, Question, Retrieval
from shared.store import Space, Store
from shared.web import Application, answer, body, deadline, request_id, settings_or_exit

if TYPE_CHECKING:
    from shared.models import Hit
    from shared.retrying import Deadline

settings = settings_or_exit(SearchSettings)
embedder = Embedder(settings.dashscope)
store = Store(settings.milvus, Space(settings.dashscope.model_name, settings.dashscope.dimension))
retrieval = Retrieval(embedder, store)

PAGE = Path(__file__).with_name("page.html").read_bytes()


class SearchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``POST /search``."""

    query: str
    top_k: int = 10
    mode: Mode = Mode.HYBRID
    filter: Any = None


class ListRequest(Struct, frozen=True):
    """Query string of ``GET /documents``."""

    state: DocumentState | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    offset: Annotated[int, Meta(ge=0)] = 0


def prepare(deadline: Deadline) -> None:
    """Refuse to serve a collection of another model; pay for the slow imports before the first question would."""
    with ThreadPoolExecutor(1) as aside:  # one waits for Milvus while the other loads
        loading = aside.submit(embedder.warm_up)
        store.check(deadline)
        loading.result()


application = Application(
    "search", about=embedder.about, gate=Gate(settings.access.keys), prepare=prepare, open_paths=frozenset({"/"})
)
app = application.flask


@app.post("/search")
def search() -> Response:
    """Ranked passages for a question sent as JSON."""
    asked = body(SearchRequest)
    return _answer(Question(asked.query, asked.top_k, asked.mode, asked.filter))


@app.get("/search")
def search_by_link() -> Response:
    """The same for a question in the address: ``/search?q=…&top_k=…&mode=…&filter=JSON``."""
    condition = request.args.get("filter")
    fields: dict[str, Any] = {name: request.args[name] for name in ("top_k", "mode") if name in request.args}
    asked = _converted({"query": request.args.get("q", ""), **fields}, SearchRequest)
    return _answer(Question(asked.query, asked.top_k, asked.mode, _json(condition) if condition else None))


@app.get("/documents")
def documents() -> Response:
    """The documents' states, by key."""
    asked = _converted(dict(request.args), ListRequest)
    deleted = equals("state", DocumentState.DELETED.value)
    condition = equals("state", asked.state.value) if asked.state else f"not ({deleted})"
    found = store.documents(condition, deadline()) if store.check(deadline()) else []
    page = found[asked.offset : asked.offset + asked.limit]
    return answer({"documents": page, "total": len(found), "request_id": request_id()})


@app.get("/documents/<document_id>")
def document(document_id: str) -> Response:
    """One document's state."""
    known = store.document(document_id[:64], deadline()) if store.check(deadline()) else None
    if known is None:
        raise NotFoundError("document_not_found", "There is no such document; GET /documents lists them.")
    return answer(known)


@app.get("/")
def page() -> Response:
    """The page for people."""
    return Response(PAGE, mimetype="text/html")


def _answer(question: Question) -> Response:
    found = retrieval.search(question, deadline())
    return answer(
        {
            "hits": [_hit(hit) for hit in found.hits],
            "mode": found.mode,
            "usage": found.usage,
            "milliseconds": found.milliseconds,
            "request_id": request_id(),
        }
    )


def _hit(hit: Hit) -> dict[str, Any]:
    source = {"id": hit.document_id, "bucket": hit.bucket, "key": hit.key, "title": hit.title, "metadata": hit.metadata}
    return {"id": hit.id, "score": round(hit.score, 6), "text": hit.text, "document": source, "location": hit.location}


def _converted(values: dict[str, Any], kind: type[Any]) -> Any:
    try:
        return msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise RequestError("invalid_request", f"{error}.") from None


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RequestError("invalid_filter", "The filter is not JSON.") from None
