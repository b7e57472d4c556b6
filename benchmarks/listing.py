"""A server with the listing of a large bucket, made up as it is asked for: OSS' ListObjectsV2, and nothing else.

python -m benchmarks.listing DOCUMENTS
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "scale"
MODIFIED = 1_767_225_600
_STAMP = "2026-01-01T00:00:00.000Z"
_DIGITS = 7


def name_document(number: int) -> str:
    """The key of a document; keys are in the order of their numbers."""
    return f"documents/{number // 1_000:04}/{number:0{_DIGITS}}.txt"


def make_etag(number: int) -> str:
    """The ETag of a document."""
    return f"{number:032X}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    documents: ClassVar[int] = 0

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = _render(query, self.documents).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _render(query: dict[str, str], documents: int) -> str:
    after = query.get("continuation-token") or query.get("start-after", "")
    first = int(after[-_DIGITS - 4 : -4]) + 1 if after else 0
    last = min(documents, first + int(query.get("max-keys", "100")))
    entries = "".join(
        f"<Contents><Key>{escape(name_document(number))}</Key><LastModified>{_STAMP}</LastModified>"
        f'<ETag>"{make_etag(number)}"</ETag><Type>Normal</Type><Size>9</Size>'
        "<StorageClass>Standard</StorageClass></Contents>"
        for number in range(first, last)
    )
    more = last < documents
    token = f"<NextContinuationToken>{name_document(last - 1)}</NextContinuationToken>" if more else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>{BUCKET}</Name><Prefix></Prefix>'
        f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}"
        "</ListBucketResult>"
    )


@contextmanager
def running(documents: int) -> Iterator[str]:
    """The address of a server with so many documents, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.listing", str(documents)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=int)
    _Handler.documents = parser.parse_args().documents
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
