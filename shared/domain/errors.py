"""Errors, split by what the caller should do about them.

    PlatformError
    ├── RequestError          the caller's request is wrong: a 4xx with a stable code; asking again is useless
    │   └── NotFoundError          what was asked for does not exist (404)
    ├── DocumentError         this document cannot be indexed as it is: recorded on the document, acknowledged
    ├── TransientError        try the same again later: a 503 over HTTP, a retried event otherwise
    │   └── InternalError          this program failed, or a library it uses: a later release may not
    └── ConfigurationError    the deployment is wrong: refuse to start; the message names the setting

Every message is written for the person who reads it and never holds a key, a text or a vector.
"""

from __future__ import annotations


class PlatformError(Exception):
    """Base of all our errors.

    Attributes:
        code: stable, machine-readable name in snake_case.
        message: one sentence that says what happened and, where possible, what to do.
        request_id: the remote service's request id, when a remote call caused the error.
    """

    def __init__(self, code: str, message: str, *, request_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class RequestError(PlatformError):
    """The caller's request is wrong; ``status`` is the HTTP status that says so."""

    def __init__(self, code: str, message: str, *, status: int = 400, request_id: str = "") -> None:
        super().__init__(code, message, request_id=request_id)
        self.status = status


class NotFoundError(RequestError):
    """What was asked for does not exist."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, status=404)


class DocumentError(PlatformError):
    """A document cannot be indexed as it is; retrying changes nothing until someone acts.

    Attributes:
        stage: the step that refused it: ``loading``, ``parsing``, ``chunking`` or ``embedding``.
    """

    def __init__(self, code: str, message: str, *, stage: str, request_id: str = "") -> None:
        super().__init__(code, message, request_id=request_id)
        self.stage = stage


class TransientError(PlatformError):
    """A remote service failed in a way that passes; the same call may succeed later.

    Attributes:
        retry_after: seconds the service asked us to wait, if it gave any.
        soon: whether repeating it at once makes sense; otherwise it is left to a later request.
    """

    def __init__(
        self, code: str, message: str, *, request_id: str = "", retry_after: float | None = None, soon: bool = True
    ) -> None:
        super().__init__(code, message, request_id=request_id)
        self.retry_after = retry_after
        self.soon = soon


class InternalError(TransientError):
    """This program or a library failed, which says nothing about the document or request it worked on.

    It is transient because nothing may be condemned for it; repeating it at once is useless.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, soon=False)


class ConfigurationError(PlatformError):
    """The deployment is wrong: a setting, a key, a permission or the collection. Refuse to start."""
