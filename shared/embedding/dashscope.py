"""DashScope, which Alibaba Cloud also calls Model Studio: the one place that imports its SDK.

One call here is one call there, with its timeout; what to send and whether to repeat it is for those who ask. Answers
come as the SDK gives them, failures as our errors. All models share one session and one budget of the process.
"""

from __future__ import annotations

import logging
import re
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.embedding.budget import Budget
from shared.runtime import tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import requests

    from shared.runtime.settings import DashScopeSettings

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 3.05
_MESSAGE_LIMIT = 300
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")
# Connections beyond those of embedding, for questions and for reranking.
_MORE_CONNECTIONS = 32

_TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
_THROTTLED_STATUS = 429
# 429s about money, which no waiting cures. https://help.aliyun.com/zh/model-studio/error-code
_BILLING_CODES = frozenset(
    {"CommodityNotPurchased", "PrepaidBillOverdue", "PostpaidBillOverdue", "Arrearage", "AllocationQuota.FreeTierOnly"}
)
_FREE_TIER = "free allocated quota exceeded"
_REFUSED_CODES = frozenset({"InvalidParameter", "DataInspectionFailed", "data_inspection_failed"})


class MalformedError(TransientError):
    """An answer that cannot be used."""

    def __init__(self, reason: str, request_id: str) -> None:
        super().__init__("embedding_malformed", f"DashScope's answer cannot be used: {reason}.", request_id=request_id)


class RefusedError(PlatformError):
    """DashScope refuses what a call holds; some text in it is to blame."""


class DashScopeClient:
    """A client of DashScope's SDK: thread-safe, one per process.

    Attributes:
        budget: what all its calls together may cost.

    The codes of its errors begin with ``embedding_``, as callers know them; nobody sees those of a reranking.
    """

    def __init__(self, settings: DashScopeSettings) -> None:
        self.budget = Budget(settings.max_cost)
        self._settings = settings

    def warm_up(self) -> None:
        """Import the SDK and open its session now, so that the first request does not wait for it."""
        import dashscope.embeddings  # noqa: F401 - late: half a second of every cold start

        _ = self._session

    def embed(self, texts: Sequence[str], seconds: float, **parameters: Any) -> Any:
        """The answer to one call of the embedding model; each text a row.

        Raises:
            PlatformError: as `_answered`.
        """
        from dashscope.embeddings import TextEmbedding  # late: half a second of every cold start

        model = self._settings.model.name
        return self._answered(
            lambda common: TextEmbedding.call(model=model, input=texts, **common, **parameters), seconds
        )

    def rerank(self, model: str, query: str, documents: Sequence[str], seconds: float) -> Any:
        """The answer to one call of a rerank model, which reads ``query`` with each of ``documents``.

        Raises:
            PlatformError: as `_answered`.
        """
        from dashscope import TextReRank

        return self._answered(
            lambda common: TextReRank.call(
                model=model, query=query, documents=list(documents), return_documents=False, **common
            ),
            seconds,
        )

    def _answered(self, call: Callable[[dict[str, Any]], Any], seconds: float) -> Any:
        """The SDK's response, whatever its status.

        Raises:
            TransientError: ``embedding_unavailable``: nobody answered in time.
            MalformedError: the SDK cannot read the answer.
        """
        import requests

        started = time.monotonic()
        common = {
            "api_key": self._settings.api_key.reveal(),
            "workspace": self._settings.workspace or None,
            "base_address": self._settings.address,
            "session": self._session,
            # `timeout=` would be sent to the server as a parameter and leave 300 s in force.
            "request_timeout": (min(_CONNECT_SECONDS, seconds), seconds),
        }
        try:
            with tracing.call("dashscope", "call"):
                return call({**common, "headers": tracing.trace_headers()})
        except requests.RequestException as error:
            log.warning(
                "dashscope_unreachable",
                extra={"reason": type(error).__name__, "seconds": round(time.monotonic() - started, 3)},
            )
            raise TransientError(
                "embedding_unavailable",
                f"DashScope did not answer at {self._settings.address} ({type(error).__name__}); if it never does, "
                "check DASHSCOPE_NETWORK and DASHSCOPE_BASE_URL.",
            ) from None  # the original may hold the key in its message
        except (TypeError, AttributeError, KeyError, ValueError):
            # The SDK stumbles over an answer that is JSON but no object.
            raise MalformedError("its shape is unknown", "") from None

    def failure(self, response: Any) -> PlatformError:
        """What a response with another status than 200 means."""
        code = str(response.code or f"HTTP{response.status_code}")
        message = str(response.message or "").replace(self._settings.api_key.reveal(), "***")[:_MESSAGE_LIMIT]
        said = f"DashScope answered {response.status_code} {code}: {message}"
        request_id = response.request_id or ""
        billing = code in _BILLING_CODES or _FREE_TIER in message.lower()
        if response.status_code in _TRANSIENT_STATUSES and not billing:
            short = "embedding_throttled" if throttled(response) else "embedding_unavailable"
            retry_after = _retry_after(response.headers or {})
            return TransientError(short, said, request_id=request_id, retry_after=retry_after)
        if response.status_code == 400 and code in _REFUSED_CODES:
            return RefusedError(code, message, request_id=request_id)
        if billing:
            return ConfigurationError("embedding_unpaid", f"{said} Check the account's bill.", request_id=request_id)
        hint = "Check DASHSCOPE_API_KEY, and that it belongs to the region of DASHSCOPE_NETWORK."
        return ConfigurationError("embedding_refused", f"{said} {hint}", request_id=request_id)

    @cached_property
    def _session(self) -> requests.Session:
        from shared.runtime.connection import bounded_session

        logging.getLogger("dashscope").setLevel(logging.CRITICAL)  # it logs requests; we say what is needed, once
        return bounded_session(self._settings.address, connections=self._settings.concurrency + _MORE_CONNECTIONS)


def throttled(response: Any) -> bool:
    """Whether a call was refused for its pace, or for money, which DashScope puts under the same status."""
    return bool(response.status_code == _THROTTLED_STATUS)


def tokens_billed(response: Any) -> int:
    """Tokens billed for a response."""
    usage = response.usage if isinstance(response.usage, dict) else {}
    count = usage.get("total_tokens")
    return count if isinstance(count, int) and count > 0 else 0


def _retry_after(headers: Mapping[str, str]) -> float | None:
    # Not documented, honoured when present; a date is not worth parsing for a pause.
    value = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return float(value) if _SECONDS.fullmatch(value) else None
