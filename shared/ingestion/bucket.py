"""Objects of the bucket: their present state, their content, their listing. The one place that calls OSS."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from shared.domain import metadata
from shared.domain.errors import ConfigurationError, DocumentError, PlatformError, TransientError
from shared.domain.models import ObjectKey, ObjectState
from shared.runtime import retrying, tracing
from shared.runtime.retrying import Deadline, RetryPolicy

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from shared.runtime.settings import BucketSettings

Result = TypeVar("Result")

_RETRY_POLICY = RetryPolicy(attempts=4, first_delay=0.3, max_delay=5)
_PIECE_BYTES = 1 << 16
_KEYS_PER_PAGE = 1_000
SIDECAR = ".metadata.json"
_CONNECT_SECONDS = 3.05
_CONNECTIONS = 64


def document_of(key: ObjectKey) -> ObjectKey:
    """The document an object belongs to: itself, or the one whose metadata it holds."""
    return ObjectKey(key.bucket, key.key.removesuffix(SIDECAR)) if len(key.key) > len(SIDECAR) else key


class ChangedError(PlatformError):
    """The object is no longer what it was a moment ago: look again."""

    def __init__(self) -> None:
        super().__init__("object_changed", "The object changed while it was read; it will be read again.")


class _Refusal(Struct, frozen=True):
    status: int
    code: str
    message: str
    request_id: str


class Bucket:
    """The watched bucket: thread-safe, one per process."""

    def __init__(self, settings: BucketSettings) -> None:
        self._settings = settings

    def warm_up(self) -> None:
        """Import the SDK and make its client now, so that the first event does not wait for it."""
        _ = self._client

    @property
    def name(self) -> str:
        """The bucket's name."""
        return self._settings.bucket

    def key(self, name: str) -> ObjectKey:
        """The object called ``name`` in this bucket."""
        return ObjectKey(self._settings.bucket, name)

    def owns(self, key: ObjectKey) -> bool:
        """Whether an object is one of those we index; anything else is none of our business."""
        settings = self._settings
        inside = key.bucket == settings.bucket and key.key.startswith(settings.prefix)
        # Consoles make empty "folders" under keys that end with a slash.
        named = not key.key.endswith("/") and key.key.endswith(settings.suffix)
        return inside and named and document_of(key) == key

    def state(self, key: ObjectKey, deadline: Deadline) -> ObjectState | None:
        """What the bucket holds under ``key`` now; ``None`` when it holds nothing.

        Its metadata is that of its ``x-oss-meta-`` headers and of the object ``<key>.metadata.json`` beside it, which
        wins where both name the same.

        Raises:
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        request = self._sdk.HeadObjectRequest(bucket=key.bucket, key=key.key)
        try:
            answer = self._call(lambda: self._client.head_object(request), deadline)
        except _MissingError:
            return None
        state = ObjectState(key, _bare(answer.etag), int(answer.content_length or 0), _seconds(answer.last_modified))
        # Headers know no underscores, names in filters no hyphens.
        said = {name.lower().replace("-", "_"): value for name, value in (answer.metadata or {}).items()}
        return self._with_sidecar(replace(state, metadata=said), deadline)

    def download(self, state: ObjectState, target: Path, most_bytes: int, deadline: Deadline) -> None:
        """Write the content of exactly this version to ``target``.

        Raises:
            ChangedError: the bucket holds another version by now, or none.
            DocumentError: ``too_large``.
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

    def put(self, name: str, content: bytes, deadline: Deadline) -> None:
        """Store an object, for people who fill a bucket; the functions' role has no permission to write.

        Raises:
            TransientError, ConfigurationError: OSS refuses it.
        """
        request = self._sdk.PutObjectRequest(bucket=self._settings.bucket, key=name, body=content)
        self._call(lambda: self._client.put_object(request), deadline)

    def documents(self, deadline: Deadline) -> list[ObjectState]:
        """Every document under the prefix; what stands beside one as its metadata only makes it look newer.

        Raises:
            TransientError, ConfigurationError: a page could not be had: what came before is not the whole.
        """
        objects = {state.key: state for page in self._pages(deadline) for state in page}
        sidecars = {document_of(key): state for key, state in objects.items() if document_of(key) != key}
        return [_merge_sidecar(state, sidecars.get(key)) for key, state in objects.items() if self.owns(key)]

    def some_documents(self, deadline: Deadline) -> list[ObjectState]:
        """The documents on the first page of the listing: enough to see whether the bucket can be read.

        Raises:
            TransientError, ConfigurationError: OSS cannot be asked.
        """
        return [state for state in next(self._pages(deadline)) if self.owns(state.key)]

    def _pages(self, deadline: Deadline) -> Iterator[list[ObjectState]]:
        token: str | None = None
        while True:
            request = self._sdk.ListObjectsV2Request(
                bucket=self._settings.bucket,
                prefix=self._settings.prefix,
                max_keys=_KEYS_PER_PAGE,
                continuation_token=token,
                encoding_type="url",
            )
            page = self._call(partial(self._client.list_objects_v2, request), deadline)
            yield [
                ObjectState(self.key(entry.key), _bare(entry.etag), int(entry.size or 0), _seconds(entry.last_modified))
                for entry in page.contents or ()
            ]
            if not page.is_truncated:
                return
            token = page.next_continuation_token

    def _with_sidecar(self, state: ObjectState, deadline: Deadline) -> ObjectState:
        request = self._sdk.GetObjectRequest(bucket=state.key.bucket, key=state.key.key + SIDECAR)
        try:
            sidecar, content = self._call(partial(self._read_small, request, deadline), deadline)
        except _MissingError:
            return state
        except DocumentError as error:
            return replace(state, problem=f"{SIDECAR} beside it cannot be read. {error.message}")
        state = _merge_sidecar(state, sidecar)
        try:
            said = metadata.parse(content)
        except ValueError as error:
            return replace(state, problem=f"{SIDECAR} beside it cannot be used: {error}.")
        return replace(state, metadata={**state.metadata, **said})

    def _read_small(self, request: Any, deadline: Deadline) -> tuple[ObjectState, bytes]:
        answer = self._client.get_object(request)
        with answer.body as body:
            pieces, size = [], 0
            for piece in body.iter_bytes(block_size=metadata.MOST_BYTES + 1):
                deadline.timeout(self._settings.timeout)
                pieces.append(piece)
                size += len(piece)
                if size > metadata.MOST_BYTES:
                    break
        state = ObjectState(self.key(request.key), _bare(answer.etag), size, _seconds(answer.last_modified))
        return state, b"".join(pieces)

    def _copy(self, state: ObjectState, target: Path, deadline: Deadline) -> None:
        request = self._sdk.GetObjectRequest(bucket=state.key.bucket, key=state.key.key, if_match=f'"{state.etag}"')
        answer = self._client.get_object(request)
        written = 0
        with answer.body as body, target.open("wb") as file:
            for piece in body.iter_bytes(block_size=_PIECE_BYTES):
                deadline.timeout(self._settings.timeout)
                written += file.write(piece)
        if written != state.size:
            raise TransientError("object_truncated", f"OSS sent {written} of {state.size} bytes.")

    def _call(self, function: Callable[[], Result], deadline: Deadline) -> Result:
        return retrying.call(lambda: self._once(function, deadline), _RETRY_POLICY, deadline)

    def _once(self, function: Callable[[], Result], deadline: Deadline) -> Result:
        import requests  # what the SDK lets through when a body breaks off

        deadline.timeout(self._settings.timeout)
        try:
            with tracing.call("oss", "call"):
                return function()
        except requests.RequestException as error:
            raise _translate(None, error) from None
        except self._sdk.exceptions.BaseError as error:
            raise _translate(_refusal(error), error) from None

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
        options.credentials_provider = oss.credentials.StaticCredentialsProvider(
            settings.access_key_id, settings.access_key_secret.reveal(), settings.security_token.reveal() or None
        )
        options.http_client = RequestsHttpClient(
            session=bounded_session(options.endpoint, _CONNECTIONS),
            connect_timeout=_CONNECT_SECONDS,
            readwrite_timeout=settings.timeout,
        )
        options.retry_max_attempts = 1  # we repeat, within the deadline
        return oss.Client(options)


class _MissingError(Exception):
    """OSS says there is no such object."""


def _refusal(error: Exception) -> _Refusal | None:
    """OSS's own words inside an error of its SDK; ``None`` when it never answered."""
    cause: Any = error
    for _ in range(5):
        if hasattr(cause, "status_code"):
            return _Refusal(int(cause.status_code), str(cause.code), str(cause.message), str(cause.request_id))
        cause = cause.unwrap() if hasattr(cause, "unwrap") else None
    return None


def _translate(refusal: _Refusal | None, error: Exception) -> Exception:
    if refusal is None:
        reason = type(getattr(error, "unwrap", lambda: error)() or error).__name__
        return TransientError(
            "oss_unavailable", f"OSS did not answer ({reason}); if it never does, check OSS_ENDPOINT and OSS_REGION."
        )
    if refusal.code == "NoSuchBucket":
        return ConfigurationError(
            "bucket_missing", "OSS_BUCKET names no bucket in this region.", request_id=refusal.request_id
        )
    if refusal.status == 404:
        return _MissingError()
    if refusal.status == 412:
        return ChangedError()
    said = f"OSS answered {refusal.status} {refusal.code}"
    if refusal.code == "InvalidObjectState":
        return DocumentError(
            "archived",
            "The object is archived: restore it and copy it onto itself, and it is indexed.",
            stage="loading",
        )
    if refusal.status in (401, 403):
        return ConfigurationError(
            "oss_forbidden",
            f"{said}: the role needs oss:GetObject on the prefix and oss:ListObjects.",
            request_id=refusal.request_id,
        )
    return TransientError("oss_failed", f"{said}.", request_id=refusal.request_id)


def _merge_sidecar(state: ObjectState, sidecar: ObjectState | None) -> ObjectState:
    """An object together with the file of metadata beside it, if there is one."""
    return (
        replace(state, modified=max(state.modified, sidecar.modified), sidecar_etag=sidecar.etag) if sidecar else state
    )


def _bare(etag: str | None) -> str:
    return (etag or "").strip('"')


def _seconds(moment: dt.datetime | None) -> int:
    return int(moment.timestamp()) if moment else 0
