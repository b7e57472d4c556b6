"""Function Compute's control plane, as far as Serverless Devs needs it: functions, triggers, and how they are called.

It notes each change it is asked for, refuses on request, and forgets the packages it is sent.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODIFIED = "2026-11-01T00:00:00Z"
_STORED = re.compile(
    r"/2023-03-30/functions/(?P<function>[^/?]+)"
    r"(?:/(?P<kind>async-invoke-config|concurrency|scaling-config|provision-config|vpc-bindings)"
    r"|/triggers/(?P<trigger>[^/?]+))?"
)


@dataclass
class ControlPlane:
    """What is deployed.

    Attributes:
        stored: by path below ``/2023-03-30``.
        changes: method and path of each request that changes something, in order.
        refusals: status and code for paths with a part in them; a ``POST`` or ``PUT`` there is refused.
        uploads: how many packages were sent.
    """

    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    uploads: int = 0
    url: str = ""

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Status and content for a request."""
        place = path.partition("?")[0].rstrip("/")
        if place.endswith("/tempBucketToken"):
            names = {"AccessKeyId": "a", "AccessKeySecret": "b", "SecurityToken": "c", "Expiration": _MODIFIED}
            return 200, {"credentials": names, "ossBucket": "packages", "objectName": "package"}
        if method == "PUT" and not place.startswith("/2023-03-30/"):  # to the bucket for packages
            self.uploads += 1
            return 200, {}
        if method != "GET":
            for part, (status, code) in self.refusals.items():
                if part in place + body.decode("utf-8", "replace")[:200] and method != "DELETE":
                    return status, _refusal(code)
        content = json.loads(body) if body else {}
        if method == "GET":
            return self._read(place)
        self.changes.append(f"{method} {place.removeprefix('/2023-03-30')}")
        if method == "DELETE":
            for name in [name for name in self.stored if name == place or name.startswith(f"{place}/")]:
                del self.stored[name]
            return 204, {}
        if method == "POST":
            place += "/" + str(content.get("functionName") or content.get("triggerName"))
        self.stored[place] = {**self.stored.get(place, {}), **content, "lastModifiedTime": _MODIFIED}
        return 200, self._read(place)[1]

    def _read(self, place: str) -> tuple[int, Any]:
        if place.endswith("/triggers"):
            found = [value for name, value in self.stored.items() if name.startswith(f"{place}/")]
            return 200, {"triggers": found}
        if place.endswith("/functions"):
            return 200, {"functions": [it for name, it in self.stored.items() if name.count("/") == 3]}
        if place not in self.stored:
            return 404, _refusal(_missing(place))
        stored = self.stored[place]
        if "/triggers/" in place and stored.get("triggerType") == "http":
            return 200, {**stored, "httpTrigger": {"urlInternet": f"{self.url}/x"}}
        return 200, {key: value for key, value in stored.items() if key != "code"}


def _missing(place: str) -> str:
    found = _STORED.fullmatch(place)
    if found and found["trigger"]:
        return "TriggerNotFound"
    return f"{found['kind']}NotFound" if found and found["kind"] else "FunctionNotFound"


def _refusal(code: str) -> dict[str, str]:
    return {"Code": code, "Message": f"refused: {code}", "RequestId": "1"}


@contextmanager
def serving(plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane at an address of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self._read_body()
            status, content = plane.answer(self.command, self.path, body)
            data = b"" if status == 204 else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("x-fc-request-id", "1")
            self.end_headers()
            self.wfile.write(data)

        def _read_body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        plane.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield plane
        finally:
            server.shutdown()
            thread.join()
