"""What an error means that nothing below expected: a full disk, or a failure of this program."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.domain.disk import is_full_disk, make_full_disk_error
from shared.domain.errors import InternalError, PlatformError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

# Of what happens before and after a document is read, which has stages of its own.
_STAGE = "converging"


def explain_crash(error: Exception, stage: str) -> TransientError:
    """The error of work on a document or record that ended with ``error`` at a stage; it is worth another attempt.

    Only a failure of this program is logged with its place.
    """
    if is_full_disk(error):
        log.error("disk_full", extra={"stage": stage})
        return make_full_disk_error()
    log.error("document_crashed", exc_info=error, extra={"stage": stage})
    message = f"An internal error ({type(error).__name__}); the log has the place. It is tried again."
    return InternalError("internal_error", message)


@contextmanager
def explain_crashes(stage: str = _STAGE) -> Iterator[None]:
    """Raise `explain_crash` for what nothing expected, so that one document does not keep others from their turn."""
    try:
        yield
    except PlatformError:
        raise
    except Exception as error:
        raise explain_crash(error, stage) from error
