"""Calls DashScope refuses: codes and messages of https://help.aliyun.com/zh/model-studio/error-code."""

from __future__ import annotations

_INVALID = "<400> InternalError.Algo.InvalidParameter: "
ERRORS: dict[str, tuple[int, str]] = {
    "InvalidParameter": (400, "Required parameter(s) missing or invalid, please check the request parameters."),
    "InvalidURL": (400, "Invalid URL provided in your request."),
    "DataInspectionFailed": (400, "Input data may contain inappropriate content."),
    "InvalidApiKey": (401, "Invalid API-key provided."),
    "Arrearage": (403, "Access denied, please make sure your account is in good standing."),
    "AccessDenied": (403, "Access denied."),
    "ModelNotFound": (404, "Model can not be found."),
    "Throttling": (429, "Requests throttling triggered."),
    "Throttling.RateQuota": (429, "Requests rate limit exceeded, please try again later."),
    "Throttling.AllocationQuota": (429, "Allocated quota exceeded, please increase your quota limit."),
    "Throttling.BurstRate": (429, "Request rate increased too quickly, please try again later."),
    "InternalError": (500, "An internal error has occured, please try again later or contact service support."),
    "SystemError": (500, "An system error has occured, please try again later."),
    "ModelServingError": (503, "Too many requests. Your requests are being throttled due to system capacity limits."),
    "ModelUnavailable": (503, "Model is unavailable, please try again later."),
}


class Refusal(Exception):  # noqa: N818 - the protocol's word: the call was refused, nothing is wrong with us
    """A call DashScope answers with an error body; it bills nothing."""

    def __init__(
        self, code: str, message: str = "", *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        known_status, known_message = ERRORS.get(code, (400, ""))
        super().__init__(code)
        self.code = code
        self.message = message or known_message
        self.status = status or known_status
        self.retry_after = retry_after


def invalid(message: str) -> Refusal:
    """A refusal of a wrong parameter, in the words DashScope uses for it."""
    return Refusal("InvalidParameter", _INVALID + message)
