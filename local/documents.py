"""The state of the documents as the search function reports it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from local.processes import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local.stack import Stack

_PAGE = 1_000


class Documents:
    """The documents of the index; those read last while the function does not answer.

    Args:
        report: shows a sentence at the terminal.
    """

    def __init__(self, running: Stack, report: Callable[[str], object]) -> None:
        self._running = running
        self._report = report
        self._last: list[dict[str, Any]] = []
        self._is_away = False

    def read(self) -> list[dict[str, Any]]:
        """The state of every document, page by page.

        Raises:
            StartError: a part of the stack ended and cannot be started again.
        """
        if self._running.failure:
            raise StartError(self._running.failure)
        try:
            self._last = self._read_pages()
        except (requests.RequestException, ValueError, KeyError) as error:
            if not self._is_away:
                self._report(f"search does not answer ({_shorten(error)}); it is asked again.")
            self._is_away = True
        else:
            if self._is_away:
                self._report("search answers again.")
            self._is_away = False
        return self._last

    def count_chunks(self, documents: Iterable[Mapping[str, Any]]) -> int:
        """The chunks of documents that are in the index already, though the documents are not complete."""
        total = 0
        for document in documents:
            try:
                found = self._get(f"/documents/{document['id']}/chunks", {"limit": "1"})
                total += int(found["total"])
            except (requests.RequestException, ValueError, KeyError):
                continue
        return total

    def _read_pages(self) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = []
        after: str | None = ""
        while after is not None:
            found = self._get("/documents", {"limit": str(_PAGE), "after": after})
            documents += found["documents"]
            after = found["next"]
        return documents

    def _get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        answer = requests.get(
            f"{self._running.url}{path}", params=parameters, headers=key_of(self._running), timeout=30
        )
        answer.raise_for_status()
        return dict(answer.json())


def key_of(running: Stack) -> dict[str, str]:
    """The header with an API key, where the functions want one."""
    keys = running.environ.get("API_KEYS", "")
    return {"x-api-key": keys.split(",")[0].strip()} if keys else {}


def _shorten(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"status {error.response.status_code}"
    return type(error).__name__
