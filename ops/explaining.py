"""Everything about one document: the object, its record, its chunks, and where a query finds it."""

from __future__ import annotations

import difflib
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ops.advice import find_advice
from shared.domain.errors import ConfigurationError, PlatformError
from shared.ingestion.bucket import Bucket
from shared.language.counting import count_of
from shared.runtime.retrying import Deadline
from shared.runtime.settings import BucketSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.deployment import Function
    from ops.remote_search import Search

_BUCKET_SECONDS: Final = 30.0
_MOST_HITS: Final = 100
# Keys among which similar ones are looked for.
_MOST_KEYS: Final = 10_000
_SHOWN_CHUNKS: Final = 5
_SHOWN_CHARACTERS: Final = 80


@dataclass(frozen=True)
class Object:
    """What the bucket holds.

    Attributes:
        etag: of the object; empty where there is none.
        sidecar_etag: of its metadata file; empty where there is none.
        problem: why it could not be looked at.
    """

    etag: str = ""
    sidecar_etag: str = ""
    size: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Place:
    """Where a query finds the document.

    Attributes:
        rank: of its best chunk among the best of all, counted from 1; 0 if it is not among them.
        score: of that chunk, even if it is not among them; ``None`` if the query finds nothing in the document.
        scores: the cosine and the score by words of that chunk.
        best: key and score of the first hit of all.
        chunk: the beginning of its best chunk.
    """

    query: str
    rank: int = 0
    score: float | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)
    best: tuple[str, float] | None = None
    chunk: str = ""


@dataclass(frozen=True)
class Explanation:
    """What is known about one document.

    Attributes:
        record: as ``GET /documents/{id}`` gives it; ``None`` where the index has none.
        chunks: the first of its chunks: place in the document and beginning.
        similar: keys of the index that are written almost like it, where it has no record.
    """

    key: str
    object: Object
    record: Mapping[str, Any] | None
    chunks: tuple[tuple[str, str], ...] = ()
    place: Place | None = None
    similar: tuple[str, ...] = ()

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        yield self.key
        yield f"object: {self._describe_object()}"
        if self.record is None:
            yield "index: no record"
            yield from (f"  did you mean {key}?" for key in self.similar)
        else:
            yield from _describe_record(self.record)
            yield from (f"  {where}: {text}" for where, text in self.chunks)
        yield f"so: {self.conclude()}"
        if self.place:
            yield from _describe_place(self.place)

    def conclude(self) -> str:
        """Say in one sentence why it is found or not, and what to do."""
        record, found = self.record, self.object
        if record is None:
            return _conclude_without_record(found, bool(self.similar))
        if failure := record["failure"]:
            again = "It is tried again by itself." if failure["retryable"] else find_advice(failure["code"])
            return f"{failure['message']} {again}".strip()
        if not found.problem and not found.etag:
            return "The object is gone; the next event or reconcile removes it from the index."
        if not found.problem and (found.etag, found.sidecar_etag) != (record["etag"], record["sidecar_etag"]):
            return "The object changed since it was indexed; the next event or reconcile reads it again."
        if record["state"] == "pending":
            return "It is being indexed now."
        return "It is in the index as the bucket holds it." if not found.problem else "It is in the index."

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {**asdict(self), "conclusion": self.conclude()}

    def _describe_object(self) -> str:
        if self.object.problem:
            return f"not looked at ({self.object.problem})"
        if not self.object.etag:
            return "the bucket holds none of this name"
        sidecar = ", with metadata" if self.object.sidecar_etag else ""
        return f"{self.object.size} bytes, version {self.object.etag}{sidecar}"


def explain(key: str, query: str, search: Search, ingest: Function, environ: Mapping[str, str]) -> Explanation:
    """Look at the object, the record, the chunks, and, with a query, at its place.

    Raises:
        AskError: search does not answer, or refuses.
    """
    record = next((one for one in search.list_documents(prefix=key) if one["key"] == key), None)
    found = _look_at_object(key, ingest, environ)
    if record is None:
        known = [one["key"] for one in islice(search.list_documents(), _MOST_KEYS)] if not found.etag else []
        return Explanation(key, found, None, similar=tuple(difflib.get_close_matches(key, known, 3)))
    record = search.get(f"/documents/{record['id']}")
    listed = search.get(f"/documents/{record['id']}/chunks", limit=str(_SHOWN_CHUNKS))["chunks"]
    chunks = tuple((_name_place(chunk["location"]), _shorten(chunk["text"])) for chunk in listed)
    return Explanation(key, found, record, chunks, _find_place(record, query, search) if query else None)


def _look_at_object(key: str, ingest: Function, environ: Mapping[str, str]) -> Object:
    try:
        bucket = Bucket(read_settings(BucketSettings, {**environ, **ingest.environment_variables}))
        if not bucket.owns(bucket.key(key)):
            return Object(problem="OSS_PREFIX or OSS_SUFFIX leaves it out")
        state = bucket.state(bucket.key(key), Deadline.after(_BUCKET_SECONDS))
    except ConfigurationError as error:
        return Object(problem=error.message)
    except PlatformError as error:
        return Object(problem=f"{error.message} ({error.code})")
    return Object(state.etag, state.sidecar_etag, state.size) if state else Object()


def _find_place(record: Mapping[str, Any], query: str, search: Search) -> Place:
    hits = search.post("/search", {"query": query, "top_k": _MOST_HITS})["hits"]
    best = (hits[0]["document"]["key"], hits[0]["score"]) if hits else None
    for rank, hit in enumerate(hits, 1):
        if hit["document"]["id"] == record["id"]:
            return Place(query, rank, hit["score"], hit["scores"], best, _shorten(hit["text"]))
    own = search.post("/search", {"query": query, "top_k": 1, "filter": {"eq": {"document_id": record["id"]}}})["hits"]
    if not own:
        return Place(query, best=best)
    return Place(query, 0, own[0]["score"], own[0]["scores"], best, _shorten(own[0]["text"]))


def _conclude_without_record(found: Object, has_similar: bool) -> str:
    if found.problem:
        return f"The index does not know it. {found.problem}."
    if found.etag:
        return "Its event has not arrived; `python -m ops sync` indexes it now, the timer with its next run."
    return "The name is not right." if has_similar else "Neither bucket nor index holds it: look at the spelling."


def _describe_record(record: Mapping[str, Any]) -> Iterator[str]:
    written = datetime.fromtimestamp(record["updated"], UTC).isoformat(" ", "seconds")
    tokens, attempts = count_of(record["tokens"], "token"), count_of(record["attempts"], "attempt")
    cost = f"{tokens}, {record['cost_cny']:.6f} CNY, {attempts}"
    pages = f", {count_of(record['ocr_pages'], 'page')} read by a model" if record["ocr_pages"] else ""
    yield f"index: {record['state']}, {count_of(record['chunks'], 'chunk')}, id {record['id']}, written {written}"
    yield f"  {record['format'] or 'unknown format'}, {record['title'] or 'no title'}"
    yield f"  {cost}{pages}, {record['model']}"
    if record["tenant"]:
        yield f"  tenant {record['tenant']}"
    if failure := record["failure"]:
        request = f", request {failure['request_id']}" if failure["request_id"] else ""
        yield f"  failed while {failure['stage']}: {failure['code']}{request}"
    yield from (f"  warning: {warning}" for warning in record["warnings"])
    yield from map(_describe_entry, record.get("history", ()))  # an earlier release has none


def _describe_entry(entry: Mapping[str, Any]) -> str:
    ended = datetime.fromtimestamp(entry["time"], UTC).isoformat(" ", "seconds")
    facts = [count_of(entry["chunks"], "chunk") if entry["event"] == "indexed" else entry["code"]]
    facts += [f"{entry['tokens']} tokens, {entry['cost_cny']:.6f} CNY" if entry["tokens"] or entry["cost_cny"] else ""]
    facts += [f"request {entry['request_id']}" if entry["request_id"] else ""]
    facts += [f"{entry['count']} attempts" if entry["count"] > 1 else ""]
    facts += [f"version {entry['version']}" if entry["version"] else ""]
    return f"  {ended} {entry['event']}: {', '.join(fact for fact in facts if fact) or 'no details'}"


def _describe_place(place: Place) -> Iterator[str]:
    best = f"the first hit is {place.best[0]} with {place.best[1]:.2f}" if place.best else "nothing is found"
    if place.score is None:
        yield f"query: nothing in the document is found; {best}"
        return
    where = f"place {place.rank}" if place.rank else f"not among the first {_MOST_HITS}"
    parts = ", ".join(f"{name} {value:.2f}" for name, value in place.scores.items() if value is not None)
    yield f"query: {where}, score {place.score:.2f} ({parts}); {best}"
    yield f"  {place.chunk}"


def _name_place(location: Mapping[str, Any]) -> str:
    parts = [f"page {location['page']}" if location["page"] else "", location["sheet"] or ""]
    parts += [f"row {location['row']}" if location["row"] else "", *location["headings"][-1:]]
    return ", ".join(part for part in parts if part) or f"character {location['start']}"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]} …"
