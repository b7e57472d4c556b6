"""Calls and describes a deployed function by Function Compute's own API, as an operator: the one file with its SDK.

Credentials and names are those of the deployment (``.env`` and the environment). The gateway of the local stack speaks
the same API: https://help.aliyun.com/zh/functioncompute/fc/developer-reference/api-fc-2023-03-30-invokefunction
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import requests

from ops.deployment import HttpTrigger
from ops.refusals import find_next_step
from ops.unreached import explain_silence
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ops.deployment import Function

Answer = TypeVar("Answer")

_CONNECT_SECONDS = 10
# What the way there and back may take on top of the function's own time.
_MARGIN_SECONDS = 30
# All instances are busy: Function Compute refuses a call that is waited for; events are queued.
_BUSY = "ResourceExhausted"
_BUSY_SECONDS, _BUSY_POLL_SECONDS = 120.0, 1.0


class InvocationError(RuntimeError):
    """The function could not be called, or refused; the message says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def invoke(function: Function, event: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    """Call ``function`` with ``event`` and wait for its answer.

    Args:
        environ: ``ALIBABA_CLOUD_ACCESS_KEY_ID`` and ``ALIBABA_CLOUD_ACCESS_KEY_SECRET`` of a user who may call it;
            ``FC_ENDPOINT`` for another address than the region's, such as the local stack's, which asks for no key.

    Raises:
        InvocationError: Function Compute or the function refuses, or neither answers.
    """
    from alibabacloud_fc20230330 import models

    patience = _patience(function.timeout + _MARGIN_SECONDS)

    def call(client: Any) -> Any:
        request = models.InvokeFunctionRequest(body=io.BytesIO(json.dumps(event).encode()))
        return client.invoke_function_with_options(
            function.function_name, request, models.InvokeFunctionHeaders(), patience
        )

    answer = _ask_until_free(call, function.region, environ)
    content = json.loads(answer.body.read())
    if "error" in content:
        raise _refusal(content, "")
    return content


def invoke_later(function: Function, event: Any, environ: Mapping[str, str]) -> str:
    """Hand ``event`` to Function Compute's queue of asynchronous calls; returns the request id.

    Raises:
        InvocationError: Function Compute refuses, or does not answer.
    """
    from alibabacloud_fc20230330 import models

    request = models.InvokeFunctionRequest(body=io.BytesIO(json.dumps(event).encode()))
    headers = models.InvokeFunctionHeaders(x_fc_invocation_type="Async")
    patience, name = _patience(_MARGIN_SECONDS), function.function_name
    answer = _ask(
        lambda client: client.invoke_function_with_options(name, request, headers, patience), function.region, environ
    )
    return str({key.lower(): value for key, value in answer.headers.items()}.get("x-fc-request-id", ""))


@dataclass(frozen=True)
class State:
    """How Function Compute describes a function.

    Attributes:
        modified: when it was last updated.
        last_update_status: ``Successful``, ``InProgress`` or ``Failed``; empty where the service says none.
        reason: why the last update failed.
        address: of its HTTP trigger, over HTTPS; empty without one.
    """

    modified: datetime
    last_update_status: str
    reason: str
    address: str


def describe(function: Function, environ: Mapping[str, str]) -> State:
    """Ask how ``function`` stands.

    Raises:
        InvocationError: Function Compute refuses, or does not answer.
    """
    from alibabacloud_fc20230330 import models

    patience, name = _patience(_MARGIN_SECONDS), function.function_name

    def ask(client: Any) -> tuple[Any, str]:
        found = client.get_function_with_options(name, models.GetFunctionRequest(), {}, patience).body
        triggers = function.triggers_of(HttpTrigger)
        if not triggers:
            return found, ""
        trigger = client.get_trigger_with_options(name, triggers[0].trigger_name, {}, patience).body
        return found, trigger.http_trigger.url_internet or ""

    found, address = _ask(ask, function.region, environ)
    modified = datetime.fromisoformat(found.last_modified_time)
    return State(modified, found.last_update_status or "", found.last_update_status_reason or "", address)


def check_access(region: str, environ: Mapping[str, str]) -> None:
    """See whether Function Compute is switched on and the operator may use it.

    Raises:
        InvocationError: it refuses, or does not answer.
    """
    from alibabacloud_fc20230330 import models

    patience, request = _patience(_MARGIN_SECONDS), models.ListFunctionsRequest(limit=1)
    _ask(lambda client: client.list_functions_with_options(request, {}, patience), region, environ)


def read_health(address: str) -> dict[str, Any]:
    """What ``/healthz`` of the function at ``address`` says.

    Raises:
        InvocationError: it does not answer.
    """
    try:
        answer = requests.get(f"{address.rstrip('/')}/healthz", timeout=_MARGIN_SECONDS)
        answer.raise_for_status()
        return dict(answer.json())
    except (requests.RequestException, ValueError) as error:
        raise InvocationError("not_called", f"{address} did not answer: {explain_silence(address, error)}") from None


def _patience(seconds: int) -> Any:
    from darabonba.runtime import RuntimeOptions

    return RuntimeOptions(connect_timeout=_CONNECT_SECONDS * 1_000, read_timeout=seconds * 1_000)


def _ask(ask: Callable[[Any], Answer], region: str, environ: Mapping[str, str]) -> Answer:
    from darabonba.exceptions import DaraException, UnretryableException

    try:
        return ask(_client(region, environ))
    except DaraException as error:
        raise _refusal(error.data or {}, f"{error.code}: {error.message}") from None
    except UnretryableException as error:
        address = environ.get("FC_ENDPOINT") or f"Function Compute in {region}"
        raise InvocationError("not_called", f"{address} did not answer: {explain_silence(address, error)}") from None


def _ask_until_free(ask: Callable[[Any], Answer], region: str, environ: Mapping[str, str]) -> Answer:
    """Ask again while all instances are busy with events, which come first."""
    until = clock.monotonic() + _BUSY_SECONDS
    while True:
        try:
            return _ask(ask, region, environ)
        except InvocationError as error:
            if error.code != _BUSY or clock.monotonic() > until:
                raise
        clock.sleep(_BUSY_POLL_SECONDS)


def _client(region: str, environ: Mapping[str, str]) -> Any:
    from alibabacloud_fc20230330.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

    protocol, _, address = (environ.get("FC_ENDPOINT") or "").rpartition("://")
    names = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    key, secret = (environ.get(name) or ("local" if address else "") for name in names)
    if not key or not secret:
        raise InvocationError(
            "no_credentials",
            f"Set {' and '.join(names)}, or run `aliyun configure`: Function Compute asks who calls.",
        )
    return Client(
        Config(
            access_key_id=key,
            access_key_secret=secret,
            security_token=environ.get("ALIBABA_CLOUD_SECURITY_TOKEN") or None,
            region_id=region,
            protocol=protocol or "https",
            endpoint=address,
        )
    )


def _refusal(content: Mapping[str, Any], message: str) -> InvocationError:
    error = content.get("error")
    if isinstance(error, dict):
        return InvocationError(str(error.get("code", "")), str(error.get("message", "")))
    return InvocationError(
        _BUSY if message.startswith(_BUSY) else "not_called",
        f"Function Compute could not be asked: {message} {find_next_step(message)}".rstrip(),
    )
