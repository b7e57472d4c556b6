"""Operations on whole objects."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from aiohttp import web

from local.oss import headers, wire
from local.oss.body import receive, receive_xml
from local.oss.call import checked_key, split_path
from local.oss.conditions import require_match, unchanged
from local.oss.content import asked_range, send
from local.oss.links import open_target
from local.oss.refusal import Refusal

if TYPE_CHECKING:
    from local.oss.call import Call
    from local.oss.courier import Courier
    from local.oss.folder import Folder

_DELETE_LIMIT: Final = 1000  # keys of one DeleteMultipleObjects


class Objects:
    """Objects written, read, copied and deleted as a whole."""

    def __init__(self, folder: Folder, courier: Courier) -> None:
        self._folder = folder
        self._courier = courier

    async def put(self, call: Call) -> web.Response:
        """PutObject."""
        draft = await receive(call, self._folder)
        try:
            arrival = await asyncio.to_thread(
                self._folder.store, call.key, draft, headers.properties_of(call), overwrite=call.may_overwrite
            )
        finally:
            await asyncio.to_thread(draft.discard)
        self._courier.publish(call.event("ObjectCreated:PutObject", arrival))
        return web.Response(headers=headers.draft_headers(draft))

    async def get(self, call: Call) -> web.StreamResponse:
        """GetObject, HeadObject and GetObjectMeta."""
        stored, file = await asyncio.to_thread(open_target, self._folder, call.key)
        with file:
            if unchanged(call, stored):
                return web.Response(status=304, headers=headers.object_headers(stored))
            part = asked_range(call, stored.size)
            start, end = part or (0, stored.size)
            response = web.StreamResponse(headers=headers.object_headers(stored) | headers.identity(call.id))
            if part:
                response.set_status(206)
                response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{stored.size}"
            response.content_length = end - start
            await response.prepare(call.request)
            if call.request.method == "GET":
                with suppress(ConnectionError):  # the client has seen enough
                    await send(call, response, file, start, end)
        return response

    async def copy(self, call: Call) -> web.Response:
        """CopyObject."""
        bucket, source = split_path(call.header("x-oss-copy-source").partition("?")[0])
        if bucket != call.bucket:
            raise Refusal("NoSuchBucket", "The specified source bucket does not exist.")
        stored = await asyncio.to_thread(self._folder.find, source)
        if stored is None:
            raise Refusal("NoSuchKey")
        require_match(call.header("x-oss-copy-source-if-match"), stored)
        replaces = call.header("x-oss-metadata-directive").upper() == "REPLACE"
        properties = headers.properties_of(call) if replaces else None
        arrival = await asyncio.to_thread(self._folder.copy, source, call.key, properties, overwrite=call.may_overwrite)
        self._courier.publish(call.event("ObjectCreated:CopyObject", arrival))
        root = ET.Element("CopyObjectResult")
        wire.add(root, LastModified=wire.stamp(arrival.now), ETag=f'"{arrival.etag}"')
        return wire.respond(root)

    async def delete(self, call: Call) -> web.Response:
        """DeleteObject."""
        await self._remove(call, call.key, "ObjectRemoved:DeleteObject")
        return web.Response(status=204)

    async def delete_many(self, call: Call) -> web.Response:
        """DeleteMultipleObjects."""
        tree = await receive_xml(call)
        keys = [checked_key(node.findtext("Key") or "") for node in tree.findall("Object")]
        if not 0 < len(keys) <= _DELETE_LIMIT:
            raise Refusal("MalformedXML", f"Name 1 to {_DELETE_LIMIT} objects.")
        for key in keys:
            await self._remove(call, key, "ObjectRemoved:DeleteObjects")
        if tree.findtext("Quiet") == "true":
            return web.Response()
        encode = wire.encoder(call)
        root = ET.Element("DeleteResult")
        wire.add(root, EncodingType=call.query.get("encoding-type"))
        for key in keys:
            wire.add(ET.SubElement(root, "Deleted"), Key=encode(key))
        return wire.respond(root)

    async def _remove(self, call: Call, key: str, event: str) -> None:
        change = await asyncio.to_thread(self._folder.remove, key)
        if change:
            self._courier.publish(call.event(event, change))
