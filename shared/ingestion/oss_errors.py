"""What OSS refuses, as errors of this program: what passes, what the deployment must fix, what is the object's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.domain.errors import ConfigurationError, DocumentError, PlatformError, TransientError

if TYPE_CHECKING:
    from collections.abc import Mapping

# Codes of temporary credentials that are no longer valid; the next invocation brings others.
_EXPIRED = frozenset({"SecurityTokenExpired", "InvalidSecurityToken"})
# Errors of the SDK wrap one another; more levels than these were never seen.
_MAX_LEVELS = 5
_REQUEST_ID = "x-oss-request-id"


class ChangedError(PlatformError):
    """The object is no longer the version that was asked for: look again."""

    def __init__(self) -> None:
        super().__init__("object_changed", "The object changed while it was read; it will be read again.")


class MissingError(Exception):
    """OSS has no such object."""


class _Refusal(Struct, frozen=True):
    status: int
    code: str
    request_id: str


def check_origin(headers: Mapping[str, str]) -> None:
    """See that an answer is one of OSS, which names the request in each.

    A proxy or a wrong address may answer anything: taken for OSS, it would say that objects are gone.

    Raises:
        TransientError: ``oss_unavailable``.
    """
    if not headers.get(_REQUEST_ID):
        raise _make_foreign()


def _make_foreign() -> TransientError:
    return TransientError(
        "oss_unavailable", "Something else than OSS answered; if it always does, check OSS_ENDPOINT and the proxy."
    )


def translate(error: Exception) -> Exception:
    """The error of this program for one of the SDK or of the connection below it."""
    refusal = _find_refusal(error)
    if refusal is None:
        reason = type(getattr(error, "unwrap", lambda: error)() or error).__name__
        return TransientError(
            "oss_unavailable", f"OSS did not answer ({reason}); if it never does, check OSS_ENDPOINT and OSS_REGION."
        )
    return _explain(refusal)


def _find_refusal(error: Exception) -> _Refusal | None:
    """What OSS answered, inside an error of its SDK; ``None`` when it never answered."""
    cause: Any = error
    for _ in range(_MAX_LEVELS):
        if hasattr(cause, "status_code"):
            return _Refusal(int(cause.status_code), str(cause.code), str(cause.request_id or ""))
        cause = cause.unwrap() if hasattr(cause, "unwrap") else None
    return None


def _explain(refusal: _Refusal) -> Exception:
    if not refusal.request_id:
        return _make_foreign()
    id_, answer = refusal.request_id, f"OSS answered {refusal.status} {refusal.code}"
    match refusal:
        case _Refusal(code="NoSuchBucket"):
            return ConfigurationError("bucket_missing", "OSS_BUCKET names no bucket in this region.", request_id=id_)
        case _Refusal(status=404) | _Refusal(code="InvalidTargetType"):  # the latter: a link that leads to a link
            return MissingError()
        case _Refusal(status=412):
            return ChangedError()
        case _Refusal(code="InvalidObjectState"):
            message = "The object is archived: restore it and copy it onto itself, and it is indexed."
            return DocumentError("archived", message, stage="loading", request_id=id_)
        case _Refusal(code=code) if code in _EXPIRED:
            message = f"{answer}: the credentials of this invocation have expired; the next one brings others."
            return TransientError("oss_credentials_expired", message, request_id=id_, soon=False)
        case _Refusal(status=401 | 403):
            message = f"{answer}: the role needs oss:GetObject on the prefix and oss:ListObjects."
            return ConfigurationError("oss_forbidden", message, request_id=id_)
    return TransientError("oss_failed", f"{answer}.", request_id=id_)
