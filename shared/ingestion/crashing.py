"""What an error means that nothing below expected: a full disk, or a failure of this program."""

from __future__ import annotations

import logging

from shared.domain.disk import is_full_disk, make_full_disk_error
from shared.domain.errors import InternalError, TransientError

log = logging.getLogger(__name__)


def explain_crash(error: Exception, stage: str) -> TransientError:
    """The error to record for work on a document that ended with ``error`` at a stage; both are worth another attempt.

    Only a failure of this program is logged with its place.
    """
    if is_full_disk(error):
        log.error("disk_full", extra={"stage": stage})
        return make_full_disk_error()
    log.error("document_crashed", exc_info=error, extra={"stage": stage})
    message = f"An internal error ({type(error).__name__}); the log has the place. It is tried again."
    return InternalError("internal_error", message)
