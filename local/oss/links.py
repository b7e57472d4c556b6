"""Symbolic links: objects that hold the key of another one, whose content is sent in their place.

What is documented of them: https://www.alibabacloud.com/help/en/oss/developer-reference/putsymlink, and of reading them
/headobject and /getobject there: size, ETag and checksums are those of the target, the time is the later of both, and
all else is the link's. A listing describes the link itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote, unquote

from aiohttp import web

from local.oss import headers
from local.oss.call import checked_key
from local.oss.refusal import Refusal

if TYPE_CHECKING:
    from local.oss.call import Call
    from local.oss.courier import Courier
    from local.oss.folder import Folder
    from local.oss.stored_object import StoredObject


class Links:
    """Links written and read as such."""

    def __init__(self, folder: Folder, courier: Courier) -> None:
        self._folder = folder
        self._courier = courier

    async def put(self, call: Call) -> web.Response:
        """PutSymlink."""
        target = checked_key(unquote(call.header("x-oss-symlink-target")))
        if not target:
            raise Refusal("InvalidArgument", "The header x-oss-symlink-target is missing.")
        draft = self._folder.draft()
        try:
            await asyncio.to_thread(draft.write, target.encode())
            properties = replace(headers.properties_of(call), symlink_target=target)
            arrival = await asyncio.to_thread(
                self._folder.store, call.key, draft, properties, overwrite=call.may_overwrite
            )
        finally:
            await asyncio.to_thread(draft.discard)
        self._courier.publish(call.event("ObjectCreated:PutSymlink", arrival))
        return web.Response(headers={"ETag": f'"{arrival.etag}"'})

    async def get(self, call: Call) -> web.Response:
        """GetSymlink."""
        stored = await asyncio.to_thread(self._folder.find, call.key)
        if stored is None:
            raise Refusal("NoSuchKey")
        if not stored.properties.symlink_target:
            raise Refusal("NotSymlink")
        described = headers.object_headers(stored)
        named = {"x-oss-symlink-target": quote(stored.properties.symlink_target)}
        return web.Response(headers={name: described[name] for name in ("ETag", "Last-Modified")} | named)


def open_target(folder: Folder, key: str) -> tuple[StoredObject, BinaryIO]:
    """The object under ``key`` and its content; of a link its target's content, as OSS describes it.

    Raises:
        Refusal: there is none, or the link does not lead to an object that is none.
    """
    stored, file = folder.open(key)
    if not stored.properties.symlink_target:
        return stored, file
    file.close()
    try:
        target, file = folder.open(stored.properties.symlink_target)
    except Refusal:
        raise Refusal("SymlinkTargetNotExist") from None
    if target.properties.symlink_target:
        file.close()
        raise Refusal("InvalidTargetType")
    modified = max(stored.identity.modified_ns, target.identity.modified_ns)
    identity = replace(target.identity, modified_ns=modified)
    return replace(target, key=key, identity=identity, properties=stored.properties), file
