"""Operations on multipart uploads."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from local.oss import headers, wire
from local.oss.body import receive, receive_xml
from local.oss.refusal import Refusal
from local.oss.stored_object import Arrival, Identity, Properties, StoredObject
from local.oss.uploads import Uploads

if TYPE_CHECKING:
    from local.oss.call import Call
    from local.oss.courier import Courier
    from local.oss.folder import Folder

_PARTS: Final = 10_000


class Multipart:
    """Objects uploaded in parts."""

    def __init__(self, folder: Folder, courier: Courier) -> None:
        self._folder = folder
        self._uploads = Uploads(folder)
        self._courier = courier

    async def initiate(self, call: Call) -> web.Response:
        """InitiateMultipartUpload."""
        upload_id = self._uploads.begin(call.key, headers.properties_of(call))
        root = ET.Element("InitiateMultipartUploadResult")
        wire.add(root, EncodingType=call.query.get("encoding-type"), Bucket=call.bucket)
        wire.add(root, Key=wire.encoder(call)(call.key), UploadId=upload_id)
        return wire.respond(root)

    async def upload(self, call: Call) -> web.Response:
        """UploadPart."""
        number = call.query.get("partNumber", "")
        if not number.isdecimal() or not 1 <= int(number) <= _PARTS:
            raise Refusal("InvalidArgument", f"Part number must be an integer between 1 and {_PARTS}.")
        draft = await receive(call, self._folder)
        try:
            self._uploads.add(call.key, call.query["uploadId"], int(number), draft)
        except Refusal:
            draft.discard()
            raise
        part = StoredObject(call.key, Identity(0, 0, draft.size), draft.digest.etag, draft.digest.crc64, Properties())
        self._courier.publish(call.event("ObjectCreated:UploadPart", Arrival(call.key, part)))
        return web.Response(headers=headers.draft_headers(draft))

    async def complete(self, call: Call) -> web.Response:
        """CompleteMultipartUpload."""
        parts = _parts(await receive_xml(call))
        arrival = await asyncio.to_thread(
            self._uploads.complete, call.key, call.query["uploadId"], parts, overwrite=call.may_overwrite
        )
        self._courier.publish(call.event("ObjectCreated:CompleteMultipartUpload", arrival))
        root, etag = ET.Element("CompleteMultipartUploadResult"), f'"{arrival.etag}"'
        location = f"http://{call.request.host}/{call.bucket}/{quote(call.key)}"
        wire.add(root, EncodingType=call.query.get("encoding-type"), Location=location, Bucket=call.bucket)
        wire.add(root, Key=wire.encoder(call)(call.key), ETag=etag)
        return wire.respond(root, {"x-oss-hash-crc64ecma": str(arrival.now.crc64), "ETag": etag})

    async def abort(self, call: Call) -> web.Response:
        """AbortMultipartUpload."""
        await asyncio.to_thread(self._uploads.abort, call.key, call.query["uploadId"])
        return web.Response(status=204)


def _parts(tree: ET.Element) -> list[tuple[int, str]]:
    try:
        return [(int(part.findtext("PartNumber") or ""), part.findtext("ETag") or "") for part in tree.findall("Part")]
    except ValueError:
        raise Refusal("MalformedXML", "A part number is not a number.") from None
