"""The emulator itself: the routes, and what becomes of one request."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import msgspec
from aiohttp import web

from local.callers import admit_programs
from local.oss import headers, wire
from local.oss.bucket import Bucket
from local.oss.call import Call
from local.oss.cors import CorsRule
from local.oss.courier import Courier, Mode
from local.oss.faults import Faults
from local.oss.links import Links
from local.oss.multipart import Multipart
from local.oss.notification import ObjectEvent
from local.oss.objects import Objects
from local.oss.refusal import Refusal
from local.oss.watching import changes
from local.reporting import report

if TYPE_CHECKING:
    from local.oss.folder import Folder
    from local.oss.settings import Settings

_log = logging.getLogger(__name__)
_WATCH_AGAIN_SECONDS = 2.0
_T = TypeVar("_T")
_Operation = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class _Delivery:
    mode: Mode


class Emulator:
    """The protocol over one folder. Create and use it inside a running event loop."""

    def __init__(self, settings: Settings, folder: Folder) -> None:
        self._settings = settings
        self._folder = folder
        self._courier = Courier(settings.notifications, settings.bucket)
        self._faults = Faults([])
        self._expired: frozenset[str] = frozenset()
        self._requests: Counter[str] = Counter()
        self._operations = _operations(settings.bucket, folder, self._courier)

    def application(self) -> web.Application:
        """The web application; starts and stops the watch and the deliveries with itself."""
        # ali-oss puts the bucket in front of the address, or sends the name of OSS itself; no site can have such names.
        bucket = self._settings.bucket
        own_hosts = (f"{bucket}.127.0.0.1", f"{bucket}.{self._settings.host}", ".aliyuncs.com")
        application = web.Application(middlewares=[admit_programs(_refuse_page, own_hosts)])
        CorsRule(self._settings.allowed_origins).install(application, _refuse_preflight)
        application.add_routes(
            [
                web.get("/healthz", self._health),
                web.put("/control/faults", self._set_faults),
                web.delete("/control/faults", self._clear_faults),
                web.get("/control/requests", self._count),
                web.put("/control/notifications", self._set_delivery),
                web.put("/control/expired-tokens", self._set_expired),
                web.route("*", r"/{bucket_and_key:[\s\S]*}", self._answer),  # a key may hold newlines
            ]
        )
        application.on_startup.append(self._start)
        application.on_cleanup.append(self._stop)
        return application

    async def _start(self, _: web.Application) -> None:
        self._watch = asyncio.create_task(self._follow_the_folder())

    async def _stop(self, _: web.Application) -> None:
        self._watch.cancel()
        with suppress(asyncio.CancelledError):
            await self._watch
        await self._courier.close()

    async def _follow_the_folder(self) -> None:
        while True:
            try:
                async for change in changes(self._folder, self._settings.quiet):
                    name = "ObjectCreated:PutObject" if change.now else "ObjectRemoved:DeleteObject"
                    self._courier.publish(ObjectEvent(name, change, _request_id()))
            except Exception as error:  # noqa: BLE001 - changes by hand would go unnoticed from then on
                _log.exception("the watch over the folder failed")
                report(f"The watch over the bucket's folder failed ({type(error).__name__}) and is started again.")
            await asyncio.sleep(_WATCH_AGAIN_SECONDS)

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "bucket": self._settings.bucket})

    async def _set_faults(self, request: web.Request) -> web.Response:
        self._faults = await _json_of(request, Faults)
        return web.json_response({"rules": len(self._faults.rules)})

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._faults = Faults([])
        return web.Response(status=204)

    async def _count(self, _: web.Request) -> web.Response:
        return web.json_response(self._requests)

    async def _set_expired(self, request: web.Request) -> web.Response:
        self._expired = frozenset(await _json_of(request, list[str]))
        return web.json_response({"tokens": len(self._expired)})

    async def _set_delivery(self, request: web.Request) -> web.Response:
        self._courier.mode = (await _json_of(request, _Delivery)).mode
        return web.json_response({"mode": self._courier.mode})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        request_id = _request_id()
        try:
            response = await self._carry_out(Call.of(request, request_id))
        except Refusal as refusal:
            response = wire.refuse(request, request_id, refusal)
        except ConnectionError as error:  # the client went away and will not read this
            response = wire.refuse(request, request_id, Refusal("IncompleteBody", str(error)))
        except OSError as error:
            _log.exception("the disk failed a request")
            response = wire.refuse(request, request_id, Refusal("InternalError", str(error)))
        if not response.prepared:
            response.headers.update(headers.identity(request_id))
        return response

    async def _carry_out(self, call: Call) -> web.StreamResponse:
        name = call.operation
        self._requests[name] += 1
        self._authorize(call)
        if call.bucket not in ("", self._settings.bucket):
            raise Refusal("NoSuchBucket")
        operation = self._operations.get(name)
        if operation is None:
            raise Refusal("MethodNotAllowed", f"The OSS emulator does not offer {name}.")
        return await operation(replace(call, fault=self._faults.strike(call.request.method, call.key)))

    def _authorize(self, call: Call) -> None:
        if not call.access_key_id:
            raise Refusal("AccessDenied", "You have no right to access this object: the request is not signed.")
        if self._settings.access_key_id not in ("", call.access_key_id):
            raise Refusal("InvalidAccessKeyId")
        if call.has_expired(time.time()):
            raise Refusal("AccessDenied", "Request has expired.")
        if call.security_token in self._expired or _has_expired(call.security_token):
            raise Refusal("SecurityTokenExpired")


def _operations(name: str, folder: Folder, courier: Courier) -> dict[str, _Operation]:
    """What is offered, by the name OSS gives it."""
    bucket, objects, multipart = Bucket(folder, name), Objects(folder, courier), Multipart(folder, courier)
    links = Links(folder, courier)
    return {
        "HeadBucket": bucket.head,
        "GetBucketInfo": bucket.info,
        "GetBucketAcl": bucket.acl,
        "GetBucketLocation": bucket.location,
        "ListBuckets": bucket.list_buckets,
        "ListObjects": bucket.list_objects,
        "ListObjectsV2": bucket.list_objects,
        "PutObject": objects.put,
        "GetObject": objects.get,
        "HeadObject": objects.get,
        "GetObjectMeta": objects.get,
        "PutSymlink": links.put,
        "GetSymlink": links.get,
        "CopyObject": objects.copy,
        "DeleteObject": objects.delete,
        "DeleteMultipleObjects": objects.delete_many,
        "InitiateMultipartUpload": multipart.initiate,
        "UploadPart": multipart.upload,
        "CompleteMultipartUpload": multipart.complete,
        "AbortMultipartUpload": multipart.abort,
        "ListParts": multipart.list_parts,
        "ListMultipartUploads": multipart.list_uploads,
    }


def _has_expired(token: str) -> bool:
    """Whether a token of the gateway, which ends with its time of expiry, is too old; others never are."""
    expiry = token.rpartition(".")[2] if token.startswith("local.") else ""
    return expiry.isdecimal() and int(expiry) < time.time()


def _refuse_page(_code: str, sentence: str) -> web.Response:
    return web.Response(status=403, text=f"{sentence}\n")


def _refuse_preflight(request: web.Request) -> web.Response:
    return wire.refuse(request, _request_id(), Refusal("AccessForbidden"))


def _request_id() -> str:
    return secrets.token_hex(12).upper()


async def _json_of(request: web.Request, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from None
