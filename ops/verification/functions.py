"""What is assumed of Function Compute, seen from outside a deployment; it takes one that runs."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import requests

from ops.invoking import InvocationError, describe, invoke
from ops.verification.assumption import Assumption, UncheckedError, expect, leave_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ops.deployment import Deployment

_SECONDS: Final = (10, 90)
_LONG_PATH_BYTES: Final = 4_000
_TOO_LONG_PATH_BYTES: Final = 4_200
_LARGE_HEADER_BYTES: Final = 6_000
# An event that no function takes for work.
_NO_EVENT: Final = {"action": "verify"}
_UNSEEN: Final = (
    (
        "retries",
        "An event that ends with 404 and x-fc-status, or with no answer, is delivered again, then goes to onFailure.",
        "it happens inside Function Compute; `s ingest logs` shows x-fc-retry-count",
    ),
    (
        "freeze",
        "An instance without a request is frozen, and goes on later with dead connections.",
        "only the instance itself sees it",
    ),
    (
        "credentials",
        "Each invocation brings temporary credentials in its headers, and the environment those of the start.",
        "only the function itself sees them",
    ),
    (
        "concurrency",
        "An instance of a custom runtime gets up to instanceConcurrency requests at once; for events it may be one.",
        "it takes events, which would be billed; the metrics of the function show it",
    ),
    (
        "lifecycle",
        "The initializer is called once before the first request, preStop before an instance ends.",
        "only the function itself sees it",
    ),
    (
        "runtime",
        "custom.debian12 has Python 3.11 at /usr/bin/python3, and the code lies at /code.",
        "a function that answers at all has shown it, see functions.address",
    ),
)


class RunningFunctions:
    """The functions of a deployment, by the addresses of their triggers."""

    def __init__(self, deployment: Deployment, environ: Mapping[str, str]) -> None:
        self.deployment = deployment
        self.environ = environ
        self.addresses = {name: address.rstrip("/") for name, address in self._find()}

    def _find(self) -> Iterator[tuple[str, str]]:
        if address := self.environ.get("SEARCH_URL"):  # of the local stack, which has no other address
            yield "search", address
            return
        for name in ("search", "embed"):
            yield name, describe(self.deployment.functions[name], self.environ).address

    def send(self, name: str, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request to the trigger of a function."""
        return requests.request(
            method, f"{self.addresses[name]}{path}", timeout=_SECONDS, allow_redirects=False, **options
        )


@contextmanager
def open_functions(deployment: Deployment, environ: Mapping[str, str]) -> Iterator[Iterable[Assumption]]:
    """The assumptions about Function Compute; nothing is made that has to be removed.

    Raises:
        UncheckedError: nothing is deployed, or it cannot be asked.
    """
    try:
        running = RunningFunctions(deployment, environ)
    except InvocationError as error:
        raise UncheckedError(f"no deployment was found: {error}") from None
    if not all(running.addresses.values()):
        raise UncheckedError("the functions have no HTTP trigger: deploy them first")
    yield _list_assumptions(running)


def _list_assumptions(running: RunningFunctions) -> Iterator[Assumption]:
    def assume(subject: str, sentence: str, check: Callable[[RunningFunctions], str]) -> Assumption:
        return Assumption(f"functions.{subject}", sentence, partial(check, running))

    yield assume("address", "The address of a trigger answers with the function's own JSON.", _check_address)
    yield assume("request_id", "Every answer has the header x-fc-request-id.", _check_request_id)
    yield assume("path", "A path of 4,000 bytes arrives; above 4 KB it is refused before the function.", _check_path)
    yield assume("headers", "Headers of 6,000 bytes arrive.", _check_headers)
    yield assume("strangers", "/invoke by an HTTP trigger is no event, even with x-fc-control-path.", _check_strangers)
    yield assume("async_header", "X-Fc-Invocation-Type: Async queues a call: 202, without its answer.", _check_async)
    yield assume("errors", "An invocation by the API returns what the function says of its failure.", _check_errors)
    for name, sentence, reason in _UNSEEN:
        yield leave_out(f"functions.{name}", sentence, reason)


def _check_address(running: RunningFunctions) -> str:
    answer = running.send("search", "GET", "/healthz")
    expect(answer.status_code == 200, f"/healthz is answered with {answer.status_code}")
    expect(answer.json().get("status") == "ok", "/healthz is not the function's")
    kind = answer.headers.get("Content-Disposition", "")
    return "browsers get answers as a download" if kind.startswith("attachment") else "browsers show answers"


def _check_request_id(running: RunningFunctions) -> str:
    for name in running.addresses:
        answer = running.send(name, "GET", "/healthz")
        expect(answer.headers.get("x-fc-request-id"), f"an answer of {name} has none")
    return ""


def _check_path(running: RunningFunctions) -> str:
    whole = running.send("search", "GET", f"/healthz?q={'a' * (_LONG_PATH_BYTES - len('/healthz?q='))}")
    expect(whole.status_code == 200, f"{_LONG_PATH_BYTES} bytes are answered with {whole.status_code}")
    longer = running.send("search", "GET", f"/healthz?q={'a' * (_TOO_LONG_PATH_BYTES - len('/healthz?q='))}")
    expect(400 <= longer.status_code < 500, f"{_TOO_LONG_PATH_BYTES} bytes are answered with {longer.status_code}")
    return f"above it is {longer.status_code}"


def _check_headers(running: RunningFunctions) -> str:
    answer = running.send("search", "GET", "/healthz", headers={"X-Verify": "a" * _LARGE_HEADER_BYTES})
    expect(answer.status_code == 200, f"they are answered with {answer.status_code}")
    return ""


def _check_strangers(running: RunningFunctions) -> str:
    for name in running.addresses:
        for headers in ({}, {"x-fc-control-path": "/invoke"}):
            answer = running.send(name, "POST", "/invoke", headers=headers, json=_NO_EVENT)
            expect(answer.status_code == 404, f"{name} answers {answer.status_code} with {headers or 'no header'}")
    return ""


def _check_async(running: RunningFunctions) -> str:
    answer = running.send("search", "GET", "/healthz", headers={"X-Fc-Invocation-Type": "Async"})
    expect(answer.status_code == 202, f"it is answered with {answer.status_code}")
    expect(b"status" not in answer.content, "it has the answer of the function")
    return ""


def _check_errors(running: RunningFunctions) -> str:
    try:
        invoke(running.deployment.functions["ingest"], _NO_EVENT, running.environ)
    except InvocationError as error:
        if error.code in ("not_called", "no_credentials"):
            raise UncheckedError(str(error)) from None
        expect(error.code == "unknown_event", f"the failure is {error.code}")
        return error.code
    expect(False, "an event that is none succeeds")
    return ""
