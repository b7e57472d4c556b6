"""What OSS refuses, as errors of this program: what passes, what the deployment must fix, what is the object's own."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from shared.domain.errors import ConfigurationError, DocumentError, PlatformError, TransientError

# Codes of temporary credentials that are no longer valid; the next invocation brings others.
_EXPIRED = frozenset({"SecurityTokenExpired", "InvalidSecurityToken"})
# Errors of the SDK wrap one another; more levels than these were never seen.
_MAX_LEVELS = 5


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
            return _Refusal(int(cause.status_code), str(cause.code), str(cause.request_id))
        cause = cause.unwrap() if hasattr(cause, "unwrap") else None
    return None


def _explain(refusal: _Refusal) -> Exception:
    id_, answer = refusal.request_id, f"OSS answered {refusal.status} {refusal.code}"
    match refusal:
        case _Refusal(code="NoSuchBucket"):
            return ConfigurationError("bucket_missing", "OSS_BUCKET names no bucket in this region.", request_id=id_)
        case _Refusal(status=404):
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
