"""Events that Function Compute gave up: the queue of Simple Message Queue (MNS) that keeps them, or the local folder.

The records have the shape of https://help.aliyun.com/zh/functioncompute/fc/result-callback. The queue's API signs in a
way of its own: https://help.aliyun.com/zh/mns/developer-reference/sign-a-request.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import requests

from ops.cloud import CloudError, connect
from ops.local_stack import find_failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ops.cloud import Cloud
    from ops.deployment import Deployment

_SECONDS: Final = 20
# The most that one call gives.
_BATCH: Final = 16
_EMPTY: Final = "MessageNotExist"
_VERSION: Final = "2015-06-06"


@dataclass(frozen=True)
class FailedEvent:
    """An event that was given up.

    Attributes:
        handle: by which its queue removes it.
        function: name of the function that it was for; empty where the record cannot be read.
        payload: the event, as it was sent.
        code: of the error with which the function answered; empty where it gave none.
    """

    handle: str
    function: str = ""
    payload: str = ""
    code: str = ""


class FailureQueue(Protocol):
    """Keeps events that were given up."""

    def list_events(self, *, peek: bool) -> Iterator[FailedEvent]:
        """The events, each once.

        Args:
            peek: leave them visible to other readers; a queue may then show the first only.

        Raises:
            CloudError: the service refuses, or does not answer.
        """

    def remove(self, event: FailedEvent) -> None:
        """Forget an event.

        Raises:
            CloudError: the service refuses, or does not answer.
        """


class FolderQueue:
    """The events of a local stack: a file for each, in a folder for each function."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def list_events(self, *, peek: bool) -> Iterator[FailedEvent]:
        """The events, oldest first for each function."""
        del peek
        for file in sorted(self._folder.glob("*/*.json")):
            yield _read_record(str(file.relative_to(self._folder)), file.read_bytes())

    def remove(self, event: FailedEvent) -> None:
        """Delete the file."""
        (self._folder / event.handle).unlink(missing_ok=True)


class MessageQueue:
    """A queue of Simple Message Queue.

    Args:
        account: that it belongs to.
        name: of the queue.
    """

    def __init__(self, cloud: Cloud, account: str, name: str) -> None:
        self._cloud = cloud
        self._address = cloud.endpoint or f"https://{account}.mns.{cloud.region}.aliyuncs.com"
        self._path = f"/queues/{name}/messages"

    def list_events(self, *, peek: bool) -> Iterator[FailedEvent]:
        """The events that are visible; peeking shows 16 at most."""
        seen: set[str] = set()
        while True:
            found = self._receive(peek=peek)
            new = [(name, event) for name, event in found if name not in seen]
            seen.update(name for name, _ in new)
            yield from (event for _, event in new)
            if peek or not new:
                return

    def remove(self, event: FailedEvent) -> None:
        """Delete the message."""
        self._call("DELETE", f"?ReceiptHandle={quote(event.handle, safe='')}")

    def _receive(self, *, peek: bool) -> list[tuple[str, FailedEvent]]:
        """Id and event of the next messages."""
        asked = "peekonly=true&" if peek else ""
        try:
            raw = self._call("GET", f"?{asked}numOfMessages={_BATCH}")
        except CloudError as error:
            if error.code == _EMPTY:
                return []
            raise
        return [
            (message.get("MessageId", ""), _read_record(message.get("ReceiptHandle", ""), _decode(message)))
            for message in _read_messages(raw)
        ]

    def _call(self, method: str, query: str) -> bytes:
        resource = f"{self._path}{query}"
        try:
            answer = requests.request(
                method, f"{self._address}{resource}", headers=self._sign(method, resource), timeout=_SECONDS
            )
        except requests.RequestException as error:
            host = urlsplit(self._address).hostname
            raise CloudError("not_answered", f"{host} did not answer: {type(error).__name__}") from None
        if not answer.ok:
            fields = next(iter(_read_messages(answer.content)), {})
            code = fields.get("Code", f"status_{answer.status_code}")
            raise CloudError(code, fields.get("Message", "Simple Message Queue answered with an error"))
        return answer.content

    def _sign(self, method: str, resource: str) -> dict[str, str]:
        credentials, date = self._cloud.credentials, formatdate(usegmt=True)
        text = f"{method}\n\ntext/xml\n{date}\nx-mns-version:{_VERSION}\n{resource}"
        signature = base64.b64encode(hmac.new(credentials.secret.encode(), text.encode(), hashlib.sha1).digest())
        return {
            "Content-Type": "text/xml",
            "Date": date,
            "x-mns-version": _VERSION,
            "Authorization": f"MNS {credentials.key_id}:{signature.decode()}",
            **({"security-token": credentials.token} if credentials.token else {}),
        }


def find_queue(deployment: Deployment, environ: Mapping[str, str]) -> FailureQueue:
    """The queue that ``s.yaml`` names, or the folder of the local stack.

    Raises:
        CloudError: ``no_credentials``: there is no key.
    """
    if folder := find_failures(environ):
        return FolderQueue(folder)
    # acs:mns:REGION:ACCOUNT:/queues/NAME/messages
    parts = str(deployment.variables["failures"]).split(":")
    return MessageQueue(connect(environ, parts[2]), parts[3], parts[4].split("/")[2])


def _read_record(handle: str, raw: bytes) -> FailedEvent:
    try:
        record = json.loads(raw)
        function = str(record["requestContext"]["functionArn"]).partition("functions/")[2].partition("/")[0]
        return FailedEvent(handle, function, str(record["requestPayload"]), _read_code(record.get("responsePayload")))
    except (ValueError, KeyError, TypeError):
        return FailedEvent(handle)


def _read_code(payload: Any) -> str:
    """The code of the function's answer."""
    try:
        content = json.loads(payload) if isinstance(payload, str) else payload
        return str(content["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return ""


def _read_messages(raw: bytes) -> list[dict[str, str]]:
    """The fields of each message, or of the error."""
    try:
        root = ElementTree.fromstring(raw)  # noqa: S314 - the service's answer; Expat bounds what entities expand to
    except ElementTree.ParseError:
        return []
    items = [item for item in root if _name(item) == "Message" and len(item)] or [root]
    return [{_name(field): field.text or "" for field in item} for item in items]


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _decode(message: Mapping[str, str]) -> bytes:
    """The body of a message, which clients of the queue may write in Base64."""
    body = message.get("MessageBody", "")
    if body.lstrip().startswith("{"):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return b""
