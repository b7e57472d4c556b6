"""Links as clients send them: some, curl among them, leave characters such as Chinese ones as they were typed."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

_VERSIONS: Final = (b" HTTP/1.1", b" HTTP/1.0")
_NOT_ASCII: Final = re.compile(rb"[\x80-\xff]")


def encode_link(head: bytes) -> bytes:
    """Percent-encode what a client should have encoded in the request line, with which ``head`` begins.

    https://www.rfc-editor.org/rfc/rfc3986#section-2.1
    """
    line, end, rest = head.partition(b"\r\n")
    if line.isascii() or not end or not line.endswith(_VERSIONS):
        return head
    return _NOT_ASCII.sub(lambda byte: b"%%%02X" % byte[0][0], line) + end + rest


def decode_path(path: str) -> str:
    """The path of a request line as Flask routes it: decoded, with one slash in front."""
    return "/" + unquote(path).lstrip("/")


def has_option(header: str, option: str) -> bool:
    """Whether a list of options, such as that of ``Connection: TE, close``, holds one; gunicorn compares the whole."""
    return option in (one.strip().lower() for one in header.split(","))
