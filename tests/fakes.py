"""A bucket, a DashScope and a Milvus in memory: our real clients, with the vendor's end of the line replaced.

`Bucket`, `Embedder` and `Store` run as they are down to the call of the vendor's SDK, which a `Wire` carries to an
object of this process. `test_fakes` holds them to the same tests as the real ones. A wire may do to a call whatever a
network does; nothing is repeated without the caller, so that every call is one step.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cached_property, lru_cache
from types import CodeType, SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from shared import parsing
from shared.domain.errors import TransientError
from shared.domain.models import Embedding
from shared.embedding.calls import ModelCalls
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.failures import RefusedError
from shared.embedding.results import Answer
from shared.ingestion.bucket import Bucket, ChangedError, _MissingError
from shared.runtime import clock
from shared.runtime.settings import BucketSettings, DashScopeSettings, MilvusSettings, Secret
from shared.store.client import Client
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path
    from random import Random

    from shared.domain.models import ParsedDocument
    from shared.embedding.parameters import EmbeddingParameters
    from shared.runtime.retrying import Deadline
    from shared.store.schema import CollectionSchema

Result = TypeVar("Result")

BUCKET = "test-bucket"
DIMENSION = 64
SPACE = Space("text-embedding-v4", DIMENSION)
# DashScope's content inspection refuses a text that holds this.
REFUSED = "unspeakable"

_META = "x-oss-meta-"
_STATES_REMEMBERED = 8
# So much quota that no call ever waits for its turn.
_NO_QUOTA = 10**15
_NO_LIMIT = 10**9


class Wire:
    """Carries calls from one process to the remote parts; this one does nothing else.

    Attributes:
        listed: what the listing that is carried is of: a prefix, and the name after which it begins.
        skew: by how many seconds the clock of the process is wrong.
    """

    listed: tuple[str, str] = ("", "")
    skew: float = 0.0

    def lists(self, name: str) -> bool:
        """Whether the listing that is carried is to show an object of this name."""
        prefix, after = self.listed
        return name.startswith(prefix) and name > after

    def carry(self, call: str, apply: Callable[[], Result]) -> Result:
        """Let ``apply`` happen at the other end, and bring back its answer."""
        return apply()

    def lag(self) -> int:
        """How many changes a read that is not Strong misses."""
        return 0

    def tear(self, ids: Sequence[str]) -> Collection[str]:
        """The rows of one write, or deletion, that Milvus applies; it fails where that is not all of them."""
        return ids


# -- the bucket -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoredObject:
    """One object of the bucket."""

    content: bytes
    modified: int
    headers: dict[str, str]

    @cached_property
    def etag(self) -> str:
        return hashlib.md5(self.content).hexdigest().upper()


@dataclass
class Objects:
    """What a bucket holds. Its clock ticks once with each change."""

    held: dict[str, StoredObject] = field(default_factory=dict)
    clock: int = 1_700_000_000

    def put(self, name: str, content: bytes | str, **headers: str) -> None:
        self.clock += 1
        data = content.encode() if isinstance(content, str) else content
        metadata = {name.removeprefix(_META): value for name, value in headers.items() if name.startswith(_META)}
        self.held[name] = StoredObject(data, self.clock, metadata)

    def remove(self, name: str) -> None:
        self.clock += 1
        self.held.pop(name, None)


class _Body:
    """An answer's body as the SDK of OSS gives it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def iter_bytes(self, block_size: int) -> Iterator[bytes]:
        for start in range(0, len(self._content), block_size):
            yield self._content[start : start + block_size]


class _OssClient:
    """The methods of the SDK's client that `Bucket` calls."""

    def __init__(self, objects: Objects, wire: Wire) -> None:
        self._objects = objects
        self._wire = wire

    def head_object(self, request: Any) -> Any:
        return self._wire.carry(f"oss.head {request.key}", lambda: self._head(request.key))

    def get_object(self, request: Any) -> Any:
        return self._wire.carry(f"oss.get {request.key}", lambda: self._get(request.key, request.if_match))

    def put_object(self, request: Any) -> None:
        self._wire.carry(f"oss.put {request.key}", lambda: self._objects.put(request.key, request.body))

    def list_objects_v2(self, request: Any) -> Any:
        self._wire.listed = request.prefix or "", request.continuation_token or request.start_after or ""
        return self._wire.carry("oss.list", lambda: self._list(request))

    def _head(self, key: str) -> Any:
        held = self._object(key)
        return SimpleNamespace(
            etag=f'"{held.etag}"',
            content_length=len(held.content),
            last_modified=_moment(held.modified),
            metadata=held.headers,
            headers=self._date(),
        )

    def _get(self, key: str, if_match: str | None) -> Any:
        held = self._object(key)
        if if_match not in (None, f'"{held.etag}"'):
            raise ChangedError
        return SimpleNamespace(
            body=_Body(held.content),
            etag=f'"{held.etag}"',
            last_modified=_moment(held.modified),
            metadata=held.headers,
            headers=self._date(),
        )

    def _list(self, request: Any) -> Any:
        names = sorted(name for name in self._objects.held if name.startswith(request.prefix or ""))
        names = [name for name in names if name > (request.continuation_token or request.start_after or "")]
        page = names[: request.max_keys]
        entries = [
            SimpleNamespace(
                key=name,
                etag=f'"{held.etag}"',
                size=len(held.content),
                last_modified=_moment(held.modified),
                object_type="Normal",
            )
            for name in page
            for held in [self._objects.held[name]]
        ]
        more = len(names) > len(page)
        token = page[-1] if more else None
        return SimpleNamespace(contents=entries, is_truncated=more, next_continuation_token=token, headers=self._date())

    def _date(self) -> dict[str, str]:
        return {"Date": formatdate(clock.time() - self._wire.skew, usegmt=True), "x-oss-request-id": "request"}

    def _object(self, key: str) -> StoredObject:
        if key not in self._objects.held:
            raise _MissingError
        return self._objects.held[key]


class FakeBucket(Bucket):
    """`Bucket` over objects in memory."""

    def __init__(self, objects: Objects, wire: Wire | None = None, prefix: str = "") -> None:
        super().__init__(BucketSettings(bucket=BUCKET, prefix=prefix, access_key_id="-", access_key_secret=Secret("-")))
        self._in_memory = _OssClient(objects, wire or Wire())

    @cached_property
    def _client(self) -> Any:
        return self._in_memory

    def _call(self, function: Callable[[], Result], deadline: Deadline) -> Result:
        deadline.timeout(self._settings.timeout)
        return function()


# -- DashScope --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=10_000)
def vector_of(text: str, dimension: int = DIMENSION) -> tuple[float, ...]:
    """The vector of a text: of length 1, and of float32 numbers as Milvus keeps them."""
    seed = text.encode("utf-8", "surrogatepass")
    data = b"".join(hashlib.blake2b(seed, salt=i.to_bytes(2, "big")).digest() for i in range(math.ceil(dimension / 64)))
    raw = [byte - 127.5 for byte in data[:dimension]]
    length = math.hypot(*raw)
    return tuple(array("f", [number / length for number in raw]))


@dataclass
class Model:
    """An embedding model that counts what it bills.

    Attributes:
        billed: rows by their text.
    """

    billed: Counter[str] = field(default_factory=Counter)
    calls: int = 0

    @property
    def rows(self) -> int:
        """Rows billed so far."""
        return self.billed.total()

    def answer(self, texts: Sequence[str], dimension: int, model: str = "") -> Answer[tuple[Embedding, ...]]:
        """The answer to a call; a call with a text it refuses is refused whole and costs nothing."""
        self.calls += 1
        if any(REFUSED in text for text in texts):
            message = "Input may hold inappropriate content."
            raise RefusedError("DataInspectionFailed", message, request_id=f"r-{self.calls}")
        self.billed.update(texts)
        embeddings = tuple(Embedding(vector_of(f"{model}{text}", dimension)) for text in texts)
        return Answer(embeddings, sum(1 + len(text) // 4 for text in texts), f"r-{self.calls}")


class FakeClient(DashScopeClient):
    """`DashScopeClient` of a model in memory."""

    def __init__(self, settings: DashScopeSettings, model: Model, wire: Wire) -> None:
        super().__init__(settings)
        self._model = model
        self._wire = wire

    def embed(
        self, texts: Sequence[str], parameters: EmbeddingParameters, seconds: float
    ) -> Answer[tuple[Embedding, ...]]:
        size = parameters.dimension
        # Vectors of the usual model are those of the texts alone.
        model = "" if self._settings.model_name == SPACE.model else self._settings.model_name
        return self._wire.carry(f"dashscope.embed {len(texts)}", lambda: self._model.answer(texts, size, model))


class _InTurn:
    """An executor that runs calls one after the other, here."""

    def map(self, function: Callable[..., Any], *items: Iterable[Any]) -> Iterator[Any]:
        return map(function, *items)


class FakeEmbedder(Embedder):
    """`Embedder` before a model in memory."""

    def __init__(self, model: Model, wire: Wire | None = None, space: Space = SPACE) -> None:
        settings = DashScopeSettings(
            api_key=Secret("sk-fake"), model_name=space.model, requested_dimension=space.dimension,
            requests_per_second=float(_NO_QUOTA), tokens_per_minute=60 * _NO_QUOTA,
        )  # fmt: skip
        client = FakeClient(settings, model, wire or Wire())
        super().__init__(settings, client)
        # No call is skipped for lack of time: simulated deadlines have none left, so that nothing is repeated.
        self._calls = ModelCalls(settings.model, self._share, client.budget, settings.call_timeout)

    @cached_property
    def _pool(self) -> Any:
        return _InTurn()


# -- Milvus -----------------------------------------------------------------------------------------------------------

Rows = dict[str, dict[str, Any]]


class Index:
    """What a Milvus holds, and what it held a few changes ago. ``rows`` of a collection are never changed in place.

    Attributes:
        names: the collections that were created; those that tests take for granted are not among them.
        aliases: the collection of each alias.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.aliases: dict[str, str] = {}
        self._collections: dict[str, Rows] = {}
        self._before: deque[dict[str, Rows]] = deque(maxlen=_STATES_REMEMBERED)

    def rows(self, name: str, lag: int = 0) -> Rows:
        """The rows of a collection, as they were ``lag`` changes ago."""
        seen = self._before[-min(lag, len(self._before))] if lag and self._before else self._collections
        return seen.get(name, {})

    def upsert(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        # What crosses a border is a copy.
        copies = {row["id"]: msgspec.msgpack.decode(msgspec.msgpack.encode(row)) for row in rows}
        self._replace(name, {**self.rows(name), **copies})

    def drop(self, name: str) -> None:
        self.names.discard(name)
        self._replace(name, {})

    def delete(self, name: str, ids: Sequence[str]) -> None:
        gone = set(ids)
        self._replace(name, {id_: row for id_, row in self.rows(name).items() if id_ not in gone})

    def query(self, name: str, condition: str, fields: Sequence[str], limit: int, lag: int) -> list[dict[str, Any]]:
        rows = self.rows(name, lag).values()
        found = [{field: row[field] for field in fields} for row in rows if not condition or _holds(condition, row)]
        return found[:limit]

    def search(
        self, name: str, vector: Sequence[float], condition: str, fields: Sequence[str], limit: int, lag: int
    ) -> list[dict[str, Any]]:
        rows = [row for row in self.rows(name, lag).values() if not condition or _holds(condition, row)]
        scored = [(sum(map(float.__mul__, vector, row["vector"])), row) for row in rows]
        scored.sort(key=lambda pair: -pair[0])
        return [
            {"id": row["id"], "distance": score, "entity": {field: row[field] for field in fields}}
            for score, row in scored[:limit]
        ]

    def _replace(self, name: str, rows: Rows) -> None:
        self._before.append(self._collections)
        self._collections = {**self._collections, name: rows}


@lru_cache(maxsize=10_000)
def _compiled(condition: str) -> CodeType:
    # The expressions that ingestion builds mean the same in Python.
    return compile(condition, "filter", "eval")


def _holds(condition: str, row: dict[str, Any]) -> bool:
    return bool(eval(_compiled(condition), {"__builtins__": {}}, row))


def parse_here(path: Path, key: str, limits: parsing.Limits, _deadline: Deadline) -> ParsedDocument:
    """Parse a file in this process: a child would answer when the machine has time for it."""
    return parsing.parse(path, key, limits)


class FakeStore(Store):
    """`Store` before an index in memory: its collections stand, and it knows no search by words."""

    def __init__(self, index: Index, wire: Wire | None = None) -> None:
        super().__init__(MilvusSettings(uri="http://fake"), SPACE, FakeMilvusClient(index, wire or Wire()))
        self._is_ready = True
        self.chunks._has_keywords = False
        self.chunks._index_kind = "HNSW"


class FakeMilvusClient(Client):
    """`Client` of an index in memory, over a wire that tests control."""

    def __init__(self, index: Index, wire: Wire) -> None:
        super().__init__(MilvusSettings(uri="http://fake"))
        self._index = index
        self._wire = wire

    def call(self, method: str, deadline: Deadline, *arguments: Any, seconds: float = 0, **options: Any) -> Any:
        deadline.timeout(self._settings.timeout)
        name = arguments[0] if arguments else ""
        what = "records" if "_documents" in name else "chunks"
        return self._wire.carry(
            f"milvus.{method} {what}", lambda: getattr(self, f"_on_{method}")(*arguments, **options)
        )

    def create_collection(self, name: str, schema: CollectionSchema, deadline: Deadline) -> None:
        self.call("create_collection", deadline, name)

    def _on_create_collection(self, name: str) -> None:
        self._index.names.add(name)

    def _on_has_collection(self, name: str) -> bool:
        return name in self._index.names

    def _on_list_collections(self) -> list[str]:
        return sorted(self._index.names)

    def _on_drop_collection(self, name: str) -> None:
        self._index.drop(name)

    def _on_list_aliases(self, name: str) -> dict[str, Any]:
        return {"aliases": [alias for alias, target in self._index.aliases.items() if target == name]}

    def _on_create_alias(self, name: str, alias: str) -> None:
        self._index.aliases[alias] = name

    def _on_alter_alias(self, name: str, alias: str) -> None:
        self._index.aliases[alias] = name

    def _on_get_server_version(self) -> str:
        return "2.3.5"

    def _on_describe_index(self, _name: str, _field: str) -> dict[str, Any]:
        return {"index_type": "HNSW"}

    def _on_describe_collection(self, _name: str) -> dict[str, Any]:
        return {"fields": []}

    def _on_upsert(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        kept = self._wire.tear([row["id"] for row in rows])
        self._index.upsert(name, [row for row in rows if row["id"] in kept])
        _check_whole(kept, rows)

    def _on_delete(self, name: str, *, ids: Sequence[str]) -> None:
        kept = self._wire.tear(ids)
        self._index.delete(name, list(kept))
        _check_whole(kept, ids)

    def _on_query(self, name: str, **options: Any) -> list[dict[str, Any]]:
        lag = self._lag(options.get("consistency_level", ""))
        if options["output_fields"] == ["count(*)"]:
            return [{"count(*)": len(self._index.query(name, options["filter"], ["id"], _NO_LIMIT, lag))}]
        return self._index.query(name, options["filter"], options["output_fields"], options["limit"], lag)

    def _on_search(self, name: str, **options: Any) -> list[list[dict[str, Any]]]:
        condition, fields, limit, lag = options["filter"], options["output_fields"], options["limit"], self._lag("")
        return [self._index.search(name, vector, condition, fields, limit, lag) for vector in options["data"]]

    def _lag(self, consistency_level: str) -> int:
        return 0 if consistency_level == "Strong" else self._wire.lag()


def _check_whole(kept: Collection[str], all_: Sequence[object]) -> None:
    """Fail as Milvus does where a node takes its part of a write and another does not."""
    if len(kept) < len(all_):
        raise TransientError("milvus_failed", "A part of the rows was written.")


def tear(drawn: Random, chance: float, ids: Sequence[str]) -> Sequence[str]:
    """Some of the rows of a write, with a chance; otherwise all."""
    if len(ids) < 2 or drawn.random() >= chance:
        return ids
    return drawn.sample(list(ids), drawn.randint(0, len(ids) - 1))


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
