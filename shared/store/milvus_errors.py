"""What failures of Milvus mean: which a retry may fix, and which only a change of the deployment does."""

from __future__ import annotations

from typing import Final

from shared.domain.errors import ConfigurationError, PlatformError, TransientError
from shared.runtime.settings.addresses import name_place

# The codes and names below: https://github.com/milvus-io/milvus/blob/master/pkg/util/merr/errors.go
# The collection or a partition is not in memory, or not whole: an administrator released it, or the server restarts.
_NOT_LOADED_CODES = frozenset({101, 103, 201, 203})
# Errors that no retry fixes: a missing collection, a call or a schema that the server does not accept.
_FINAL_CODES = frozenset({6, 100, 1100})
# Whatever the server has no code for. Most of it is final, such as a vector of another dimension.
_UNEXPECTED_CODE = 65535
# What passes all the same: an error of a part of the server that lost its code when another part passed it on.
_PASSING: Final = (
    *("service not ready", "service unavailable", "request limit exceeded", "rate limit exceeded", "not healthy"),
    *("time tick long delay", "timestamp lag too large", "quota exceeded", "force to deny"),
    *("channel not available", "channel not found", "no available shard", "distribution is not serviceable"),
    *("node offline", "node not found", "node not match", "node not available", "replica not available"),
    *("context deadline exceeded", "context canceled", "rpc error: code = unavailable", "connection refused"),
    # Of the part that hands out ids of segments: https://github.com/milvus-io/milvus/issues/26972
    "segmentidallocator fail",
    # Of the streaming service: https://github.com/milvus-io/milvus/issues/41248
    *("streaming_code_channel", "streaming_code_on_shutdown", "streaming_code_unmatched_channel_term"),
    *("streaming_code_transaction_expired", "streaming_code_inner"),
)


class NotLoadedError(TransientError):
    """A collection is not in the server's memory."""

    def __init__(self, reason: str) -> None:
        message = f"The collection is not loaded in Milvus and {reason}: load it with load_collection, or in Attu."
        super().__init__("milvus_not_loaded", message, soon=False)


def translate(error: Exception, uri: str) -> PlatformError:
    """The error of ours for one of pymilvus or gRPC.

    Args:
        uri: the server's address, for the message.
    """
    status = _grpc_status(error)
    code = getattr(error, "code", None)
    if status in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return ConfigurationError("milvus_forbidden", "Milvus refuses the token: check MILVUS_TOKEN (user:password).")
    if code in _FINAL_CODES or (code == _UNEXPECTED_CODE and not _is_passing(error)):
        return ConfigurationError(
            "milvus_refused", f"Milvus refused a call (code {code}): its version or its collections do not fit."
        )
    if code in _NOT_LOADED_CODES:
        return NotLoadedError("was released again after it was loaded")
    if status or code == 2:
        return make_unavailable(uri)
    return TransientError("milvus_failed", f"Milvus could not serve a call (code {code}).")


def make_unavailable(uri: str) -> TransientError:
    """The error of a server that does not answer at an address."""
    return TransientError("milvus_unavailable", f"Milvus did not answer at {name_place(uri)}; is MILVUS_URI right?")


def _is_passing(error: Exception) -> bool:
    message = str(getattr(error, "message", "")).lower()
    return any(words in message for words in _PASSING)


def _grpc_status(error: Exception) -> str:
    # A wrong token looks like a dead server except for the cause; one step only, as the chain is a circle.
    for candidate in (error, error.__cause__):
        status = getattr(candidate, "code", None)
        if callable(status):
            return str(getattr(status(), "name", ""))
    return ""
