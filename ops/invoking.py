"""Calls a deployed function by Function Compute's own API, as an operator: the one file that imports its SDK.

Credentials and names are those of the deployment (``.env`` and the environment). The gateway of the local stack speaks
the same API: https://help.aliyun.com/zh/functioncompute/fc/developer-reference/api-fc-2023-03-30-invokefunction
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ops.deployment import Function

_CONNECT_SECONDS = 10
# What the way there and back may take on top of the function's own time.
_MARGIN_SECONDS = 30


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
    from darabonba.exceptions import DaraException, UnretryableException
    from darabonba.runtime import RuntimeOptions

    patience = RuntimeOptions(
        connect_timeout=_CONNECT_SECONDS * 1_000, read_timeout=(function.timeout + _MARGIN_SECONDS) * 1_000
    )
    request = models.InvokeFunctionRequest(body=io.BytesIO(json.dumps(event).encode()))
    try:
        answer = _client(function.region, environ).invoke_function_with_options(
            function.function_name, request, models.InvokeFunctionHeaders(), patience
        )
    except DaraException as error:
        raise _refusal(error.data or {}, f"{error.code}: {error.message}") from None
    except UnretryableException as error:
        raise InvocationError("not_called", f"Function Compute did not answer: {error.message}") from None
    content = json.loads(answer.body.read())
    if "error" in content:
        raise _refusal(content, "")
    return content


def _client(region: str, environ: Mapping[str, str]) -> Any:
    from alibabacloud_fc20230330.client import Client
    from alibabacloud_tea_openapi.utils_models import Config

    protocol, _, address = (environ.get("FC_ENDPOINT") or "").rpartition("://")
    names = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    key, secret = (environ.get(name) or ("local" if address else "") for name in names)
    if not key or not secret:
        raise InvocationError("no_credentials", f"Set {' and '.join(names)}: Function Compute asks who calls.")
    return Client(
        Config(
            access_key_id=key,
            access_key_secret=secret,
            region_id=region,
            protocol=protocol or "https",
            endpoint=address,
        )
    )


def _refusal(content: Mapping[str, Any], message: str) -> InvocationError:
    error = content.get("error")
    if isinstance(error, dict):
        return InvocationError(str(error.get("code", "")), str(error.get("message", "")))
    return InvocationError("not_called", f"Function Compute could not be asked: {message}")
