"""Asks a deployment one question, as its first user would; an empty bucket gets the sample documents first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ops.credentials import NO_KEY, VARIABLES
from ops.invoking import InvocationError
from ops.remote_search import AskError, Search, find_search
from shared.domain.errors import PlatformError
from shared.ingestion.bucket import Bucket
from shared.runtime.retrying import Deadline
from shared.runtime.settings import BucketSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ops.deployment import Deployment

_BUCKET_SECONDS: Final = 300.0
_INDEX_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 2.0
_HITS: Final = "3"
# Of a question in a link; with the path it must stay below what Function Compute takes, 4,096 bytes.
_MOST_LINK_CHARACTERS: Final = 3_000


def ask(
    question: str,
    deployment: Deployment,
    environ: Mapping[str, str],
    samples: Path,
    say: Callable[[str], object],
) -> dict[str, Any] | None:
    """Ask ``question``, say the best answer and the address, and return what search answered; ``None`` without that.

    Args:
        environ: ``SEARCH_URL`` names another address than that of the function's trigger, ``API_KEY`` another key than
            the first of ``API_KEYS``.
        samples: a folder with documents for an empty bucket.
        say: takes each line.
    """
    try:
        search = find_search(deployment, environ)
        uploaded = _fill_empty_bucket(deployment, environ, samples, say)
        if uploaded:
            _wait_until_indexed(search, uploaded, say)
        answer = _search_for(question, search)
        for line in _lay_out(answer):
            say(line)
    except (AskError, InvocationError, PlatformError) as error:
        say(str(error))
        return None
    say(f"Asked at {search.address}")
    return answer


def _search_for(question: str, search: Search) -> dict[str, Any]:
    """The answer to a question that was asked as a link, or in a body where that would be too long for one."""
    if len(quote(question)) > _MOST_LINK_CHARACTERS:
        return dict(search.post("/search", {"query": question, "top_k": int(_HITS)}))
    return dict(search.get("/search", q=question, top_k=_HITS))


def _fill_empty_bucket(
    deployment: Deployment, environ: Mapping[str, str], samples: Path, say: Callable[[str], object]
) -> set[str]:
    """The keys of the documents that were uploaded; none if the bucket holds some."""
    if not all(environ.get(name) for name in VARIABLES[:2]):
        raise AskError(NO_KEY)
    declared = deployment.functions["ingest"].environment_variables
    bucket = Bucket(read_settings(BucketSettings, {**environ, **declared}))
    until = Deadline.after(_BUCKET_SECONDS)
    if next(bucket.list_documents(until)):
        return set()
    if not samples.is_dir():
        raise AskError(f"The bucket is empty, and {samples} holds no samples to put into it: upload a document first.")
    files = sorted(path for path in samples.iterdir() if path.is_file())
    say(f"The bucket is empty: uploading {len(files)} sample documents")
    for path in files:
        bucket.put(f"{bucket.prefix}{path.name}", path.read_bytes(), until)
    return {f"{bucket.prefix}{path.name}" for path in files}


def _wait_until_indexed(search: Search, keys: set[str], say: Callable[[str], object]) -> None:
    until = time.monotonic() + _INDEX_SECONDS
    while True:
        found = search.get("/documents", limit="1000")["documents"]
        done = {document["key"] for document in found if document["state"] != "pending"} & keys
        say(f"{len(done)} of {len(keys)} documents are indexed")
        if done == keys:
            return
        if time.monotonic() > until:
            raise AskError("The others take too long: `s ingest logs --tail` shows why.")
        time.sleep(_POLL_SECONDS)


def _lay_out(answer: Mapping[str, Any]) -> Iterator[str]:
    hits = answer["hits"]
    if not hits or not answer.get("answerable", True):
        yield "No document answers it." + (" What is nearest:" if hits else "")
    for place, hit in enumerate(hits, 1):
        document, headings = hit["document"], hit["location"]["headings"]
        yield f"{place}. {', '.join([document['title'] or document['key'], *headings[-1:]])}  ({document['key']})"
        if place == 1:
            yield " ".join((hit.get("snippet") or {"text": hit["text"]})["text"].split())
