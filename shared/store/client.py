"""The one file with pymilvus: connection, calls with timeout and retries, translated errors, and reads of any size.

Thread-safe, one per process, connected at first use because gRPC does not survive a fork.
"""

from __future__ import annotations

import logging
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from shared.domain.errors import PlatformError, TransientError
from shared.runtime import retrying, tracing
from shared.runtime.retrying import RetryPolicy
from shared.store.expressions import all_of, select_id_prefix
from shared.store.milvus_errors import NotLoadedError, make_unavailable, translate
from shared.store.waiting import wait_for_server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import MilvusSettings
    from shared.store.schema import CollectionSchema, FieldSchema

log = logging.getLogger(__name__)
Item = TypeVar("Item")

# A server answers at most this many rows. https://milvus.io/docs/limitations.md
_MAX_ROWS = 16_384
_RETRY_POLICY = RetryPolicy(attempts=3, first_delay=0.2, max_delay=3)
_CREATE_SECONDS = 60
# By default gRPC tries a server that was away again only after up to two minutes, and refuses calls until then.
# https://grpc.github.io/grpc/core/group__grpc__arg__keys.html
_CHANNEL_OPTIONS = {"grpc.max_reconnect_backoff_ms": 2_000}
_HEX_DIGITS = "0123456789abcdef"


class Client:
    """Calls of Milvus, each bounded by a deadline.

    Args:
        awaits_server: let calls wait for a server that is away, almost to their deadlines: for events, which would
            otherwise be given up. Without it a call fails after a few attempts.
    """

    def __init__(self, settings: MilvusSettings, *, awaits_server: bool = False) -> None:
        self._settings = settings
        self._awaits_server = awaits_server
        self._connection: Any = None
        self._connecting = threading.Lock()
        self._loading = threading.Lock()

    def warm_up(self) -> None:
        """Import pymilvus now. Two slow imports in parallel take longer than one after the other."""
        import pymilvus  # noqa: F401 - late: it imports pandas, which makes it the slowest import of all

    def call(self, method: str, deadline: Deadline, *arguments: Any, seconds: float = 0, **options: Any) -> Any:
        """Call ``method`` of the client, with retries.

        Args:
            method: name of a method of ``pymilvus.MilvusClient``.
            seconds: timeout of one try, where it is longer than the one in the settings.

        A collection that is not loaded, as after an administrator released it, is loaded and the call repeated once.

        Raises:
            TransientError: ``milvus_unavailable``, ``milvus_not_loaded``, ``milvus_failed`` or ``deadline_exceeded``.
            ConfigurationError: ``milvus_forbidden`` or ``milvus_refused``.
        """
        try:
            return self._call(method, deadline, *arguments, seconds=seconds, **options)
        except NotLoadedError:
            self._load(arguments[0], deadline)
            return self._call(method, deadline, *arguments, seconds=seconds, **options)

    def _call(self, method: str, deadline: Deadline, *arguments: Any, seconds: float = 0, **options: Any) -> Any:
        longest = max(seconds, self._settings.timeout)

        def attempt() -> Any:
            return self._try_once(method, deadline.timeout(longest), *arguments, **options)

        may_wait = self._awaits_server
        while True:
            try:
                return retrying.call(attempt, _RETRY_POLICY, deadline)
            except TransientError as error:
                if not may_wait:
                    raise
                # Of a server that answers, the call is tried once more: it may have come back just now.
                may_wait = wait_for_server(self._ask_server, error, deadline)

    def _ask_server(self, deadline: Deadline) -> None:
        """Ask for something that only a server that is ready answers."""
        self._try_once("list_collections", deadline.timeout(self._settings.timeout))

    def _load(self, name: str, deadline: Deadline) -> None:
        """Load a collection that was released; only one thread asks for it."""
        with self._loading:
            log.warning("collection_loading", extra={"collection": name})
            try:
                self.load_collection(name, deadline)
            except PlatformError as error:
                raise NotLoadedError(f"loading it failed ({error.code})") from None

    def query(
        self,
        name: str,
        condition: str,
        fields: list[str],
        deadline: Deadline,
        consistency: str = "Strong",
        limit: int = _MAX_ROWS,
    ) -> list[dict[str, Any]]:
        """Return the rows of a collection that ``condition`` selects, by default as many as one answer holds."""
        rows = self.call(
            "query", deadline, name, filter=condition, output_fields=fields, limit=limit,
            consistency_level=consistency,
        )  # fmt: skip
        return list(rows)

    def iterate(
        self, name: str, condition: str, fields: list[str], deadline: Deadline, prefix: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yield rows in any number, read Strong: an id range with too many for one answer is split into sixteen."""
        rows = self.query(name, all_of(condition, select_id_prefix(prefix)), fields, deadline)
        if len(rows) < _MAX_ROWS:
            yield from rows
        else:
            for digit in _HEX_DIGITS:
                yield from self.iterate(name, condition, fields, deadline, prefix + digit)

    def count(self, name: str, condition: str, deadline: Deadline) -> int:
        """Count the rows that ``condition`` selects."""
        (row,) = self.call(
            "query", deadline, name, filter=condition, output_fields=["count(*)"], consistency_level="Bounded"
        )
        return int(row["count(*)"])

    def create_collection(self, name: str, schema: CollectionSchema, deadline: Deadline) -> None:
        """Create, index and load a collection; finish what an earlier try began, or what another process does now."""
        if not self._has_collection(name, deadline):
            # A collection without a partition key accepts no number of partitions.
            options: dict[str, Any] = {"num_partitions": schema.partitions} if schema.partitions else {}
            if schema.is_mapped:
                options["properties"] = {"mmap.enabled": "true"}
            try:
                self.call(
                    "create_collection", deadline, name, seconds=_CREATE_SECONDS, schema=build_schema(schema),
                    consistency_level="Bounded", num_shards=schema.shards, **options,
                )  # fmt: skip
            except PlatformError:
                if not self._has_collection(name, deadline):  # else another process was faster
                    raise
        try:
            self.call("create_index", deadline, name, build_index(schema), seconds=_CREATE_SECONDS)
        except PlatformError:
            if not self._has_indexes(name, schema, deadline):
                raise
        self.load_collection(name, deadline)

    def _has_collection(self, name: str, deadline: Deadline) -> bool:
        return bool(self.call("has_collection", deadline, name))

    def _has_indexes(self, name: str, schema: CollectionSchema, deadline: Deadline) -> bool:
        return set(schema.indexes) <= set(self.call("list_indexes", deadline, name))

    def load_collection(self, name: str, deadline: Deadline) -> None:
        """Load a collection into the memory of so many query nodes as the settings say."""
        replicas = self._settings.replicas
        self._call("load_collection", deadline, name, seconds=_CREATE_SECONDS, replica_number=replicas)

    def _try_once(self, method: str, seconds: float, *arguments: Any, **options: Any) -> Any:
        import grpc
        from pymilvus import MilvusException

        started = time.monotonic()
        try:
            with tracing.call("milvus", method):
                # Without a timeout a call to an unavailable server blocks for minutes.
                return getattr(self._connect(seconds), method)(*arguments, timeout=seconds, **options)
        except (MilvusException, grpc.RpcError) as error:
            failure = translate(error, self._settings.uri)
            log.warning(
                "milvus_failed",
                extra={"call": method, "code": failure.code, "seconds": round(time.monotonic() - started, 3)},
            )
            raise failure from None

    def _connect(self, seconds: float) -> Any:
        if self._connection is None:
            # Threads that wait for the first connection wait no longer than their own call may take.
            if not self._connecting.acquire(timeout=seconds):
                raise make_unavailable(self._settings.uri)
            try:
                self._connection = self._connection or self._open(seconds)
            finally:
                self._connecting.release()
        return self._connection

    def _open(self, seconds: float) -> Any:
        from pymilvus import MilvusClient

        return MilvusClient(
            uri=self._settings.uri,
            token=self._settings.token.reveal(),
            db_name=self._settings.database,
            timeout=min(seconds, self._settings.timeout),
            grpc_options=_CHANNEL_OPTIONS,
        )


def split(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield ``items`` in batches of at most ``size``, what one call or memory may hold."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def build_schema(schema: CollectionSchema) -> Any:
    """Build pymilvus' schema of a collection."""
    from pymilvus import Function, FunctionType, MilvusClient

    built = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    for field in schema.fields:
        _add_field(built, field)
    if schema.bm25:
        text, sparse = schema.bm25
        built.add_function(Function(sparse, FunctionType.BM25, [text], [sparse]))
    return built


def build_index(schema: CollectionSchema) -> Any:
    """Build pymilvus' index parameters of a collection."""
    from pymilvus import MilvusClient

    built = MilvusClient.prepare_index_params()
    for field, options in schema.indexes.items():
        built.add_index(field, **options)
    return built


def _add_field(built: Any, field: FieldSchema) -> None:
    from pymilvus import DataType

    options: dict[str, Any] = {}
    if field.max_bytes:
        options["max_length"] = field.max_bytes
    if field.dimension:
        options["dim"] = field.dimension
    if field.is_primary:
        options["is_primary"] = True
    if field.is_partition_key:
        options["is_partition_key"] = True
    if field.analyzer:
        options |= {"enable_analyzer": True, "analyzer_params": field.analyzer}
    built.add_field(field.name, DataType[field.type], **options)
