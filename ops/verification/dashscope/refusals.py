"""What is assumed of the way in which DashScope refuses: status, code, shape, request id."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ops.verification.assumption import Assumption, expect, leave_out
from ops.verification.dashscope.wire import EMBEDDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.verification.dashscope.wire import Reply, Wire

_WRONG_KEY: Final = "sk-00000000000000000000000000000000"
_MISSING_MODEL: Final = "text-embedding-v0"


def list_refusals(wire: Wire) -> Iterator[Assumption]:
    """The assumptions about refused calls."""
    yield Assumption(
        "dashscope.wrong_key", "A key that is not valid is refused with 401.", partial(_check_wrong_key, wire)
    )
    yield Assumption(
        "dashscope.missing_model",
        "A model that does not exist is refused with 400, 403 or 404, for good.",
        partial(_check_missing_model, wire),
    )
    yield Assumption(
        "dashscope.error_shape",
        "A refusal is a JSON object with code, message and request_id.",
        partial(_check_error_shape, wire),
    )
    yield Assumption("dashscope.request_id", "A success has a request_id too.", partial(_check_request_id, wire))
    yield leave_out(
        "dashscope.throttling",
        "A quota that is used up is 429 with a code of Throttling, limit_* or insufficient_quota, and passes.",
        "it would use up the account's quota, which the functions need",
    )
    yield leave_out(
        "dashscope.billing",
        "429, 400 or 403 with a code of billing does not pass by waiting.",
        "only an account with an unpaid bill shows it",
    )
    yield leave_out(
        "dashscope.stale_connection",
        "A connection that was idle while an instance was frozen fails or recovers within the time of one call.",
        "it takes a frozen instance",
    )


def _ask(wire: Wire, model: str, key: str = "") -> Reply:
    body: dict[str, Any] = {"model": model, "input": {"texts": ["hello"]}, "parameters": {}}
    # Not charged, unless the refusal that is expected does not come.
    most = 16 * wire.settings.model.cny_per_million_tokens / 1_000_000
    return wire.send(EMBEDDING, body, most, lambda usage: wire.settings.model.cost(usage["total_tokens"]), key=key)


def _check_wrong_key(wire: Wire) -> str:
    reply = _ask(wire, wire.settings.model_name, _WRONG_KEY)
    expect(reply.status == 401, f"it is answered with {reply.describe()}")
    return reply.code


def _check_missing_model(wire: Wire) -> str:
    reply = _ask(wire, _MISSING_MODEL)
    expect(reply.status in (400, 403, 404), f"it is answered with {reply.describe()}")
    return f"{reply.status} {reply.code}"


def _check_error_shape(wire: Wire) -> str:
    for reply in (_ask(wire, wire.settings.model_name, _WRONG_KEY), _ask(wire, _MISSING_MODEL)):
        for name in ("code", "message", "request_id"):
            expect(isinstance(reply.body.get(name), str) and reply.body[name], f"{reply.status} has no {name}")
    return ""


def _check_request_id(wire: Wire) -> str:
    reply = _ask(wire, wire.settings.model_name).require()
    expect(isinstance(reply.body.get("request_id"), str) and reply.body["request_id"], "there is none")
    return ""
