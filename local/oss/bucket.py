"""Operations on the bucket itself."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aiohttp import web

from local.oss import wire
from local.oss.listing import Listing
from local.oss.notification import ACCOUNT, REGION, iso_time

if TYPE_CHECKING:
    from local.oss.call import Call
    from local.oss.folder import Folder


class Bucket:
    """What is known about the bucket, and what is in it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def head(self, _: Call) -> web.Response:
        """HeadBucket."""
        return web.Response()

    async def info(self, call: Call) -> web.Response:
        """GetBucketInfo."""
        root = ET.Element("BucketInfo")
        bucket = ET.SubElement(root, "Bucket")
        created = iso_time(datetime.fromtimestamp(self._folder.root.stat().st_mtime, UTC))
        wire.add(bucket, Name=call.bucket, Location=f"oss-{REGION}", CreationDate=created)
        wire.add(bucket, StorageClass="Standard", DataRedundancyType="LRS", Region=REGION)
        _add_access(bucket)
        return wire.respond(root)

    async def acl(self, _: Call) -> web.Response:
        """GetBucketAcl."""
        root = ET.Element("AccessControlPolicy")
        _add_access(root)
        return wire.respond(root)

    async def list(self, call: Call) -> web.Response:
        """ListObjectsV2."""
        listing = Listing.of(call)
        entries, more = listing.page(await asyncio.to_thread(self._folder.keys, listing.prefix))
        names = [entry.name for entry in entries if not entry.common]
        found = await asyncio.to_thread(self._folder.find_all, names)
        return wire.respond(listing.answer(entries, found, more=more))


def _add_access(parent: ET.Element) -> None:
    wire.add(ET.SubElement(parent, "Owner"), ID=ACCOUNT, DisplayName=ACCOUNT)
    wire.add(ET.SubElement(parent, "AccessControlList"), Grant="private")
