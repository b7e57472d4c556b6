"""The routes of the OpenAI-compatible interface: files, batch tasks, and embedding without ``text_type``."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import BodyPartReader, web

from local.dashscope import wire
from local.dashscope.batch import ENDPOINT, MOST_FILE_BYTES, Task, read_window
from local.dashscope.refusal import Refusal, invalid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from local.dashscope.batch_tasks import BatchTasks, StoredFile

PATH = "/compatible-mode/v1"
_PIECE_BYTES = 1 << 16
_MOST_LISTED = 100
_MOST_TASKS = 1_000


class CompatibleRoutes:
    """Handlers of the routes.

    Args:
        authorize: refuses a request without a key that is known.
    """

    def __init__(self, tasks: BatchTasks, authorize: Callable[[web.Request], str]) -> None:
        self._tasks = tasks
        self._authorize = authorize

    def list_routes(self) -> list[web.RouteDef]:
        """The routes with their handlers."""
        return [
            web.post(f"{PATH}/files", self._guard(self._upload)),
            web.get(f"{PATH}/files", self._guard(self._list_files)),
            web.get(f"{PATH}/files/{{id}}", self._guard(self._show_file)),
            web.get(f"{PATH}/files/{{id}}/content", self._guard(self._send_file)),
            web.delete(f"{PATH}/files/{{id}}", self._guard(self._delete_file)),
            web.post(f"{PATH}/batches", self._guard(self._create)),
            web.get(f"{PATH}/batches", self._guard(self._list_batches)),
            web.get(f"{PATH}/batches/{{id}}", self._guard(self._show_batch)),
            web.post(f"{PATH}/batches/{{id}}/cancel", self._guard(self._cancel)),
        ]

    def _guard(
        self, handle: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                self._authorize(request)
                return await handle(request)
            except Refusal as refusal:
                return refuse(refusal)

        return answer

    async def _upload(self, request: web.Request) -> web.Response:
        if not request.content_type.startswith("multipart/"):
            raise invalid("file is missing")
        purpose, name, path = "", "", None
        async for part in await request.multipart():
            if isinstance(part, BodyPartReader) and part.name == "purpose":
                purpose = await part.text()
            elif isinstance(part, BodyPartReader) and part.name == "file":
                name, path = part.filename or "file", self._tasks.new_path()
                await _save(part, path)
        if path is None:
            raise invalid("file is missing")
        if purpose != "batch":
            path.unlink()
            raise invalid("purpose should be batch")
        return wire.respond_json(self._tasks.add_file(path, name, purpose).describe())

    async def _list_files(self, request: web.Request) -> web.Response:
        return _respond_page([file.describe() for file in reversed(self._tasks.files.values())], request.query)

    async def _show_file(self, request: web.Request) -> web.Response:
        return wire.respond_json(self._find_file(request).describe())

    async def _send_file(self, request: web.Request) -> web.StreamResponse:
        file = self._find_file(request)
        headers = {"Content-Type": "application/octet-stream"}
        return web.FileResponse(file.path, chunk_size=_PIECE_BYTES, headers=headers)

    async def _delete_file(self, request: web.Request) -> web.Response:
        file = self._find_file(request)
        self._tasks.remove_file(file.id)
        return wire.respond_json({"id": file.id, "object": "file", "deleted": True})

    async def _create(self, request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Refusal("InvalidParameter") from None
        hours = read_window(asked.get("completion_window"))
        if asked.get("endpoint") != ENDPOINT:
            raise invalid(f"endpoint should be {ENDPOINT}")
        name = str(asked.get("input_file_id") or "")
        if name.startswith("oss://"):
            raise invalid("this emulator reads no bucket: upload the file")
        file = self._tasks.files.get(name)
        if file is None:
            raise invalid(f"file {name[:80]} does not exist")
        if len(self._tasks.tasks) >= _MOST_TASKS:
            raise Refusal("Throttling.RateQuota")
        task = self._tasks.begin(file, str(asked["completion_window"]), hours, ENDPOINT, asked.get("metadata"))
        return wire.respond_json(task.describe())

    async def _list_batches(self, request: web.Request) -> web.Response:
        return _respond_page([task.describe() for task in reversed(self._tasks.tasks.values())], request.query)

    async def _show_batch(self, request: web.Request) -> web.Response:
        return wire.respond_json(self._find_task(request).describe())

    async def _cancel(self, request: web.Request) -> web.Response:
        task = self._find_task(request)
        self._tasks.cancel(task)
        return wire.respond_json(task.describe())

    def _find_file(self, request: web.Request) -> StoredFile:
        file = self._tasks.files.get(request.match_info["id"])
        if file is None:
            raise Refusal("InvalidParameter", "No such File object.", status=404)
        return file

    def _find_task(self, request: web.Request) -> Task:
        task = self._tasks.tasks.get(request.match_info["id"])
        if task is None:
            raise Refusal("InvalidParameter", "No such Batch object.", status=404)
        return task


async def _save(part: BodyPartReader, path: Path) -> None:
    size = 0
    with path.open("wb") as file:
        while piece := await part.read_chunk(_PIECE_BYTES):
            size += file.write(piece)
            if size > MOST_FILE_BYTES:
                break
    if size > MOST_FILE_BYTES:
        path.unlink()
        raise invalid("File size should be at most 500 MB")


def _respond_page(items: list[dict[str, Any]], query: Mapping[str, str]) -> web.Response:
    """A page of a list, which goes from the newest to the oldest."""
    ids = [item["id"] for item in items]
    start = ids.index(query["after"]) + 1 if query.get("after") in ids else 0
    limit = int(query["limit"]) if query.get("limit", "").isdecimal() else _MOST_LISTED
    page = items[start : start + max(1, min(limit, _MOST_LISTED))]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
    return wire.respond_json({"object": "list", "data": page, "has_more": start + len(page) < len(items), **ends})


def make_answer(output: Mapping[str, Any], tokens: int, model: str) -> dict[str, Any]:
    """The answer of the OpenAI-compatible interface to a call for dense vectors."""
    rows = [
        {"object": "embedding", "index": row["text_index"], "embedding": row["embedding"]}
        for row in output["embeddings"]
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": rows, "model": model, "usage": usage, "id": str(uuid.uuid4())}


def refuse(refusal: Refusal) -> web.Response:
    """A response in the shape of OpenAI's errors."""
    kind = "invalid_request_error" if refusal.status < 500 else "server_error"
    error = {"message": refusal.message, "type": kind, "param": None, "code": refusal.code}
    return wire.respond_json({"error": error, "request_id": str(uuid.uuid4())}, refusal.status)
