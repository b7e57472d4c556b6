"""The OSS stand-in: an HTTP server that lets the real OSS SDK use a plain folder as a bucket, and emits OSS events.

It answers path-style requests (``http://127.0.0.1:PORT/<bucket>/<key>``), which is what the SDK sends to an endpoint
with an IP address, with the status codes, headers and XML of OSS. Requests must be signed, but signatures are not
verified. One bucket, no versioning. How keys lie in the folder: ``local/folder.py``.

The SDK's HTTP client folds ``.`` and ``..`` segments of a URL before it sends it, so such keys never arrive as written;
a client that sends them as they are gets them stored as they are.

Beside the bucket there are ``GET /healthz`` and, for tests:

* ``PUT /control/faults`` ``{"rules": [{"fault", "times", "match": {"method", "key"}, "seconds"}]}``, ``DELETE`` to end
  them. Each of the next ``times`` requests that match meets the fault. ``method`` is an HTTP method and ``key`` a part
  of the key; both match all when empty. Faults: ``missing`` (404), ``forbidden`` (403), ``changed`` (412),
  ``unavailable`` (503), ``truncated`` (the body ends half way), ``slow`` (the body takes ``seconds``).
* ``GET /control/requests``: how often each operation was called.
* ``PUT /control/notifications`` ``{"mode": "deliver" | "drop" | "duplicate"}``.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import errno
import logging
import re
import secrets
import signal
import sys
import threading
import xml.etree.ElementTree as ET
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar
from urllib.parse import parse_qsl, quote, unquote_to_bytes

import msgspec
from aiohttp import web

from local.folder import (
    CHUNK_BYTES,
    Change,
    Digest,
    Draft,
    Folder,
    Identity,
    InvalidPartError,
    MissingUploadError,
    ObjectExistsError,
    Properties,
    StoredObject,
    changes,
)
from local.notification import ACCOUNT, Courier, Mode, Notification, ObjectEvent, iso_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

__all__ = ["Notification", "Settings", "main", "running", "serve"]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_KEY_BYTES: Final = 1023  # https://www.alibabacloud.com/help/doc-detail/185228.htm
_DELETE_LIMIT: Final = 1000  # keys of one DeleteMultipleObjects
_PAGE_LIMIT: Final = 1000
_PAGE_DEFAULT: Final = 100
_XML_BODY_BYTES: Final = 4 << 20  # 1,000 keys of 1,023 escaped bytes, or 10,000 parts
_META: Final = "x-oss-meta-"
_BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_RESERVED: Final = frozenset({"control", "healthz"})


@dataclass(frozen=True)
class Settings:
    """What the server serves.

    Attributes:
        root: the folder.
        port: 0 for any free one.
        announce_existing: emit an event for each file that lies in the folder at the start.
        access_key_id: the only one accepted; empty for any.
        quiet: how long a file must be at rest before a change by hand is announced.
    """

    root: Path
    bucket: str
    host: str = "127.0.0.1"
    port: int = 0
    region: str = "cn-beijing"
    notifications: tuple[Notification, ...] = ()
    announce_existing: bool = False
    access_key_id: str = ""
    quiet: timedelta = timedelta(milliseconds=300)

    def __post_init__(self) -> None:
        if not _BUCKET_NAME.fullmatch(self.bucket) or self.bucket in _RESERVED:
            raise ValueError(
                f"{self.bucket!r} is no bucket name: use 3 to 63 lower-case letters, digits and hyphens, "
                "a letter or digit at both ends, and neither control nor healthz."
            )


class OssError(Exception):
    """A request that OSS refuses.

    Attributes:
        status: HTTP status.
        code: stable name.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Fault(StrEnum):
    """What can go wrong on request."""

    MISSING = "missing"
    FORBIDDEN = "forbidden"
    CHANGED = "changed"
    UNAVAILABLE = "unavailable"
    TRUNCATED = "truncated"
    SLOW = "slow"


@dataclass(frozen=True)
class Match:
    """Which requests meet a fault; empty fields match all."""

    method: str = ""
    key: str = ""


@dataclass
class Rule:
    """A fault, for the next ``times`` matching requests; ``seconds`` is how long a slow body takes."""

    fault: Fault
    times: int = 1
    match: Match = field(default_factory=Match)
    seconds: float = 1.0

    def takes(self, method: str, key: str) -> bool:
        """Whether this request meets the fault; counts it if so."""
        hit = self.times > 0 and self.match.method.upper() in ("", method) and self.match.key in key
        self.times -= hit
        return hit


@dataclass(frozen=True)
class _Rules:
    rules: list[Rule]


@dataclass(frozen=True)
class _Delivery:
    mode: Mode


@dataclass(frozen=True)
class Call:
    """One request to the bucket, taken apart.

    Attributes:
        key: empty for a request about the bucket itself.
        query: decoded parameters; sub-resources such as ``acl`` have an empty value.
        fault: what its response body shall suffer.
    """

    request: web.Request
    id: str
    bucket: str
    key: str
    query: dict[str, str]
    fault: Rule | None = None

    def header(self, name: str) -> str:
        """Value of a request header, or empty."""
        return self.request.headers.get(name, "")


class OssServer:
    """The protocol over one folder. Create and use it inside a running event loop."""

    def __init__(self, settings: Settings, folder: Folder) -> None:
        self._settings = settings
        self._folder = folder
        self._courier = Courier(settings.notifications, settings.bucket, settings.region)
        self._rules: list[Rule] = []
        self._requests: Counter[str] = Counter()
        self._watch: asyncio.Task[None] | None = None

    def application(self) -> web.Application:
        """The web application; starts and stops the watch and the deliveries with itself."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_put("/control/faults", self._set_faults)
        app.router.add_delete("/control/faults", self._clear_faults)
        app.router.add_get("/control/requests", self._count)
        app.router.add_put("/control/notifications", self._set_delivery)
        app.router.add_route("*", r"/{bucket_and_key:[\s\S]*}", self._answer)  # a key may hold newlines
        app.on_startup.append(self._start)
        app.on_cleanup.append(self._stop)
        return app

    async def _start(self, _: web.Application) -> None:
        self._watch = asyncio.create_task(self._follow_the_folder())

    async def _stop(self, _: web.Application) -> None:
        if self._watch:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        await self._courier.close()

    async def _follow_the_folder(self) -> None:
        try:
            async for change in changes(self._folder, self._settings.quiet):
                name = "ObjectCreated:PutObject" if change.now else "ObjectRemoved:DeleteObject"
                self._publish(name, change, _request_id(), self._settings.host)
        except (OSError, RuntimeError):
            _log.exception("the watch over the folder ended: changes by hand go unnoticed until a restart")

    def _publish(self, name: str, change: Change, request_id: str, source_ip: str) -> None:
        now = change.now
        self._courier.publish(
            ObjectEvent(
                name=name,
                key=change.key,
                etag=now.etag if now else change.etag_before,
                size=now.size if now else change.size_before,
                delta=(now.size if now else 0) - change.size_before,
                content_type=now.properties.content_type if now else "",
                request_id=request_id,
                source_ip=source_ip,
                time=datetime.now(UTC),
            )
        )

    def _emit(self, call: Call, name: str, change: Change) -> None:
        self._publish(name, change, call.id, call.request.remote or self._settings.host)

    # The control routes.

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "bucket": self._settings.bucket})

    async def _set_faults(self, request: web.Request) -> web.Response:
        self._rules = (await _json_of(request, _Rules)).rules
        return web.json_response({"rules": len(self._rules)})

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._rules = []
        return web.Response(status=204)

    async def _count(self, _: web.Request) -> web.Response:
        return web.json_response(self._requests)

    async def _set_delivery(self, request: web.Request) -> web.Response:
        self._courier.mode = (await _json_of(request, _Delivery)).mode
        return web.json_response({"mode": self._courier.mode})

    # The protocol.

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        request_id = _request_id()
        try:
            call = _call_of(request, request_id)
            response = await self._carry_out(call)
        except OssError as error:
            response = _error_response(request, request_id, error)
        except ConnectionError as error:  # the client went away: nobody will read this
            response = _error_response(request, request_id, OssError(400, "IncompleteBody", str(error)))
        except OSError as error:
            _log.exception("the disk failed a request")
            response = _error_response(request, request_id, OssError(500, "InternalError", str(error)))
        if not response.prepared:
            response.headers.update(_identity(request_id))
        return response

    async def _carry_out(self, call: Call) -> web.StreamResponse:
        name = _operation_of(call)
        self._requests[name] += 1
        self._authorize(call)
        if call.bucket != self._settings.bucket:
            raise OssError(404, "NoSuchBucket", "The specified bucket does not exist.")
        operations: dict[str, Callable[[Call], Awaitable[web.StreamResponse]]] = {
            "PutObject": self._put_object,
            "GetObject": self._get_object,
            "HeadObject": self._get_object,
            "GetObjectMeta": self._get_object,
            "DeleteObject": self._delete_object,
            "DeleteMultipleObjects": self._delete_objects,
            "CopyObject": self._copy_object,
            "ListObjectsV2": self._list_objects,
            "GetBucketInfo": self._bucket_info,
            "GetBucketAcl": self._bucket_acl,
            "HeadBucket": self._bucket_info,
            "InitiateMultipartUpload": self._initiate_upload,
            "UploadPart": self._upload_part,
            "CompleteMultipartUpload": self._complete_upload,
            "AbortMultipartUpload": self._abort_upload,
        }
        operation = operations.get(name)
        if operation is None:
            raise OssError(405, "MethodNotAllowed", f"The OSS stand-in does not offer {name}.")
        return await operation(self._with_fault(call))

    def _authorize(self, call: Call) -> None:
        access_key_id = _access_key_id(call)
        if not access_key_id:
            raise OssError(403, "AccessDenied", "You have no right to access this object: the request is not signed.")
        if self._settings.access_key_id not in ("", access_key_id):
            raise OssError(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist.")

    def _with_fault(self, call: Call) -> Call:
        rule = next((rule for rule in self._rules if rule.takes(call.request.method, call.key)), None)
        if rule is None:
            return call
        if rule.fault in _FAULTS:
            raise OssError(*_FAULTS[rule.fault])
        return Call(call.request, call.id, call.bucket, call.key, call.query, rule)

    async def _put_object(self, call: Call) -> web.Response:
        draft = await self._receive(call)
        try:
            change = await self._keep(call, draft)
        finally:
            await asyncio.to_thread(draft.discard)
        self._emit(call, "ObjectCreated:PutObject", change)
        return web.Response(headers=_draft_headers(draft))

    async def _keep(self, call: Call, draft: Draft) -> Change:
        try:
            return await asyncio.to_thread(
                self._folder.store, call.key, draft, _properties(call), overwrite=_may_overwrite(call)
            )
        except ObjectExistsError:
            raise _EXISTS from None

    async def _receive(self, call: Call) -> Draft:
        """The request's body on disk, checked against its Content-MD5; the caller discards it."""
        expected = _content_md5(call)
        draft = await asyncio.to_thread(self._folder.draft)
        try:
            async for block in _blocks(call.request):
                await asyncio.to_thread(draft.write, block)
            if expected not in ("", draft.digest.content_md5):
                raise OssError(400, "InvalidDigest", "The Content-MD5 you specified did not match what we received.")
        except BaseException:
            draft.discard()
            raise
        return draft

    async def _get_object(self, call: Call) -> web.StreamResponse:
        try:
            stored, file = await asyncio.to_thread(self._folder.open, call.key)
        except FileNotFoundError:
            raise _NO_SUCH_KEY from None
        with file:
            if _unchanged(call, stored):
                return web.Response(status=304, headers=_object_headers(stored))
            part = _range(call, stored.size)
            start, end = part or (0, stored.size)
            response = web.StreamResponse(headers=_object_headers(stored) | _identity(call.id))
            if part:
                response.set_status(206)
                response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
            response.content_length = end - start
            await response.prepare(call.request)
            if call.request.method == "GET":
                with suppress(ConnectionError):  # the client has seen enough
                    await _send(call, response, file, start, end)
        return response

    async def _delete_object(self, call: Call) -> web.Response:
        change = await asyncio.to_thread(self._folder.remove, call.key)
        if change:
            self._emit(call, "ObjectRemoved:DeleteObject", change)
        return web.Response(status=204)

    async def _delete_objects(self, call: Call) -> web.Response:
        tree = await _xml_of(call)
        keys = [_checked_key(node.findtext("Key") or "") for node in tree.findall("Object")]
        if not 0 < len(keys) <= _DELETE_LIMIT:
            raise OssError(400, "MalformedXML", f"Name 1 to {_DELETE_LIMIT} objects.")
        for key in keys:
            change = await asyncio.to_thread(self._folder.remove, key)
            if change:
                self._emit(call, "ObjectRemoved:DeleteObjects", change)
        if tree.findtext("Quiet") == "true":
            return web.Response()
        encode = _encoder(call)
        root = ET.Element("DeleteResult")
        _add(root, EncodingType=call.query.get("encoding-type"))
        for key in keys:
            _add(ET.SubElement(root, "Deleted"), Key=encode(key))
        return _xml_response(root)

    async def _copy_object(self, call: Call) -> web.Response:
        source_bucket, source = _split_path(call.header("x-oss-copy-source").partition("?")[0])
        if source_bucket != self._settings.bucket:
            raise OssError(404, "NoSuchBucket", "The specified source bucket does not exist.")
        replaces = call.header("x-oss-metadata-directive").upper() == "REPLACE"
        stored = await asyncio.to_thread(self._folder.find, source)
        if stored is None:
            raise _NO_SUCH_KEY
        if not _matches(call.header("x-oss-copy-source-if-match") or "*", stored):
            raise _PRECONDITION
        properties = _properties(call) if replaces else None
        try:
            change = await asyncio.to_thread(
                self._folder.copy, source, call.key, properties, overwrite=_may_overwrite(call)
            )
        except FileNotFoundError:
            raise _NO_SUCH_KEY from None
        except ObjectExistsError:
            raise _EXISTS from None
        self._emit(call, "ObjectCreated:CopyObject", change)
        root = ET.Element("CopyObjectResult")
        if change.now:
            _add(root, LastModified=_stamp(change.now), ETag=f'"{change.now.etag}"')
        return _xml_response(root)

    async def _list_objects(self, call: Call) -> web.Response:
        prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
        limit = _page_size(call.query.get("max-keys", ""))
        after = _after(call)
        keys = await asyncio.to_thread(self._folder.keys, prefix)
        entries, more = _page(keys, prefix, delimiter, after, limit)
        names = [entry.name for entry in entries if not entry.common]
        found = await asyncio.to_thread(self._folder.find_all, names)
        return _xml_response(self._listing(call, limit, entries, found, more=more))

    def _listing(
        self, call: Call, limit: int, entries: Sequence[_Entry], found: Sequence[StoredObject], *, more: bool
    ) -> ET.Element:
        encode, query = _encoder(call), call.query
        root = ET.Element("ListBucketResult")
        _add(root, Name=self._settings.bucket, Prefix=encode(query.get("prefix", "")), MaxKeys=str(limit))
        _add(root, Delimiter=encode(query.get("delimiter", "")), StartAfter=encode(query.get("start-after", "")))
        _add(root, ContinuationToken=query.get("continuation-token"), EncodingType=query.get("encoding-type"))
        _add(root, IsTruncated=str(more).lower(), NextContinuationToken=entries[-1].token if more else None)
        for stored in found:
            node = ET.SubElement(root, "Contents")
            _add(node, Key=encode(stored.key), LastModified=_stamp(stored), ETag=f'"{stored.etag}"')
            _add(node, Type="Multipart" if stored.multipart else "Normal", Size=str(stored.size))
            _add(node, StorageClass="Standard")
        common = [entry.name for entry in entries if entry.common]
        for name in common:
            _add(ET.SubElement(root, "CommonPrefixes"), Prefix=encode(name))
        _add(root, KeyCount=str(len(found) + len(common)))
        return root

    async def _bucket_info(self, call: Call) -> web.Response:
        if call.request.method == "HEAD":
            return web.Response()
        root = ET.Element("BucketInfo")
        bucket = ET.SubElement(root, "Bucket")
        created = iso_time(datetime.fromtimestamp(self._settings.root.stat().st_mtime, UTC))
        _add(bucket, Name=self._settings.bucket, Location=f"oss-{self._settings.region}", CreationDate=created)
        _add(bucket, StorageClass="Standard", DataRedundancyType="LRS", Region=self._settings.region)
        _add(ET.SubElement(bucket, "Owner"), ID=ACCOUNT, DisplayName=ACCOUNT)
        _add(ET.SubElement(bucket, "AccessControlList"), Grant="private")
        return _xml_response(root)

    async def _bucket_acl(self, _: Call) -> web.Response:
        root = ET.Element("AccessControlPolicy")
        _add(ET.SubElement(root, "Owner"), ID=ACCOUNT, DisplayName=ACCOUNT)
        _add(ET.SubElement(root, "AccessControlList"), Grant="private")
        return _xml_response(root)

    async def _initiate_upload(self, call: Call) -> web.Response:
        upload_id = self._folder.begin_upload(call.key, _properties(call))
        root = ET.Element("InitiateMultipartUploadResult")
        _add(root, EncodingType=call.query.get("encoding-type"), Bucket=call.bucket)
        _add(root, Key=_encoder(call)(call.key), UploadId=upload_id)
        return _xml_response(root)

    async def _upload_part(self, call: Call) -> web.Response:
        number = call.query.get("partNumber", "")
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:
            raise OssError(400, "InvalidArgument", "Part number must be an integer between 1 and 10000.")
        draft = await self._receive(call)
        try:
            self._folder.add_part(call.key, call.query["uploadId"], int(number), draft)
        except MissingUploadError:
            draft.discard()
            raise _NO_SUCH_UPLOAD from None
        part = StoredObject(call.key, Identity(0, 0, draft.size), draft.digest.etag, draft.digest.crc64, Properties())
        self._emit(call, "ObjectCreated:UploadPart", Change(call.key, part))
        return web.Response(headers=_draft_headers(draft))

    async def _complete_upload(self, call: Call) -> web.Response:
        parts = _parts(await _xml_of(call))
        try:
            change = await asyncio.to_thread(
                self._folder.complete_upload,
                call.key,
                call.query["uploadId"],
                parts,
                overwrite=_may_overwrite(call),
            )
        except MissingUploadError:
            raise _NO_SUCH_UPLOAD from None
        except InvalidPartError as error:
            raise OssError(400, error.code, str(error)) from None
        except ObjectExistsError:
            raise _EXISTS from None
        self._emit(call, "ObjectCreated:CompleteMultipartUpload", change)
        return self._completed(call, change)

    def _completed(self, call: Call, change: Change) -> web.Response:
        root = ET.Element("CompleteMultipartUploadResult")
        key = _encoder(call)(call.key)
        location = f"http://{call.request.host}/{call.bucket}/{quote(call.key)}"
        _add(root, EncodingType=call.query.get("encoding-type"), Location=location, Bucket=call.bucket, Key=key)
        response_headers = {}
        if change.now:
            _add(root, ETag=f'"{change.now.etag}"')
            response_headers = {"x-oss-hash-crc64ecma": str(change.now.crc64), "ETag": f'"{change.now.etag}"'}
        return _xml_response(root, response_headers)

    async def _abort_upload(self, call: Call) -> web.Response:
        try:
            await asyncio.to_thread(self._folder.abort_upload, call.key, call.query["uploadId"])
        except MissingUploadError:
            raise _NO_SUCH_UPLOAD from None
        return web.Response(status=204)


_NO_SUCH_KEY: Final = OssError(404, "NoSuchKey", "The specified key does not exist.")
_NO_SUCH_UPLOAD: Final = OssError(404, "NoSuchUpload", "The specified upload does not exist.")
_PRECONDITION: Final = OssError(412, "PreconditionFailed", "At least one of the pre-conditions did not hold.")
_EXISTS: Final = OssError(409, "FileAlreadyExists", "The object you specified already exists.")

_FAULTS: Final = {
    Fault.MISSING: (404, "NoSuchKey", "The specified key does not exist."),
    Fault.FORBIDDEN: (403, "AccessDenied", "You have no right to access this object."),
    Fault.CHANGED: (412, "PreconditionFailed", "At least one of the pre-conditions did not hold."),
    Fault.UNAVAILABLE: (503, "ServiceUnavailable", "Please reduce your request rate."),
}

# Sub-resources that make a request about an object's content a request about something else.
_OTHER_MATTERS: Final = ("acl", "tagging", "symlink", "restore", "append", "x-oss-process", "versionId")


def _operation_of(call: Call) -> str:
    """The name OSS gives to a request; of those not offered, something a person can recognise."""
    method, query = call.request.method, call.query
    if not call.key:
        return _bucket_operation(method, query)
    if "uploadId" in query:
        part = "UploadPartCopy" if call.header("x-oss-copy-source") else "UploadPart"
        names = {"PUT": part, "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}
        return names.get(method, method)
    other = next((name for name in _OTHER_MATTERS if name in query), "")
    if other:
        return f"{method} ?{other}"
    if method == "POST" and "uploads" in query:
        return "InitiateMultipartUpload"
    if method == "PUT" and call.header("x-oss-copy-source"):
        return "CopyObject"
    head = "GetObjectMeta" if "objectMeta" in query else "HeadObject"
    return {"PUT": "PutObject", "GET": "GetObject", "HEAD": head, "DELETE": "DeleteObject"}.get(method, method)


def _bucket_operation(method: str, query: dict[str, str]) -> str:
    if method == "GET":
        if query.get("list-type") == "2":
            return "ListObjectsV2"
        return {"acl": "GetBucketAcl", "bucketInfo": "GetBucketInfo"}.get(next(iter(query), ""), "ListObjects")
    if method == "POST" and "delete" in query:
        return "DeleteMultipleObjects"
    return {"HEAD": "HeadBucket", "PUT": "PutBucket", "DELETE": "DeleteBucket"}.get(method, method)


def _call_of(request: web.Request, request_id: str) -> Call:
    path, _, query = request.raw_path.partition("?")
    bucket, key = _split_path(path)
    return Call(request, request_id, bucket, key, dict(parse_qsl(query, keep_blank_values=True)))


def _split_path(path: str) -> tuple[str, str]:
    """Bucket and key of ``/bucket/key``, decoded once and otherwise literal."""
    bucket, _, key = path.removeprefix("/").partition("/")
    try:
        return unquote_to_bytes(bucket).decode(), _checked_key(unquote_to_bytes(key).decode())
    except UnicodeDecodeError:
        raise OssError(400, "InvalidObjectName", "An object name must be encoded in UTF-8.") from None


def _checked_key(key: str) -> str:
    if len(key.encode()) > _KEY_BYTES:
        raise OssError(400, "InvalidObjectName", "The length of an object name must be less than 1024 bytes.")
    return key


def _access_key_id(call: Call) -> str:
    """The access key id of a signature of version 4 or 1, in the header or the query; empty without one."""
    signed = re.match(r"OSS4-HMAC-SHA256 Credential=([^/]+)/|OSS ([^:]+):", call.header("Authorization"))
    if signed:
        return signed[1] or signed[2]
    credential = call.query.get("x-oss-credential", "").partition("/")[0]
    return credential or call.query.get("OSSAccessKeyId", "")


def _properties(call: Call) -> Properties:
    metadata = {
        name.lower().removeprefix(_META): value
        for name, value in call.request.headers.items()
        if name.lower().startswith(_META)
    }
    return Properties(call.header("Content-Type") or "application/octet-stream", metadata)


def _may_overwrite(call: Call) -> bool:
    return call.header("x-oss-forbid-overwrite").lower() != "true"


def _content_md5(call: Call) -> str:
    value = call.header("Content-MD5")
    try:
        length = len(base64.b64decode(value, validate=True))
    except binascii.Error:
        length = -1
    if value and length != 16:
        raise OssError(400, "InvalidDigest", "The Content-MD5 you specified is not valid.")
    return value


async def _blocks(request: web.Request) -> AsyncIterator[bytes]:
    """The body in blocks worth a trip to another thread each."""
    block = bytearray()
    async for data in request.content.iter_any():
        block += data
        if len(block) >= CHUNK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


async def _xml_of(call: Call) -> ET.Element:
    body = bytearray()
    async for data in call.request.content.iter_any():
        body += data
        if len(body) > _XML_BODY_BYTES:
            raise OssError(400, "MalformedXML", "The XML is too large.")
    digest = Digest()
    digest.update(bytes(body))
    if _content_md5(call) not in ("", digest.content_md5):
        raise OssError(400, "InvalidDigest", "The Content-MD5 you specified did not match what we received.")
    try:
        return ET.fromstring(bytes(body))
    except ET.ParseError as error:
        raise OssError(400, "MalformedXML", f"The XML you provided was not well-formed: {error}.") from None


def _parts(tree: ET.Element) -> list[tuple[int, str]]:
    try:
        return [(int(part.findtext("PartNumber") or ""), part.findtext("ETag") or "") for part in tree.findall("Part")]
    except ValueError:
        raise OssError(400, "MalformedXML", "A part number is not a number.") from None


def _matches(etags: str, stored: StoredObject) -> bool:
    return etags == "*" or stored.etag in {etag.strip().strip('"').upper() for etag in etags.split(",")}


def _unchanged(call: Call, stored: StoredObject) -> bool:
    """Whether the client has this version already; refuses if it asked for another one."""
    if not _matches(call.header("If-Match") or "*", stored):
        raise _PRECONDITION
    second = int(stored.modified)
    limit = _http_time(call.header("If-Unmodified-Since"))
    if limit is not None and second > limit:
        raise _PRECONDITION
    if call.header("If-None-Match"):
        return _matches(call.header("If-None-Match"), stored)
    since = _http_time(call.header("If-Modified-Since"))
    return since is not None and second <= since


def _http_time(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except ValueError:
        return None


def _range(call: Call, size: int) -> tuple[int, int] | None:
    """First byte asked for and the one behind the last, or ``None`` for the whole object.

    OSS ignores a range that does not lie within the object, unless the request asks for the standard behaviour
    (https://www.alibabacloud.com/help/en/oss/how-to-obtain-oss-resources-by-segmenting-http-range-requests).
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", call.header("Range").partition(",")[0].strip())
    if not found or found[0] == "bytes=-":
        return None
    if found[1]:
        start, end = int(found[1]), int(found[2]) + 1 if found[2] else size
    else:
        start, end = size - int(found[2]), size
    if 0 <= start < end <= size:
        return start, end
    if call.header("x-oss-range-behavior").lower() != "standard":
        return None
    start, end = max(start, 0), min(end, size)
    if start >= end:
        raise OssError(416, "InvalidRange", "The requested range cannot be satisfied.")
    return start, end


async def _send(call: Call, response: web.StreamResponse, file: BinaryIO, start: int, end: int) -> None:
    """Write the bytes from ``start`` to ``end``, as the call's fault has it."""
    fault = call.fault.fault if call.fault else None
    seconds = call.fault.seconds if call.fault and fault == Fault.SLOW else 0.0
    last = start + (end - start) // 2 if fault == Fault.TRUNCATED else end
    step = max(1, min(CHUNK_BYTES, (end - start) // 10)) if seconds else CHUNK_BYTES
    pause = seconds * step / max(end - start, 1)
    file.seek(start)
    while start < last:
        await asyncio.sleep(pause)
        data = await asyncio.to_thread(file.read, min(step, last - start))
        if not data:
            break
        await response.write(data)
        start += len(data)
    if start < end and call.request.transport:
        call.request.transport.close()  # a body shorter than announced: cut off, or the file shrank meanwhile


@dataclass(frozen=True)
class _Entry:
    """A line of a listing: a key, or the common prefix of several."""

    name: str
    common: bool

    @property
    def token(self) -> str:
        """Names this entry as the last of its page."""
        return base64.urlsafe_b64encode(f"{'p' if self.common else 'k'}{self.name}".encode()).decode()

    def covers(self, key: str) -> bool:
        """Whether ``key`` stood on this page or an earlier one."""
        return key <= self.name or (self.common and key.startswith(self.name))


def _after(call: Call) -> _Entry:
    token = call.query.get("continuation-token", "")
    if not token:
        return _Entry(call.query.get("start-after", ""), common=False)
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except ValueError:
        text = ""
    if text[:1] not in ("p", "k"):
        raise OssError(400, "InvalidArgument", "The specified continuation-token is invalid.")
    return _Entry(text[1:], common=text[0] == "p")


def _page(keys: Sequence[str], prefix: str, delimiter: str, after: _Entry, limit: int) -> tuple[list[_Entry], bool]:
    """The next ``limit`` entries, and whether more follow."""
    entries: list[_Entry] = []
    for key in keys:
        if after.covers(key) or (entries and entries[-1].covers(key)):
            continue
        if len(entries) == limit:
            return entries, True
        rest = key[len(prefix) :]
        cut = rest.find(delimiter) if delimiter else -1
        common = cut >= 0
        entries.append(_Entry(prefix + rest[: cut + len(delimiter)] if common else key, common))
    return entries, False


def _page_size(value: str) -> int:
    if not value:
        return _PAGE_DEFAULT
    if not value.isdecimal() or not 1 <= int(value) <= _PAGE_LIMIT:
        raise OssError(400, "InvalidArgument", f"max-keys must be a number between 1 and {_PAGE_LIMIT}.")
    return int(value)


def _encoder(call: Call) -> Callable[[str], str]:
    return (lambda text: quote(text, safe="")) if call.query.get("encoding-type") == "url" else _xml_text


def _xml_text(text: str) -> str:
    """``text`` without the characters XML 1.0 cannot hold, not even escaped."""
    return re.sub(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", "\N{REPLACEMENT CHARACTER}", text)


def _add(parent: ET.Element, **children: str | None) -> None:
    for name, text in children.items():
        if text is not None:
            ET.SubElement(parent, name).text = text


def _stamp(stored: StoredObject) -> str:
    return iso_time(datetime.fromtimestamp(stored.modified, UTC))


def _draft_headers(draft: Draft) -> dict[str, str]:
    return {
        "ETag": f'"{draft.digest.etag}"',
        "Content-MD5": draft.digest.content_md5,
        "x-oss-hash-crc64ecma": str(draft.digest.crc64),
    }


def _object_headers(stored: StoredObject) -> dict[str, str]:
    headers = {
        "ETag": f'"{stored.etag}"',
        "Last-Modified": formatdate(int(stored.modified), usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": stored.properties.content_type,
        "x-oss-hash-crc64ecma": str(stored.crc64),
        "x-oss-object-type": "Multipart" if stored.multipart else "Normal",
        "x-oss-storage-class": "Standard",
    }
    if not stored.multipart:
        headers["Content-MD5"] = base64.b64encode(bytes.fromhex(stored.etag)).decode()
    return headers | {f"{_META}{name}": value for name, value in stored.properties.metadata.items()}


def _identity(request_id: str) -> dict[str, str]:
    return {"x-oss-request-id": request_id, "Server": "AliyunOSS (local stand-in)"}


def _request_id() -> str:
    return secrets.token_hex(12).upper()


def _xml_response(root: ET.Element, headers: dict[str, str] | None = None, status: int = 200) -> web.Response:
    body = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return web.Response(status=status, body=body, content_type="application/xml", headers=headers)


def _error_response(request: web.Request, request_id: str, error: OssError) -> web.Response:
    root = ET.Element("Error")
    _add(root, Code=error.code, Message=_xml_text(str(error)), RequestId=request_id, HostId=request.host)
    response = _xml_response(root, status=error.status)
    if request.method == "HEAD":  # it has no body: OSS puts the error into a header
        response.headers["x-oss-err"] = base64.b64encode(ET.tostring(root)).decode()
    return response


async def _json_of(request: web.Request, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None


async def serve(settings: Settings, ready: Callable[[str], None], stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set; ``ready`` is called with the endpoint once requests are answered.

    Raises:
        NotADirectoryError: the folder is missing.
        OSError: the address is taken or cannot be used.
    """
    folder = await asyncio.to_thread(Folder, settings.root, announce_existing=settings.announce_existing)
    runner = web.AppRunner(OssServer(settings, folder).application(), access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
        ready(f"http://{settings.host}:{runner.addresses[0][1]}")
        await stop.wait()
    finally:
        await runner.cleanup()


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The server in a thread of this process, for tests; yields its endpoint.

    Raises:
        OSError: as ``serve``.
    """
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    started, endpoint, failure = threading.Event(), [""], list[BaseException]()

    def ready(url: str) -> None:
        endpoint[0] = url
        started.set()

    def run() -> None:
        try:
            loop.run_until_complete(serve(settings, ready, stop))
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            failure.append(error)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
            started.set()

    thread = threading.Thread(target=run, name="oss", daemon=True)
    thread.start()
    started.wait()
    try:
        if failure:
            raise failure[0]
        yield endpoint[0]
    finally:
        with suppress(RuntimeError):  # the loop is closed if the server never started
            loop.call_soon_threadsafe(stop.set)
        thread.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command ``python -m local.oss``; its exit code."""
    logging.basicConfig(level=logging.WARNING, format="oss stand-in: %(message)s")
    options = _parser().parse_args(arguments)
    try:
        settings = Settings(
            root=options.root,
            bucket=options.bucket,
            host=options.host,
            port=options.port,
            region=options.region,
            notifications=_notifications(options.notify),
            announce_existing=options.announce_existing,
            access_key_id=options.access_key_id,
        )
        asyncio.run(_serve_until_told(settings))
    except (OSError, ValueError) as error:
        print(f"oss stand-in: {_advice(error, options)}", file=sys.stderr)
        return 1
    return 0


async def _serve_until_told(settings: Settings) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(url: str) -> None:
        print(f"oss stand-in: bucket {settings.bucket} over {settings.root} on {url}", flush=True)

    await serve(settings, ready, stop)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.oss", description="Serve a folder as an OSS bucket.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9200, help="0 takes any free port")
    parser.add_argument("--bucket", required=True)
    parser.add_argument("--root", type=Path, required=True, help="the folder")
    parser.add_argument("--region", default="cn-beijing")
    parser.add_argument("--notify", default="[]", help="notifications as a JSON list, or a JSON file with one")
    parser.add_argument("--announce-existing", action="store_true", help="emit events for files that are there already")
    parser.add_argument("--access-key-id", default="", help="refuse all others; any is accepted by default")
    return parser


def _notifications(value: str) -> tuple[Notification, ...]:
    text = value if value.lstrip().startswith("[") else Path(value).read_text(encoding="utf-8")
    try:
        return msgspec.json.decode(text, type=tuple[Notification, ...])
    except msgspec.DecodeError as error:
        raise ValueError(f"--notify is not a list of notifications (url, events, prefix, suffix): {error}.") from None


def _advice(error: Exception, options: argparse.Namespace) -> str:
    """One sentence that says what to do."""
    if isinstance(error, NotADirectoryError):
        return f"{options.root} is not a folder: create it, or name another with --root."
    if isinstance(error, FileNotFoundError):
        return f"--notify names no JSON list and no file: {options.notify}."
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"port {options.port} of {options.host} is taken: stop what uses it, or choose another with --port."
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
