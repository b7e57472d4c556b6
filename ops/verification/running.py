"""Runs the checks, one service after the other, within the cap; what was made is removed, also after an interrupt."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from ops.verification.assumption import Outcome, Row, UncheckedError, examine
from shared.domain.errors import ConfigurationError, PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from ops.verification.assumption import Assumption
    from ops.verification.report import Report
    from ops.verification.spending import Spending

Opening: TypeAlias = "Callable[[], AbstractContextManager[Iterable[Assumption]]]"

CAP_CNY: Final = 0.2


def run(services: Mapping[str, Opening], report: Report, spending: Spending) -> int:
    """Check every assumption about the services; the exit status.

    Args:
        services: opens each, by name; an opening raises `UncheckedError` or `PlatformError` where it cannot.
    """
    report.cap = spending.cap
    try:
        with _interruptible():
            for name, opening in services.items():
                _run_service(name, opening, report, spending)
            report.is_complete = True
    except KeyboardInterrupt:
        pass
    report.spent = spending.spent
    report.summarize()
    return report.status


def _run_service(name: str, opening: Opening, report: Report, spending: Spending) -> None:
    """Open a service, check its assumptions, and let it remove what was made."""
    is_open = False
    try:
        with _removing(opening) as assumptions:
            is_open = True
            for assumption in assumptions:
                report.add(examine(assumption))
                report.spent = spending.spent
    except (UncheckedError, ConfigurationError, PlatformError) as error:
        reason = str(error) if isinstance(error, UncheckedError) else f"{error.message} ({error.code})"
        if is_open:
            report.leftover = f"Not all that was made in {name} could be removed: {reason} Run this again in an hour."
        else:
            report.add(Row(name, "The service can be reached.", Outcome.NOT_CHECKED, reason, 0.0))


@contextmanager
def _removing(opening: Opening) -> Iterator[Iterable[Assumption]]:
    """Open a service; once it is open, an interrupt ends the checks but not the removal."""
    context = opening()
    assumptions = context.__enter__()
    try:
        yield assumptions
    finally:
        with _uninterruptible():
            context.__exit__(None, None, None)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with _handling(signal.SIGTERM, interrupt):
        yield


@contextmanager
def _uninterruptible() -> Iterator[None]:
    """Let neither Ctrl-C nor SIGTERM end a block."""
    with _handling(signal.SIGINT, signal.SIG_IGN), _handling(signal.SIGTERM, signal.SIG_IGN):
        yield


@contextmanager
def _handling(number: signal.Signals, handler: Callable[..., object] | signal.Handlers) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # only there a handler can be set
        yield
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
