"""The search function of a deployment, as an operator asks it over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests

from ops.invoking import describe
from ops.unreached import explain_silence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.deployment import Deployment

# Seconds for the connection, and for the answer, as long as a function may take.
_PATIENCE: Final = (10, 60)
_PAGE: Final = "1000"


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
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What it answers to a body.

        Raises:
            AskError: it does not answer, or refuses.
        """
        return self._call("POST", path, json=body)

    def list_documents(self, **parameters: str) -> Iterator[dict[str, Any]]:
        """The records of documents, page by page, in the order of their keys.

        Raises:
            AskError: it does not answer, or refuses.
        """
        after: str | None = ""
        while after is not None:
            page = self.get("/documents", limit=_PAGE, after=after, **parameters)
            yield from page["documents"]
            after = page["next"]

    def _call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        url = f"{self.address.rstrip('/')}{path}"
        try:
            answer = requests.request(method, url, headers=headers, timeout=_PATIENCE, **options)
        except (requests.RequestException, ValueError) as error:
            raise AskError(f"{url} does not answer: {explain_silence(url, error)}") from None
        try:
            content = answer.json()
        except ValueError:
            raise AskError(f"{url} answers with status {answer.status_code} and no JSON: is it search?") from None
        if not answer.ok:
            raise AskError(f"{url} refuses: {_describe_refusal(content) or f'status {answer.status_code}'}")
        return content


def _describe_refusal(content: Any) -> str:
    """The sentence and the code of search, or of Function Compute, which refuses what does not reach the function."""
    fields = content if isinstance(content, dict) else {}
    error = fields.get("error")
    named = error if isinstance(error, dict) else {}
    message = named.get("message") or fields.get("ErrorMessage")
    code = named.get("code") or fields.get("ErrorCode")
    return " ".join(filter(None, (str(message or ""), f"({code})" if code else "")))


def find_search(deployment: Deployment, environ: Mapping[str, str]) -> Search:
    """Find where search answers, and a key for it.

    Args:
        environ: ``SEARCH_URL`` names another address than that of the function's trigger, ``API_KEY`` another key than
            the first of ``API_KEYS``.

    Raises:
        AskError: there is no address or no key.
        InvocationError: Function Compute refuses, or does not answer.
    """
    keys = [entry.partition("@")[0].strip() for entry in environ.get("API_KEYS", "").split(",")]
    key = environ.get("API_KEY") or next((key for key in keys if key and not key.lower().startswith("sha256:")), "")
    if not key and environ.get("API_KEYS", ""):
        raise AskError("API_KEYS holds hashes only: set API_KEY to a key for this one call.")
    address = environ.get("SEARCH_URL") or describe(deployment.functions["search"], environ).address
    if not address:
        raise AskError("The search function has no HTTP trigger: deploy it first, or name its address in SEARCH_URL.")
    return Search(address, key)
