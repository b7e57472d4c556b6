"""XML as OSS writes it."""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.oss.call import Call
    from local.oss.refusal import Refusal
    from local.oss.stored_object import StoredObject


def stamp(stored: StoredObject) -> str:
    """When the object was last modified."""
    return write_time(stored.modified)


def write_time(seconds: float) -> str:
    """A time since 1970 as XML of OSS has it: in whole seconds, and zeros for the milliseconds, which oss2 expects."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


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
