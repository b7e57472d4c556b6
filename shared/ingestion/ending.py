"""The line of the log that says how a reconcile ended: ``ops status`` and the dashboard read it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.domain.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.ingestion.results import Counts, Report

log = logging.getLogger(__name__)


class End:
    """How a reconcile ended.

    Attributes:
        report: set by who reconciles; ``None`` until then.
    """

    def __init__(self) -> None:
        self.report: Report | None = None


@contextmanager
def log_end() -> Iterator[End]:
    """Log ``reconcile_ended`` with the numbers of the report, or with the code of the error."""
    end = End()
    try:
        yield end
    except PlatformError as error:
        log.warning("reconcile_ended", extra={"code": error.code})
        raise
    if end.report:
        _log(end.report, end.report.counts)


def _log(report: Report, counts: Counts) -> None:
    log.info(
        "reconcile_ended",
        extra={
            "listed": report.listed,
            "stale": counts.stale,
            "orphaned": counts.orphaned,
            "waiting": counts.waiting,
            "failures": counts.failures,
            "unfinished": counts.unfinished,
            "left": report.left,
        },
    )
