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
_PARTS_PAGE: Final = 1_000
_UPLOADS_PAGE: Final = 1_000
_DIGITS: Final = 5


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

    async def list_parts(self, call: Call) -> web.Response:
        """ListParts."""
        upload_id = call.query["uploadId"]
        after, limit = _number(call, "part-number-marker", 0), _number(call, "max-parts", _PARTS_PAGE)
        following = [part for part in self._uploads.list_parts(call.key, upload_id) if part[0] > after]
        page = following[:limit]
        root = ET.Element("ListPartsResult")
        wire.add(root, EncodingType=call.query.get("encoding-type"), Bucket=call.bucket)
        wire.add(root, Key=wire.encoder(call)(call.key), UploadId=upload_id, StorageClass="Standard")
        wire.add(root, PartNumberMarker=str(after), NextPartNumberMarker=str(page[-1][0] if page else after))
        wire.add(root, MaxParts=str(limit), IsTruncated=str(len(following) > limit).lower())
        for number, draft in page:
            node = ET.SubElement(root, "Part")
            modified = wire.write_time(draft.path.stat().st_mtime)
            wire.add(node, PartNumber=str(number), LastModified=modified, ETag=f'"{draft.digest.etag}"')
            wire.add(node, Size=str(draft.size), HashCrc64ecma=str(draft.digest.crc64))
        return wire.respond(root)

    async def list_uploads(self, call: Call) -> web.Response:
        """ListMultipartUploads."""
        prefix, limit = call.query.get("prefix", ""), _number(call, "max-uploads", _UPLOADS_PAGE)
        after = (call.query.get("key-marker", ""), call.query.get("upload-id-marker", ""))
        following = [one for one in self._uploads.list(prefix) if _is_after(one[:2], after)]
        page, encode = following[:limit], wire.encoder(call)
        last = page[-1] if page else ("", "", 0.0)
        root = ET.Element("ListMultipartUploadsResult")
        wire.add(root, EncodingType=call.query.get("encoding-type"), Bucket=call.bucket, Prefix=encode(prefix))
        wire.add(root, KeyMarker=encode(after[0]), UploadIdMarker=after[1], MaxUploads=str(limit))
        wire.add(root, NextKeyMarker=encode(last[0]), NextUploadIdMarker=last[1])
        wire.add(root, IsTruncated=str(len(following) > limit).lower())
        for key, upload_id, begun in page:
            started = wire.write_time(begun)
            wire.add(ET.SubElement(root, "Upload"), Key=encode(key), UploadId=upload_id, Initiated=started)
        return wire.respond(root)

    async def abort(self, call: Call) -> web.Response:
        """AbortMultipartUpload."""
        await asyncio.to_thread(self._uploads.abort, call.key, call.query["uploadId"])
        return web.Response(status=204)


def _is_after(place: tuple[str, str], marker: tuple[str, str]) -> bool:
    """Whether an upload comes after a marker, of which the id may be empty: then all of that key come before."""
    return place > marker if marker[1] else place[0] > marker[0]


def _number(call: Call, name: str, default: int) -> int:
    value = call.query.get(name, "")
    if not value:
        return default
    if not (value.isascii() and value.isdecimal() and len(value) <= _DIGITS):
        raise Refusal("InvalidArgument", f"{name} must be a number.")
    return min(int(value), default) if default else int(value)


def _parts(tree: ET.Element) -> list[tuple[int, str]]:
    try:
        return [(int(part.findtext("PartNumber") or ""), part.findtext("ETag") or "") for part in tree.findall("Part")]
    except ValueError:
        raise Refusal("MalformedXML", "A part number is not a number.") from None
