"""Errors of the platform itself, in the shapes that Function Compute answers with."""

from __future__ import annotations

import uuid

from aiohttp import web


class GatewayError(RuntimeError):
    """The gateway cannot start; the message is one sentence that says what to do."""


class BodyTooLargeError(ValueError):
    """A request has more bytes than its kind may have."""


def platform_error(status: int, code: str, message: str, request_id: str = "") -> web.Response:
    """An error of the HTTP front door."""
    request_id = request_id or str(uuid.uuid4())
    return web.json_response(
        {"RequestId": request_id, "ErrorCode": code, "ErrorMessage": message},
        status=status,
        headers={"x-fc-request-id": request_id, "x-fc-error-type": code},
    )


def api_error(status: int, code: str, message: str) -> web.Response:
    """An error of the API: https://help.aliyun.com/zh/functioncompute/fc/developer-reference/api-fc-2023-03-30-struct-error"""
    content = {"RequestId": str(uuid.uuid4()), "Code": code, "Message": message}
    return web.json_response(content, status=status, headers={"x-fc-request-id": content["RequestId"]})
