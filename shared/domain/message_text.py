"""Content of a queue's message that is JSON: written as it is, or in Base64, as clients of queues encode by default.

Simple Message Queue (MNS) carries text. Its SDKs encode what they send, and OSS encodes its own notifications; whether
the encoding is taken off again depends on a setting of each subscription.
https://help.aliyun.com/document_detail/122379.html
"""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

_JSON: Final = ("{", "[")
# Base64 of a text that starts with a brace, a bracket, white space or a byte order mark starts like this.
_ENCODED: Final = ("e", "W", "C", "D", "I", "77u/")
_MARK: Final = "\ufeff"


def decode(value: Any) -> Any:
    """The JSON object or list that a text holds; any other value, such as plain text, as it is."""
    if not isinstance(value, str):
        return value
    text = value.strip().removeprefix(_MARK)
    if not text.startswith(_JSON):
        text = _decode_base64(text)
    if not text.startswith(_JSON):
        return value
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return value


def _decode_base64(text: str) -> str:
    """What ``text`` encodes, as far as that may be JSON; empty otherwise."""
    if not text.startswith(_ENCODED):
        return ""
    try:
        data = "".join(text.split()).encode("ascii")
        decoded = base64.b64decode(data + b"=" * (-len(data) % 4), validate=True)
        return decoded.decode("utf-8").removeprefix(_MARK).strip()
    except ValueError:
        return ""
