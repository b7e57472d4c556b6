"""Content on its way out: which bytes, and how they arrive."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, BinaryIO

from local.oss.draft import CHUNK_BYTES
from local.oss.faults import Fault
from local.oss.refusal import Refusal

if TYPE_CHECKING:
    from aiohttp import web

    from local.oss.call import Call

_DRIP_SECONDS = 0.2


def asked_range(call: Call, size: int) -> tuple[int, int] | None:
    """First byte asked for and the exclusive end, or ``None`` for the whole object.

    OSS ignores a range that does not lie within the object, unless the request asks for the standard behaviour
    (https://www.alibabacloud.com/help/en/oss/how-to-obtain-oss-resources-by-segmenting-http-range-requests).

    Raises:
        Refusal: it asks for that, and nothing of the range lies within the object.
    """
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", call.header("Range").partition(",")[0].strip())
    if not found or found[0] == "bytes=-":
        return None
    if found[1]:
        start, end = int(found[1]), int(found[2]) + 1 if found[2] else size
    else:
        start, end = size - int(found[2]), size
    if 0 <= start < end <= size:
        return start, end
    if call.header("x-oss-range-behavior").lower() != "standard":
        return None
    start, end = max(start, 0), min(end, size)
    if start >= end:
        raise Refusal("InvalidRange")
    return start, end


async def send(call: Call, response: web.StreamResponse, file: BinaryIO, start: int, end: int) -> None:
    """Write the bytes from ``start`` to ``end``, as the call's fault has it."""
    fault = call.fault.fault if call.fault else None
    seconds = call.fault.seconds if call.fault and fault == Fault.SLOW else 0.0
    last = start + (end - start) // 2 if fault == Fault.TRUNCATED else end
    # A slow body never stands still for long: it drips.
    step = max(1, min(CHUNK_BYTES, int((end - start) * _DRIP_SECONDS / seconds))) if seconds else CHUNK_BYTES
    pause = seconds * step / max(end - start, 1)
    file.seek(start)
    while start < last:
        await asyncio.sleep(pause)
        data = await asyncio.to_thread(file.read, min(step, last - start))
        if not data:
            break
        await response.write(data)
        start += len(data)
    if start < end and call.request.transport:
        call.request.transport.close()  # a body shorter than announced: cut off, or the file shrank meanwhile
