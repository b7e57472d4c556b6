"""One request to the bucket, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote_to_bytes

from local.oss.layout import KEY_BYTES
from local.oss.notification import LOOPBACK, ObjectEvent
from local.oss.refusal import Refusal

if TYPE_CHECKING:
    from aiohttp import web

    from local.oss.faults import Rule
    from local.oss.stored_object import Change

# Sub-resources that make a request about an object's content a request about something else.
_LISTING: Final = frozenset({"prefix", "marker", "delimiter", "max-keys", "encoding-type"})
# Of a signature in the query.
_SIGNING: Final = frozenset({"Expires", "OSSAccessKeyId", "Signature", "security-token"})
_OTHER_MATTERS: Final = ("acl", "tagging", "restore", "append", "x-oss-process", "versionId")


_SIGNED: Final = re.compile(
    r"OSS4-HMAC-SHA256 Credential=([^/]+)/|OSS2 AccessKeyId:([^,]+),|OSS ([^:]+):",
)
_ADDRESS: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


@dataclass(frozen=True)
class Call:
    """One request to the bucket.

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

    @classmethod
    def of(cls, request: web.Request, request_id: str) -> Call:
        """Take ``request`` apart.

        Raises:
            Refusal: it names no object that could be.
        """
        path, _, query = request.raw_path.partition("?")
        named = find_bucket(request.headers.get("Host", ""))
        # ali-oss with sldEnable and an address as endpoint names the bucket in both places.
        is_in_path = not named or path == f"/{named}" or path.startswith(f"/{named}/")
        bucket, key = split_path(path if is_in_path else f"/{named}{path}")
        return cls(request, request_id, bucket, key, dict(parse_qsl(query, keep_blank_values=True)))

    def header(self, name: str) -> str:
        """Value of a request header, or empty."""
        return self.request.headers.get(name, "")

    def event(self, name: str, change: Change) -> ObjectEvent:
        """What the request did, as it is announced."""
        return ObjectEvent(name, change, self.id, self.request.remote or LOOPBACK)

    @property
    def may_overwrite(self) -> bool:
        """Whether an object that is there already may be replaced."""
        return self.header("x-oss-forbid-overwrite").lower() != "true"

    @property
    def access_key_id(self) -> str:
        """Of a signature of version 4, 2 or 1, in the header or the query; empty without one."""
        signed = _SIGNED.match(self.header("Authorization"))
        if signed:
            return str(signed[1] or signed[2] or signed[3])
        credential = self.query.get("x-oss-credential", "").partition("/")[0]
        return credential or self.query.get("x-oss-access-key-id") or self.query.get("OSSAccessKeyId", "")

    @property
    def security_token(self) -> str:
        """Of temporary credentials, in the header or the query; empty for others."""
        return self.header("x-oss-security-token") or self.query.get("x-oss-security-token", "")

    def has_expired(self, now: float) -> bool:
        """Whether a link signed by version 4 is too old; one without a readable time is.

        Args:
            now: seconds since the epoch.
        """
        if "x-oss-credential" not in self.query:
            return False
        try:
            signed = datetime.strptime(self.query["x-oss-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return now > signed.timestamp() + int(self.query["x-oss-expires"])
        except (KeyError, ValueError):
            return True

    @property
    def operation(self) -> str:
        """The name OSS gives to the request; of those not offered, something a person can recognise."""
        if self.bucket:
            return self._object_operation() if self.key else self._bucket_operation()
        return "ListBuckets" if self.request.method == "GET" else self.request.method

    def _object_operation(self) -> str:
        method, query, copies = self.request.method, self.query, self.header("x-oss-copy-source")
        if "uploadId" in query:
            put = "UploadPartCopy" if copies else "UploadPart"
            names = {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}
            return {"PUT": put, **names}.get(method, method)
        if "symlink" in query:
            return {"PUT": "PutSymlink", "GET": "GetSymlink"}.get(method, method)
        other = next((name for name in _OTHER_MATTERS if name in query), "")
        if other:
            return f"{method} ?{other}"
        if method == "POST" and "uploads" in query:
            return "InitiateMultipartUpload"
        put = "CopyObject" if copies else "PutObject"
        head = "GetObjectMeta" if "objectMeta" in query else "HeadObject"
        return {"PUT": put, "GET": "GetObject", "HEAD": head, "DELETE": "DeleteObject"}.get(method, method)

    def _bucket_operation(self) -> str:
        method, query = self.request.method, self.query
        if method == "GET":
            if query.get("list-type") == "2":
                return "ListObjectsV2"
            other = [name for name in query if not (name in _LISTING | _SIGNING or name.startswith("x-oss-"))]
            known = {
                "acl": "GetBucketAcl",
                "bucketInfo": "GetBucketInfo",
                "location": "GetBucketLocation",
                "uploads": "ListMultipartUploads",
            }
            return next((known.get(name, f"GET ?{name}") for name in other), "ListObjects")
        if method == "POST" and "delete" in query:
            return "DeleteMultipleObjects"
        return {"HEAD": "HeadBucket", "PUT": "PutBucket", "DELETE": "DeleteBucket"}.get(method, method)


def find_bucket(host: str) -> str:
    """The bucket that a header ``Host`` names in front of an address, ``localhost`` or a domain of OSS; or empty."""
    name, _, rest = host.lower().rpartition("@")[2].partition(":")[0].partition(".")
    is_address = _ADDRESS.fullmatch(rest) is not None
    return name if is_address or rest == "localhost" or rest.startswith(("oss-", "s3.oss-")) else ""


def split_path(path: str) -> tuple[str, str]:
    """Bucket and key of ``/bucket/key``, decoded once and otherwise literal.

    Raises:
        Refusal: the key is no UTF-8 or too long.
    """
    bucket, _, key = path.removeprefix("/").partition("/")
    try:
        return unquote_to_bytes(bucket).decode(), checked_key(unquote_to_bytes(key).decode())
    except UnicodeDecodeError:
        raise Refusal("InvalidObjectName", "An object name must be encoded in UTF-8.") from None


def checked_key(key: str) -> str:
    """``key``, if it is not too long.

    Raises:
        Refusal: it is.
    """
    if len(key.encode()) > KEY_BYTES:
        raise Refusal("InvalidObjectName", "The length of an object name must be less than 1024 bytes.")
    return key
