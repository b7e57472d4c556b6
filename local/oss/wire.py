"""Headers and XML as OSS writes them."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from local.oss.notification import iso_time
from local.oss.stored_object import Properties

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.oss.call import Call
    from local.oss.draft import Draft
    from local.oss.refusal import Refusal
    from local.oss.stored_object import StoredObject

_META: Final = "x-oss-meta-"


def properties_of(call: Call) -> Properties:
    """What the headers of an upload say about the object."""
    metadata = {
        name.lower().removeprefix(_META): value
        for name, value in call.request.headers.items()
        if name.lower().startswith(_META)
    }
    return Properties(call.header("Content-Type") or "application/octet-stream", metadata)


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
    return "Multipart" if stored.multipart else "Normal"


def stamp(stored: StoredObject) -> str:
    """When the object was last modified."""
    return iso_time(datetime.fromtimestamp(stored.modified, UTC))


def encoder(call: Call) -> Callable[[str], str]:
    """How the caller wants keys written."""
    return (lambda text: quote(text, safe="")) if call.query.get("encoding-type") == "url" else _text


def add(parent: ET.Element, **children: str | None) -> None:
    """Append a child for each text that is not ``None``."""
    for name, text in children.items():
        if text is not None:
            ET.SubElement(parent, name).text = text


def respond(root: ET.Element, headers: dict[str, str] | None = None, status: int = 200) -> web.Response:
    """A response with an XML body."""
    body = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return web.Response(status=status, body=body, content_type="application/xml", headers=headers)


def refuse(request: web.Request, request_id: str, refusal: Refusal) -> web.Response:
    """The response that says ``refusal``."""
    root = ET.Element("Error")
    add(root, Code=refusal.code, Message=_text(str(refusal)), RequestId=request_id, HostId=request.host)
    response = respond(root, status=refusal.status)
    if request.method == "HEAD":  # it has no body: OSS puts the error into a header
        response.headers["x-oss-err"] = base64.b64encode(ET.tostring(root)).decode()
    return response


def _text(text: str) -> str:
    """``text`` without the characters XML 1.0 cannot hold, not even escaped."""
    return re.sub(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]", "\N{REPLACEMENT CHARACTER}", text)
