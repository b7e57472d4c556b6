"""The pages for people: each one document joined from files in ``page/``, and the headers under which it is sent."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path

from flask import Response, request

_FOLDER = Path(__file__).with_name("page")
_TAG_LENGTH = 32
_PART = re.compile(r"@@([\w.]+)@@")


def render(name: str = "page.html", bucket: str = "") -> Response:
    """Answer with a page, or with 304 where the browser holds it already; arguments as of `read`."""
    text, headers = read(name, bucket)
    response = Response(text, headers=headers, mimetype="text/html")
    if request.accept_encodings["gzip"] > 0:
        response.set_data(_pack(text))
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(hashlib.sha256(text.encode()).hexdigest()[:_TAG_LENGTH], weak=True)
    response.make_conditional(request)
    return response


@cache
def read(name: str = "page.html", bucket: str = "") -> tuple[str, dict[str, str]]:
    """Return a page and its headers.

    The Content-Security-Policy lets it run its own script and nothing that a document may contain, and connect to this
    function alone, and to the bucket where documents are uploaded.

    Args:
        name: of the page.
        bucket: origin of the bucket; empty where the page uploads nothing.
    """
    text = _PART.sub(lambda part: _read_part(part[1]), (_FOLDER / name).read_text("utf-8"))
    targets = f"'self' {bucket}".rstrip()
    policy = (
        f"default-src 'none'; script-src {_hash(text, 'script')}; style-src {_hash(text, 'style')}; "
        f"connect-src {targets}; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    return text, {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


@cache
def _pack(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def _read_part(name: str) -> str:
    text = (_FOLDER / name).read_text("utf-8")
    if not name.endswith(".json"):
        return f"\n{text}"
    # Within a script element "</" could end it.
    return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def _hash(page: str, tag: str) -> str:
    """Return the hash of what each ``tag`` without attributes contains, as a Content-Security-Policy names it."""
    contents = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() for content in contents)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
