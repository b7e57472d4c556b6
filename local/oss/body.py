"""Bodies of requests, checked against their Content-MD5."""

from __future__ import annotations

import asyncio
import base64
import binascii
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final

from local.oss.draft import CHUNK_BYTES, Digest
from local.oss.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web

    from local.oss.call import Call
    from local.oss.draft import Draft
    from local.oss.folder import Folder

_XML_BODY_BYTES: Final = 4 << 20  # 1,000 keys of 1,023 escaped bytes, or 10,000 parts


async def receive(call: Call, folder: Folder) -> Draft:
    """The body on disk; the caller discards it.

    Raises:
        Refusal: its Content-MD5 is wrong or no MD5 at all.
    """
    expected = _content_md5(call)
    draft = await asyncio.to_thread(folder.draft)
    try:
        async for block in _blocks(call.request):
            await asyncio.to_thread(draft.write, block)
        _check(draft.digest, expected)
    except BaseException:
        draft.discard()
        raise
    return draft


async def receive_xml(call: Call) -> ET.Element:
    """The body as XML.

    Raises:
        Refusal: it is none, too large, or its Content-MD5 is wrong.
    """
    body = bytearray()
    async for data in call.request.content.iter_any():
        body += data
        if len(body) > _XML_BODY_BYTES:
            raise Refusal("MalformedXML", "The XML is too large.")
    digest = Digest()
    digest.update(bytes(body))
    _check(digest, _content_md5(call))
    try:
        return ET.fromstring(bytes(body))
    except ET.ParseError as error:
        raise Refusal("MalformedXML", f"The XML you provided was not well-formed: {error}.") from None


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


def _content_md5(call: Call) -> str:
    value = call.header("Content-MD5")
    try:
        length = len(base64.b64decode(value, validate=True))
    except binascii.Error:
        length = -1
    if value and length != 16:
        raise Refusal("InvalidDigest")
    return value


def _check(digest: Digest, expected: str) -> None:
    if expected not in ("", digest.content_md5):
        raise Refusal("InvalidDigest", "The Content-MD5 you specified did not match what we received.")
