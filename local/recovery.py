"""Brings the index to the state of the bucket after anything that may have lost an event.

The queues of the emulators are in memory: what ends with a part, or was tried in vain while another was away, is found
by comparing bucket and index.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import requests

from shared.language.counting import count_of

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 30.0
_MOST_TRIES = 20
_RECONCILE_SECONDS = 900
_EVENT = b'{"action":"reconcile"}'


class Recovery:
    """Reconciles in a thread, when it is asked to and when the gateway has given up an event.

    Args:
        url: of the gateway.
        function: deployed name of the ingest function.
        report: shows a sentence at the terminal.
    """

    def __init__(self, url: str, function: str, report: Callable[[str], object]) -> None:
        self._url = url
        self._function = function
        self._report = report
        self._wanted = threading.Event()
        self._ending = threading.Event()
        self._given_up = 0
        self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)

    def begin(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def request(self) -> None:
        """Reconcile as soon as it is possible."""
        self._wanted.set()

    def end(self) -> None:
        """Begin nothing more."""
        self._ending.set()

    def _run(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS):
            given_up = self._count_given_up()
            if given_up != self._given_up:  # fewer: the gateway was started again
                self._given_up = given_up
                self._wanted.set()
            if self._wanted.is_set():
                self._recover()

    def _recover(self) -> None:
        """Reconcile until nothing is left to do; what keeps failing is left to its record and the next timer."""
        problem = ""
        for failures in range(_MOST_TRIES):
            self._wanted.clear()  # what happens from now on is for another time
            problem = self._reconcile()
            if not problem:
                self._report("The index equals the bucket again.")
                return
            if self._ending.wait(min(_LONGEST_WAIT_SECONDS, 2.0**failures)):
                return
        self._report(f"The index may differ from the bucket: {problem}")

    def _reconcile(self) -> str:
        """Compare bucket and index once; returns why something is left to do, or nothing."""
        try:
            answer = requests.post(
                f"{self._url}/2023-03-30/functions/{self._function}/invocations",
                data=_EVENT,
                timeout=_RECONCILE_SECONDS,
            )
            found = answer.json()
        except (requests.RequestException, ValueError) as error:
            return f"{self._function} did not answer ({type(error).__name__})."
        if "results" not in found:
            return str(
                found.get("error", {}).get("message") or found.get("ErrorMessage") or f"status {answer.status_code}"
            )
        unfinished = [key for report in found["results"] for key in report["unfinished"]]
        return f"{count_of(len(unfinished), 'document')} failed, {unfinished[0]} among them." if unfinished else ""

    def _count_given_up(self) -> int:
        status = read_status(self._url, self._function)
        return int(status["failed"]) if status else self._given_up


def read_status(url: str, function: str) -> dict[str, Any] | None:
    """What the gateway reports about a function; ``None`` while it cannot be asked."""
    try:
        functions = requests.get(f"{url}/gateway/status", timeout=10).json()["functions"]
    except (requests.RequestException, ValueError, KeyError):
        return None
    return next((dict(found) for found in functions if found["name"] == function), None)
