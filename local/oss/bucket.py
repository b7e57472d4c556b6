"""Operations on the bucket itself."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from aiohttp import web

from local.oss import wire
from local.oss.listing import Listing
from local.oss.notification import ACCOUNT, REGION

if TYPE_CHECKING:
    from local.oss.call import Call
    from local.oss.folder import Folder


class Bucket:
    """What is known about the bucket, and what is in it."""

    def __init__(self, folder: Folder, name: str) -> None:
        self._folder = folder
        self._name = name

    async def head(self, _: Call) -> web.Response:
        """HeadBucket."""
        return web.Response()

    async def info(self, call: Call) -> web.Response:
        """GetBucketInfo."""
        root = ET.Element("BucketInfo")
        bucket = ET.SubElement(root, "Bucket")
        self._describe(bucket, call)
        wire.add(bucket, DataRedundancyType="LRS", Versioning="Suspended", AccessMonitor="Disabled")
        _add_access(bucket)
        return wire.respond(root)

    async def location(self, _: Call) -> web.Response:
        """GetBucketLocation."""
        root = ET.Element("LocationConstraint")
        root.text = f"oss-{REGION}"
        return wire.respond(root)

    async def list_buckets(self, call: Call) -> web.Response:
        """ListBuckets: the one there is."""
        root = ET.Element("ListAllMyBucketsResult")
        wire.add(ET.SubElement(root, "Owner"), ID=ACCOUNT, DisplayName=ACCOUNT)
        wire.add(root, Prefix=call.query.get("prefix"), IsTruncated="false")
        buckets = ET.SubElement(root, "Buckets")
        if self._name.startswith(call.query.get("prefix", "")) and self._name > call.query.get("marker", ""):
            self._describe(ET.SubElement(buckets, "Bucket"), call)
        return wire.respond(root)

    def _describe(self, bucket: ET.Element, call: Call) -> None:
        created = wire.write_time(self._folder.root.stat().st_mtime)
        endpoint = call.request.host.removeprefix(f"{self._name}.")
        wire.add(bucket, Name=self._name, Location=f"oss-{REGION}", Region=REGION, CreationDate=created)
        wire.add(bucket, ExtranetEndpoint=endpoint, IntranetEndpoint=endpoint, StorageClass="Standard")

    async def acl(self, _: Call) -> web.Response:
        """GetBucketAcl."""
        root = ET.Element("AccessControlPolicy")
        _add_access(root)
        return wire.respond(root)

    async def list_objects(self, call: Call) -> web.Response:
        """ListObjects and ListObjectsV2."""
        listing = Listing.of(call)
        entries, more = listing.page(await asyncio.to_thread(self._folder.keys, listing.prefix))
        names = [entry.name for entry in entries if not entry.common]
        found = await asyncio.to_thread(self._folder.find_all, names)
        return wire.respond(listing.answer(entries, found, more=more))


def _add_access(parent: ET.Element) -> None:
    wire.add(ET.SubElement(parent, "Owner"), ID=ACCOUNT, DisplayName=ACCOUNT)
    wire.add(ET.SubElement(parent, "AccessControlList"), Grant="private")
