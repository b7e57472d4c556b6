"""Headers as OSS reads and writes them."""

from __future__ import annotations

import base64
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from local.oss.stored_object import Properties

if TYPE_CHECKING:
    from local.oss.call import Call
    from local.oss.draft import Draft
    from local.oss.stored_object import StoredObject

_META: Final = "x-oss-meta-"


def properties_of(call: Call) -> Properties:
    """What the headers of an upload say about the object."""
    metadata = {
        name.lower().removeprefix(_META): value
        for name, value in call.request.headers.items()
        if name.lower().startswith(_META)
    }
    media_type = call.header("Content-Type") or "application/octet-stream"
    return Properties(media_type, metadata, call.header("Content-Encoding"))


def object_headers(stored: StoredObject) -> dict[str, str]:
    """Headers that describe a stored object."""
    headers = {
        "ETag": f'"{stored.etag}"',
        "Last-Modified": formatdate(int(stored.modified), usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": stored.properties.content_type,
        "x-oss-hash-crc64ecma": str(stored.crc64),
        "x-oss-object-type": object_type(stored),
        "x-oss-storage-class": "Standard",
    }
    if stored.properties.content_encoding:
        headers["Content-Encoding"] = stored.properties.content_encoding
    if not stored.multipart:
        headers["Content-MD5"] = base64.b64encode(bytes.fromhex(stored.etag)).decode()
    return headers | {f"{_META}{name}": value for name, value in stored.properties.metadata.items()}


def draft_headers(draft: Draft) -> dict[str, str]:
    """Headers that say what was received."""
    return {
        "ETag": f'"{draft.digest.etag}"',
        "Content-MD5": draft.digest.content_md5,
        "x-oss-hash-crc64ecma": str(draft.digest.crc64),
    }


def identity(request_id: str) -> dict[str, str]:
    """Headers of every response."""
    return {"x-oss-request-id": request_id, "Server": "AliyunOSS (local emulator)"}


def object_type(stored: StoredObject) -> str:
    """How the object was uploaded."""
    if stored.properties.symlink_target:
        return "Symlink"
    return "Multipart" if stored.multipart else "Normal"
