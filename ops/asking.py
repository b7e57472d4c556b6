"""Asks a deployment one question, as its first user would; an empty bucket gets the sample documents first."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests

from ops.invoking import InvocationError, describe
from shared.domain.errors import PlatformError
from shared.ingestion.bucket import Bucket
from shared.runtime.retrying import Deadline
from shared.runtime.settings import BucketSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ops.deployment import Deployment

_CALL_SECONDS: Final = 60
_BUCKET_SECONDS: Final = 300.0
_INDEX_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 2.0


class AskError(Exception):
    """There is no answer; the message says why and what to do."""


@dataclass(frozen=True)
class Search:
    """The search function of a deployment.

    Attributes:
        address: where it answers.
        key: an API key; empty where none is needed.
    """

    address: str
    key: str

    def get(self, path: str, **parameters: str) -> Any:
        """What it answers.

        Raises:
            AskError: it does not answer, or refuses.
        """
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        url = f"{self.address.rstrip('/')}{path}"
        try:
            answer = requests.get(url, params=parameters, headers=headers, timeout=_CALL_SECONDS)
            content = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise AskError(f"{url} does not answer: {error}") from None
        if not answer.ok:
            raise AskError(f"{url} refuses: {content['error']['message']} ({content['error']['code']})")
        return content


def ask(
    question: str,
    deployment: Deployment,
    environ: Mapping[str, str],
    samples: Path,
    say: Callable[[str], object],
) -> int:
    """Ask ``question`` and print the best answer and the address; the exit status is 1 where there is none.

    Args:
        environ: ``SEARCH_URL`` names another address than that of the function's trigger, ``API_KEY`` another key than
            the first of ``API_KEYS``.
        samples: a folder with documents for an empty bucket.
        say: takes each line.
    """
    try:
        search = _find_search(deployment, environ)
        uploaded = _fill_empty_bucket(deployment, environ, samples, say)
        if uploaded:
            _wait_until_indexed(search, uploaded, say)
        for line in _lay_out(search.get("/search", q=question, top_k="3")):
            say(line)
    except (AskError, InvocationError, PlatformError) as error:
        say(str(error))
        return 1
    say(f"Asked at {search.address}")
    return 0


def _find_search(deployment: Deployment, environ: Mapping[str, str]) -> Search:
    keys = [entry.partition("@")[0].strip() for entry in environ.get("API_KEYS", "").split(",")]
    key = environ.get("API_KEY") or next((key for key in keys if key and not key.lower().startswith("sha256:")), "")
    if not key and environ.get("API_KEYS", ""):
        raise AskError("API_KEYS holds hashes only: set API_KEY to a key for this one call.")
    address = environ.get("SEARCH_URL") or describe(deployment.functions["search"], environ).address
    if not address:
        raise AskError("The search function has no HTTP trigger: deploy it first, or name its address in SEARCH_URL.")
    return Search(address, key)


def _fill_empty_bucket(
    deployment: Deployment, environ: Mapping[str, str], samples: Path, say: Callable[[str], object]
) -> set[str]:
    """The keys of the documents that were uploaded; none if the bucket holds some."""
    declared = deployment.functions["ingest"].environment_variables
    bucket = Bucket(read_settings(BucketSettings, {**environ, **declared}))
    until = Deadline.after(_BUCKET_SECONDS)
    if next(bucket.list_documents(until)):
        return set()
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
