"""How a call of DashScope fails, as our errors: what may be repeated, what may have been billed, what to do.

The codes begin with ``embedding_`` for every kind of model, as callers know them; a failed reranking is never shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.domain.models import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_THROTTLED_STATUS = 429
# 429s about money, which no waiting cures. https://help.aliyun.com/zh/model-studio/error-code
_BILLING_CODES = frozenset(
    {"CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue", "Arrearage", "AllocationQuota.FreeTierOnly"}
)
_FREE_TIER = "free allocated quota exceeded"
# Of a text that is too long, and of a call that is wrong whatever its text.
AMBIGUOUS_CODE = "InvalidParameter"
_REFUSED_CODES = frozenset({AMBIGUOUS_CODE, "DataInspectionFailed", "data_inspection_failed"})
# Of a model that is called at another model's address.
_WRONG_ADDRESS = "url error"


class UnreachableError(TransientError):
    """No answer arrived in time; DashScope may have billed the call."""


class ThrottledError(TransientError):
    """DashScope refused the call because of its rate."""


class RefusedError(PlatformError):
    """DashScope refuses the content of a call: at least one of its texts."""


class MalformedError(TransientError):
    """An answer that cannot be used.

    Attributes:
        tokens: tokens billed for it; ``None`` where the answer does not tell.
        usage: what it cost, once it is accounted for.
    """

    def __init__(self, reason: str, request_id: str = "", tokens: int | None = None) -> None:
        super().__init__("embedding_malformed", f"DashScope's answer cannot be used: {reason}.", request_id=request_id)
        self.tokens = tokens
        self.usage = Usage()


class Rejection(Struct, frozen=True):
    """An answer with an error status."""

    status: int
    code: str
    message: str
    request_id: str
    headers: Mapping[str, str]


def billed_tokens(error: Exception) -> int | None:
    """Tokens billed for a call that failed; ``None`` where that is unknown: its answer is lost."""
    if isinstance(error, MalformedError):
        return error.tokens
    return 0 if isinstance(error, PlatformError) and not isinstance(error, UnreachableError) else None


def interpret(rejection: Rejection) -> PlatformError:
    """The error that a rejection means for the caller."""
    answer = f"DashScope answered {rejection.status} {rejection.code}: {rejection.message}"
    request_id = rejection.request_id
    billing = rejection.code in _BILLING_CODES or _FREE_TIER in rejection.message.lower()
    if rejection.status in _TRANSIENT_STATUSES and not billing:
        retry_after = _retry_after(rejection.headers)
        if rejection.status == _THROTTLED_STATUS:
            return ThrottledError("embedding_throttled", answer, request_id=request_id, retry_after=retry_after)
        return TransientError("embedding_unavailable", answer, request_id=request_id, retry_after=retry_after)
    is_wrong_address = _WRONG_ADDRESS in rejection.message.lower()
    if rejection.status == 400 and rejection.code in _REFUSED_CODES and not is_wrong_address:
        return RefusedError(rejection.code, rejection.message, request_id=request_id)
    if billing:
        return ConfigurationError("embedding_unpaid", f"{answer} Check the account's bill.", request_id=request_id)
    hint = "Check DASHSCOPE_API_KEY, and that it belongs to the region of DASHSCOPE_NETWORK."
    return ConfigurationError("embedding_refused", f"{answer} {hint}", request_id=request_id)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    # Not documented, used when present; a date is not worth parsing for a delay.
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(value) if _SECONDS.fullmatch(value) else None
