"""Waiting for a Milvus that is away or starts, which takes minutes: events wait for it, people do not."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from shared.domain.errors import TransientError
from shared.runtime import clock
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

# What calls fail with while the server is away, or is there and not ready yet.
_AWAY_CODES = frozenset({"milvus_unavailable", "milvus_failed"})
# The end of the time that an event has is left to what must still be done: a record, the answer that asks for a retry.
_RESERVE_SECONDS = 20.0
_PAUSE_SECONDS = 1.0


def wait_for_server(ask: Callable[[Deadline], object], error: TransientError, deadline: Deadline) -> bool:
    """Wait until the server answers ``ask``, after a call failed with ``error``.

    Args:
        ask: one short call; an error that is not a `TransientError` ends the wait.

    Returns:
        Whether the server was away; otherwise it is there, and only the call failed.

    Raises:
        TransientError: ``error``: it says nothing about a server that is away, or the time is over.
    """
    until = Deadline(deadline.at - _RESERVE_SECONDS)
    if error.code not in _AWAY_CODES or until.remaining() <= 0:
        raise error
    is_away = False
    while True:
        try:
            ask(until)
        except TransientError as failure:
            if not is_away:
                log.warning("milvus_awaited", extra={"code": failure.code, "seconds": round(until.remaining())})
            is_away = True
        else:
            return is_away
        if until.remaining() <= _PAUSE_SECONDS:
            raise error
        clock.sleep(_PAUSE_SECONDS)
