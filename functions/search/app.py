"""search: a question in, ranked chunks with their sources out; the state of documents; a page for people."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from flask import Response, request
from msgspec.structs import replace

from functions.search import admin, answers, dify, mcp, page, similar, sources, uploads
from functions.search.arguments import convert
from functions.search.shapes import (
    ChunksRequest,
    DocumentRequest,
    ListRequest,
    SearchRequest,
    SearchResponse,
    read_cursor,
    render_chunks,
    render_result,
    write_cursor,
)
from shared.domain.errors import NotFoundError
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.embedders import Embedders
from shared.embedding.reranker import Reranker
from shared.retrieval.calibration import read_calibration
from shared.retrieval.current import CurrentRetrieval
from shared.retrieval.sampling import Sampler
from shared.retrieval.searching import Retrieval
from shared.runtime import openapi
from shared.runtime.request import deadline, read_body, request_id, scope
from shared.runtime.responses import answer, answer_error
from shared.runtime.settings import SearchSettings
from shared.runtime.web import Application, build_or_exit, read_settings_or_exit
from shared.store.directory import StoreDirectory
from shared.store.expressions import select_documents, select_tenants
from shared.store.registry import DocumentPage
from shared.store.schema import Space

if TYPE_CHECKING:
    from shared.domain.models import Chunk, Document
    from shared.runtime.retrying import Deadline

# A query of 2,000 characters with the largest filter takes less. Decoded, JSON takes up to 35 times its size.
MAX_BODY_BYTES = 256 * 1024

settings = read_settings_or_exit(SearchSettings)
client = DashScopeClient(settings.dashscope)
embedder = Embedder(settings.dashscope, client)
embedders = Embedders(settings.dashscope, client, embedder)
stores = StoreDirectory(settings.milvus, Space(settings.dashscope.model_name, settings.dashscope.dimension))
reranker = Reranker(settings.dashscope, settings.rerank, client)
calibration = build_or_exit(lambda: read_calibration(settings.calibration))
retrieval = CurrentRetrieval(
    stores,
    lambda store: Retrieval(
        embedders.find(store.space.model, store.space.dimension),
        store,
        reranker,
        settings.rerank.documents,
        settings.rerank.by_default,
        calibration,
    ),
    Sampler(settings.sample_share),
)
answer_model = settings.answer.model
operating = admin.Admin(settings.admin, stores, uploads.Uploads(settings.uploads, settings.sources, stores))
written = answers.Answers(answers.build(settings, client, retrieval))

_ID = re.compile(r"[0-9a-f]{32}")


def prepare(deadline: Deadline) -> None:
    """Refuse to serve a collection of another model; pay for the slow imports before the first question would."""
    stores.warm_up()
    with ThreadPoolExecutor(1) as aside:  # one waits for Milvus while the other loads
        checking = aside.submit(lambda: stores.find_current(deadline).check(deadline))
        embedder.warm_up()
        checking.result()


def describe() -> dict[str, Any]:
    """The models in use, for `/healthz`; after a migration that of the collection, as the last request found it."""
    space = stores.known_space
    return {
        **embedders.find(space.model, space.dimension).about,
        "rerank": {"model": settings.rerank.model.name, "default": settings.rerank.by_default},
        **answers.describe_model(answer_model),
        "sources": settings.sources.is_on,
    }


application = Application(
    "search",
    about=describe,
    authenticator=build_or_exit(lambda: settings.access.authenticator(settings.admin.keys)),
    prepare=prepare,
    domain=settings.access.domain,
    open_paths=frozenset({"/", admin.PAGE, openapi.PATH}),
    body_limits=dict.fromkeys(
        ("/search", answers.PATH, similar.PATH, dify.PATH, admin.RETRY, uploads.PATH, "/mcp", "/mcp/"), MAX_BODY_BYTES
    ),
    origins=settings.access.origins,
)
app = application.flask
written.register(app)
similar.register(app, retrieval)
operating.register(app)
sources.register(app, settings.sources, lambda document_id: _document(document_id))


@app.post("/search")
def search() -> Response:
    """Ranked chunks for a question sent as JSON."""
    return answer(_found(read_body(SearchRequest)))


@app.get("/search")
def search_by_link() -> Response:
    """The same for a question in the address: ``/search?q=…``, and all else under the names of the body's fields."""
    fields: dict[str, Any] = dict(request.args)
    fields["query"] = fields.pop("q", "")
    if "facets" in fields:
        fields["facets"] = ",".join(request.args.getlist("facets"))
    return answer(_found(convert(fields, SearchRequest, from_text=True)))


@app.post(dify.PATH)
def retrieve_for_dify() -> Response:
    """Ranked chunks by Dify's contract of an external knowledge base."""
    found = retrieval.search(dify.read_request().to_query(), deadline(), scope())
    return answer(dify.render_records(found))


@app.get("/documents")
def documents() -> Response:
    """The documents' states, in the order of their keys."""
    asked: ListRequest = convert(dict(request.args), ListRequest, from_text=True)
    condition = select_documents(scope().narrow(asked.tenant).tenants, asked.state, asked.prefix, asked.contains)
    after = read_cursor(asked.after)
    until = deadline()
    page, store = DocumentPage(), stores.find_current(until)
    if store.check(until):
        page = store.registry.read_page(condition, after, asked.limit, until)
    following = write_cursor(page.last) if page.last else None
    return answer({"documents": page.documents, "total": page.total, "next": following, "request_id": request_id()})


@app.get("/documents/<document_id>")
def document(document_id: str) -> Response:
    """One document's state."""
    return answer(_document(document_id))


@app.get("/documents/<document_id>/chunks")
def chunks(document_id: str) -> Response:
    """One document's chunks in order."""
    asked = convert(dict(request.args), ChunksRequest, from_text=True)
    _document(document_id)
    found, total = _chunks(document_id, asked)
    return answer(render_chunks(document_id, found, total, request_id()))


@app.post("/mcp", strict_slashes=False)
def model_context_protocol() -> Response:
    """One message of a language model's client."""
    application.origins.check_origin()
    content, status = endpoint.answer(request.get_data(), request.headers)
    if content is not None:
        return answer(content, status)
    response = Response(status=status)
    del response.headers["Content-Type"]  # there is no content
    return response


@app.get(openapi.PATH)
def description() -> Response:
    """What can be asked of the HTTP functions."""
    return Response(openapi.read(), mimetype="application/json")


@app.get("/")
def page_for_people() -> Response:
    """The page for people."""
    return page.render()


@app.errorhandler(Exception)
def handle_error(error: Exception) -> Response:
    """Answer with Dify's form of an error on Dify's route, with ours elsewhere."""
    is_dify = (request.method, request.path) == ("POST", dify.PATH)
    return dify.answer_error(error) if is_dify else answer_error(error)


def _found(asked: SearchRequest) -> SearchResponse:
    found = retrieval.search(asked.to_query(), deadline(), scope())
    return render_result(found, grouped=asked.group_by is not None, request_id=request_id())


def _document(document_id: str) -> Document:
    until = deadline()
    known, store = None, stores.find_current(until)
    if _ID.fullmatch(document_id) and store.check(until):
        known = store.registry.read(document_id, until, select_tenants(scope().tenants))
    if known is None:
        raise NotFoundError("document_not_found", "There is no such document; GET /documents lists them.")
    return known


def _chunks(document_id: str, asked: ChunksRequest) -> tuple[list[Chunk], int]:
    until = deadline()
    held = stores.find_current(until).chunks
    return held.read_range(document_id, asked.offset, asked.limit, select_tenants(scope().tenants), until)


# -- what a language model is offered -------------------------------------------------------------------------------


def _search_tool(arguments: dict[str, Any]) -> dict[str, Any]:
    return dict(_found(convert(arguments, SearchRequest, from_text=True)))


def _document_tool(arguments: dict[str, Any]) -> dict[str, Any]:
    asked: DocumentRequest = convert(arguments, DocumentRequest, from_text=True)
    record = replace(_document(asked.id), history=())  # for operators, and long for a model
    found, total = _chunks(asked.id, asked)
    return {"document": record, **render_chunks(asked.id, found, total, request_id())}


_NO_ANSWER = "These documents probably do not answer the query; the nearest chunks are:"


def _render_hits(found: dict[str, Any]) -> str:
    hits = found["hits"] if "hits" in found else [hit for group in found["groups"] for hit in group["hits"]]
    if not hits:
        return "Nothing was found."
    shown = "\n\n".join(map(_render_hit, hits))
    return shown if found["answerable"] else f"{_NO_ANSWER}\n\n{shown}"


def _render_hit(hit: dict[str, Any]) -> str:
    about, place = hit["document"], hit["location"]
    named = [f"{name} {place[name]}" for name in ("page", "sheet", "row") if place[name]]
    copies = [f"also in {other['document']['key']}" for other in hit["duplicates"]]
    where = ", ".join([about["key"], *named, *place["headings"], *copies])
    return f"[{about['title']} ({where}); document {about['id']}]\n{hit['text']}"


def _render_document(found: dict[str, Any]) -> str:
    record, shown = found["document"], found["chunks"]
    head = f"[{record.title} ({record.key}); {record.state.value}; {len(shown)} of {found['total']} chunks]"
    return "\n\n".join([head, *(chunk["text"] for chunk in shown)])


_LIST_OF_OBJECTS = {"type": "array", "items": {"type": "object"}}
endpoint = mcp.Endpoint(
    "semantic-search",
    "Search the documents of this organisation and cite what you use: title, key and page of each chunk.",
    [
        mcp.Tool(
            "search",
            "Search documents",
            "Chunks that answer a question best, by meaning and by words, in any language, with their sources.",
            SearchRequest,
            {
                "hits": _LIST_OF_OBJECTS,
                "groups": _LIST_OF_OBJECTS,
                "answerable": {"type": "boolean", "description": "Whether the documents hold an answer."},
                "mode": {"type": "string"},
            },
            _search_tool,
            _render_hits,
        ),
        mcp.Tool(
            "get_document",
            "Read a document",
            "The state of one document and its chunks in order, to read on around what search found.",
            DocumentRequest,
            {"document": {"type": "object"}, "chunks": _LIST_OF_OBJECTS, "total": {"type": "integer"}},
            _document_tool,
            _render_document,
        ),
        *written.describe_tools(),
    ],
)
