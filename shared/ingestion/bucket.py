"""Objects of the bucket: their present state, their content, their listing.

Longer than 300 lines because only this file imports the OSS SDK.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar
from xml.etree.ElementTree import ParseError

from shared.domain import metadata
from shared.domain.errors import DocumentError, PlatformError, TransientError
from shared.domain.models import ObjectKey, ObjectState
from shared.ingestion import lookup, object_names
from shared.ingestion.oss_credentials import CredentialsProvider
from shared.ingestion.oss_errors import ChangedError, check_origin, translate
from shared.ingestion.oss_errors import MissingError as _MissingError
from shared.ingestion.reference_time import ReferenceTime
from shared.ingestion.sidecar import (
    SIDECAR,
    add_metadata,
    add_sidecar,
    check_size,
    document_of,
    join_listing,
    read_headers,
)
from shared.runtime import clock, retrying, tracing
from shared.runtime.retrying import Deadline, RetryPolicy

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from shared.runtime.settings import BucketSettings

__all__ = ["SIDECAR", "Bucket", "ChangedError", "_MissingError", "document_of"]
Result = TypeVar("Result")

_RETRY_POLICY = RetryPolicy(attempts=4, first_delay=0.3, max_delay=5)
_PIECE_BYTES = 1 << 16
_KEYS_PER_PAGE = 1_000
_CONNECT_SECONDS = 3.05
_CONNECTIONS = 64


class Bucket:
    """The watched bucket: thread-safe, one per process.

    Args:
        keys_per_page: of a listing; 0 for the most that OSS gives.

    Attributes:
        reference: the time by the clock of OSS.
    """

    def __init__(self, settings: BucketSettings, keys_per_page: int = 0) -> None:
        self._settings = settings
        self._keys_per_page = keys_per_page
        self.reference = ReferenceTime()

    def warm_up(self) -> None:
        """Import the SDK and make its client now, so that the first event does not wait for it."""
        _ = self._client

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self._settings.bucket

    @property
    def prefix(self) -> str:
        """What the keys of all documents begin with."""
        return self._settings.prefix

    @property
    def suffix(self) -> str:
        """What the keys of all documents end with."""
        return self._settings.suffix

    def key(self, name: str) -> ObjectKey:
        """The object called ``name`` in this bucket."""
        return ObjectKey(self._settings.bucket, name)

    def owns(self, key: ObjectKey) -> bool:
        """Whether an object is a document of this deployment, by its bucket, prefix and suffix."""
        settings = self._settings
        is_inside = key.bucket == settings.bucket and key.key.startswith(settings.prefix)
        # Consoles make empty "folders" under keys that end with a slash.
        is_document = not key.key.endswith("/") and key.key.endswith(settings.suffix)
        return is_inside and is_document and document_of(key) == key

    def state(self, key: ObjectKey, deadline: Deadline, *, listed: ObjectState | None = None) -> ObjectState | None:
        """What the bucket holds under ``key`` now; ``None`` when it holds nothing.

        Its metadata is that of its ``x-oss-meta-`` headers and of its sidecar, which wins where both name the same.

        Args:
            listed: what a listing showed; while the object is the same, it says whether there is a sidecar.

        Raises:
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        if not object_names.can_exist(key.key):
            return None
        if problem := object_names.find_problem(key.key):
            found = self._find(key, deadline)  # a listing names it in its query, where nothing is taken out
            return found and replace(found, problem=problem)
        try:
            state = self._head(key, deadline)
        except _MissingError:
            return None
        has_none = listed is not None and listed.etag == state.etag and not listed.sidecar_etag
        return check_size(state if has_none else self._add_sidecar(state, deadline))

    def _head(self, key: ObjectKey, deadline: Deadline) -> ObjectState:
        """What OSS says of an object; of a symbolic link, of the object that it leads to."""
        request = self._sdk.HeadObjectRequest(bucket=key.bucket, key=key.key)
        answer = self._call(lambda: self._ask("head_object", request), deadline)
        state = ObjectState(key, _bare(answer.etag), int(answer.content_length or 0), _seconds(answer.last_modified))
        return replace(state, metadata=read_headers(answer.metadata or {}))

    def fetch(self, listed: ObjectState, deadline: Deadline) -> tuple[ObjectState | None, bytes | None]:
        """As `state` for a small object that a listing shows, together with its content if it is still the same.

        Raises:
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        key = listed.key
        if object_names.find_problem(key.key):
            return self.state(key, deadline, listed=listed), None
        request = self._sdk.GetObjectRequest(bucket=key.bucket, key=key.key)
        try:
            state, content = self._call(partial(self._read, request, listed.size + 1, deadline), deadline)
        except _MissingError:
            return None, None
        except DocumentError:  # its record will say why it cannot be read
            return self.state(key, deadline, listed=listed), None
        if (state.etag, len(content)) != (listed.etag, listed.size):
            return self.state(key, deadline, listed=listed), None
        return check_size(self._add_sidecar(state, deadline) if listed.sidecar_etag else state), content

    def look_up(self, keys: Iterable[ObjectKey], deadline: Deadline) -> dict[ObjectKey, ObjectState | None]:
        """What listings say of documents that lie close together; ``None`` where the bucket holds nothing.

        It is all that `state` says but metadata. Keys among many others are left out: to ask for each by itself costs
        less.

        Raises:
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        wanted = {key: (key.key, key.key + SIDECAR) for key in keys}
        names = {name for pair in wanted.values() for name in pair}
        possible = set(filter(object_names.can_exist, names))
        found = lookup.find(possible, partial(self._list_after, deadline=deadline)) | dict.fromkeys(names - possible)
        return {
            key: state and add_sidecar(state, found[sidecar])
            for key, (name, sidecar) in wanted.items()
            if name in found and sidecar in found
            for state in [found[name]]
        }

    def _list_after(self, prefix: str, name: str, most: int, deadline: Deadline) -> tuple[dict[str, ObjectState], bool]:
        """The next objects with a prefix after a name, and whether more follow."""
        page = self._list_page(prefix, name, most, deadline)
        return {state.key.key: state for state in self._describe(page, deadline)}, bool(page.is_truncated)

    def _list_page(self, prefix: str, name: str, most: int, deadline: Deadline) -> Any:
        request = self._sdk.ListObjectsV2Request(
            bucket=self._settings.bucket, prefix=prefix, start_after=name or None, max_keys=most, encoding_type="url"
        )
        return self._list(request, deadline)

    def _describe(self, page: Any, deadline: Deadline) -> Iterator[ObjectState]:
        """What a page of a listing says of each object.

        A symbolic link is described by the object that it leads to, as reading it gives that one: the listing shows
        the link alone, which stays as it is when the other changes. One that leads to none is left out.
        """
        for entry in page.contents or ():
            key = self.key(entry.key)
            listed = ObjectState(key, _bare(entry.etag), int(entry.size or 0), _seconds(entry.last_modified))
            state = self._follow(listed, deadline) if entry.object_type == "Symlink" else listed
            if state:
                yield state

    def _follow(self, listed: ObjectState, deadline: Deadline) -> ObjectState | None:
        if object_names.find_problem(listed.key.key):
            return listed
        try:
            found = self._head(listed.key, deadline)
        except _MissingError:
            return None
        except PlatformError:  # whoever reads the object meets the same, and records it
            return listed
        return replace(listed, etag=found.etag, size=found.size, modified=found.modified)

    def read_head(self, state: ObjectState, size: int, deadline: Deadline) -> bytes:
        """The first ``size`` bytes of exactly this version, by a ranged read.

        Raises:
            ChangedError: the bucket holds another version by now, or none.
            DocumentError: ``archived``.
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        request = self._request(state, range_header=f"bytes=0-{size - 1}")
        try:
            return self._call(lambda: self._read(request, size, deadline)[1][:size], deadline)
        except _MissingError:
            raise ChangedError from None

    def download(self, state: ObjectState, target: Path, most_bytes: int, deadline: Deadline) -> None:
        """Write the content of exactly this version to ``target``.

        Raises:
            ChangedError: the bucket holds another version by now, or none.
            DocumentError: ``too_large``, ``archived``.
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        if state.size > most_bytes:
            raise DocumentError(
                "too_large",
                f"The object has {state.size} bytes; {most_bytes} are allowed (MAX_FILE_BYTES).",
                stage="loading",
            )
        try:
            self._call(lambda: self._copy(state, target, deadline), deadline)
        except _MissingError:
            raise ChangedError from None

    def put(self, name: str, content: bytes, deadline: Deadline, headers: dict[str, str] | None = None) -> None:
        """Store an object, for people who fill a bucket; the functions' role has no permission to write.

        Args:
            headers: metadata, without ``x-oss-meta-``.

        Raises:
            TransientError, ConfigurationError: OSS refuses it.
        """
        request = self._sdk.PutObjectRequest(
            bucket=self._settings.bucket, key=name, body=content, metadata=headers or {}
        )
        self._call(lambda: self._client.put_object(request), deadline)

    def list_keys(self, prefix: str, deadline: Deadline) -> Iterator[list[str]]:
        """The names of all objects with a prefix, page by page, in their order.

        Raises:
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        after, is_more = "", True
        while is_more:
            page = self._list_page(prefix, after, _KEYS_PER_PAGE, deadline)
            names = [entry.key for entry in page.contents or ()]
            yield names
            after, is_more = max(names, key=str.encode, default=after), bool(page.is_truncated)

    def delete(self, names: Sequence[str], deadline: Deadline) -> int:
        """Delete up to 1,000 objects, for people who clear a bucket; returns how many.

        Raises:
            TransientError, ConfigurationError: OSS refuses it.
        """
        if not names:
            return 0
        objects = [self._sdk.DeleteObject(key=name) for name in names]
        request = self._sdk.DeleteMultipleObjectsRequest(
            bucket=self._settings.bucket, objects=objects, encoding_type="url", quiet=False
        )
        answer = self._call(partial(self._client.delete_multiple_objects, request), deadline)
        return len(answer.deleted_objects or ())

    def documents(self, deadline: Deadline) -> list[ObjectState]:
        """Every document under the prefix; a sidecar only makes its document look newer.

        Raises:
            TransientError, ConfigurationError: a page is missing, and so the listing is not whole.
        """
        return [state for page in self.walk(deadline) for state in page]

    def walk(self, deadline: Deadline, after: str = "", until: str = "") -> Iterator[list[ObjectState]]:
        """The documents in the order of their keys, page by page; a sidecar only makes its document look newer.

        Args:
            after: only documents with greater keys.
            until: only documents with keys up to this one; all for an empty one.

        Raises:
            TransientError, ConfigurationError: a page is missing, and so the listing is not whole.
        """
        for page in join_listing(self._pages(deadline, after), partial(self._find, deadline=deadline)):
            yield [state for state in page if self.owns(state.key) and (not until or state.key.key <= until)]
            if until and page and page[-1].key.key > until:
                return

    def _find(self, key: ObjectKey, deadline: Deadline) -> ObjectState | None:
        """What a listing says of one object."""
        if not object_names.can_exist(key.key):
            return None
        return self._list_after(key.key, "", 1, deadline)[0].get(key.key)

    def list_documents(self, deadline: Deadline) -> Iterator[list[ObjectState]]:
        """The documents page by page, without what their sidecars say.

        Raises:
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        return ([state for state in page if self.owns(state.key)] for page in self._pages(deadline))

    def _pages(self, deadline: Deadline, after: str = "") -> Iterator[list[ObjectState]]:
        token: str | None = None
        while True:
            request = self._sdk.ListObjectsV2Request(
                bucket=self._settings.bucket,
                prefix=self._settings.prefix,
                max_keys=self._keys_per_page or _KEYS_PER_PAGE,
                start_after=after or None if token is None else None,
                continuation_token=token,
                encoding_type="url",
            )
            page = self._list(request, deadline)
            yield list(self._describe(page, deadline))
            if not page.is_truncated:
                return
            token = page.next_continuation_token

    def _add_sidecar(self, state: ObjectState, deadline: Deadline) -> ObjectState:
        name = state.key.key + SIDECAR
        if not object_names.can_exist(name):
            return state
        request = self._sdk.GetObjectRequest(bucket=state.key.bucket, key=name)
        try:
            sidecar, content = self._call(partial(self._read, request, metadata.MOST_BYTES + 1, deadline), deadline)
        except _MissingError:
            return state
        except DocumentError as error:
            return replace(state, problem=f"Its {SIDECAR} cannot be read. {error.message}")
        return add_metadata(add_sidecar(state, sidecar), content)

    def _request(self, state: ObjectState, **options: Any) -> Any:
        return self._sdk.GetObjectRequest(
            bucket=state.key.bucket, key=state.key.key, if_match=f'"{state.etag}"', **options
        )

    def _read(self, request: Any, most_bytes: int, deadline: Deadline) -> tuple[ObjectState, bytes]:
        """An object and its content, of which no more is read than about ``most_bytes``."""
        answer = self._ask("get_object", request)
        with answer.body as body:
            pieces, size = [], 0
            for piece in body.iter_bytes(block_size=most_bytes):
                deadline.timeout(self._settings.timeout)
                pieces.append(piece)
                size += len(piece)
                if size >= most_bytes:
                    break
        state = ObjectState(self.key(request.key), _bare(answer.etag), size, _seconds(answer.last_modified))
        return replace(state, metadata=read_headers(answer.metadata or {})), b"".join(pieces)

    def _copy(self, state: ObjectState, target: Path, deadline: Deadline) -> None:
        answer = self._client.get_object(self._request(state))
        written = 0
        with answer.body as body, target.open("wb") as file:
            for piece in body.iter_bytes(block_size=_PIECE_BYTES):
                deadline.timeout(self._settings.timeout)
                written += file.write(piece)
        if written != state.size:
            raise TransientError("object_truncated", f"OSS sent {written} of {state.size} bytes.")

    def _list(self, request: Any, deadline: Deadline) -> Any:
        """A page of a listing."""
        try:
            return self._call(partial(self._ask, "list_objects_v2", request), deadline)
        except _MissingError:
            raise TransientError("oss_failed", "OSS answered 404 to a listing.") from None

    def _ask(self, method: str, request: Any) -> Any:
        """Call the SDK, see that it was OSS that answered, and compare the clocks."""
        began = clock.time()
        answer = getattr(self._client, method)(request)
        check_origin(answer.headers)
        self.reference.note(answer.headers.get("Date", ""), began, clock.time())
        return answer

    def _call(self, function: Callable[[], Result], deadline: Deadline) -> Result:
        return retrying.call(lambda: self._once(function, deadline), _RETRY_POLICY, deadline)

    def _once(self, function: Callable[[], Result], deadline: Deadline) -> Result:
        import requests  # the SDK does not translate its errors when a body breaks off

        deadline.timeout(self._settings.timeout)
        try:
            with tracing.call("oss", "call"):
                return function()
        except (requests.RequestException, self._sdk.exceptions.BaseError, ParseError) as error:
            raise translate(error) from None

    @cached_property
    def _sdk(self) -> Any:
        import alibabacloud_oss_v2  # late: a quarter of a second that embed and search never pay

        return alibabacloud_oss_v2

    @cached_property
    def _client(self) -> Any:
        from alibabacloud_oss_v2.transport import RequestsHttpClient

        from shared.runtime.connection import bounded_session

        oss, settings = self._sdk, self._settings
        options = oss.config.load_default()
        options.region = settings.region
        options.endpoint = settings.endpoint or f"https://oss-{settings.region}-internal.aliyuncs.com"
        options.credentials_provider = CredentialsProvider(oss, settings)
        options.http_client = RequestsHttpClient(
            # Sizes and ranges are of the bytes as they are stored; parsers know compressed content by its first bytes.
            session=bounded_session(options.endpoint, _CONNECTIONS, decodes=False),
            connect_timeout=_CONNECT_SECONDS,
            readwrite_timeout=settings.timeout,
        )
        options.retry_max_attempts = 1  # `_call` repeats, within the deadline
        return oss.Client(options)


def _bare(etag: str | None) -> str:
    return (etag or "").strip('"')


def _seconds(moment: dt.datetime | None) -> int:
    return int(moment.timestamp()) if moment else 0
