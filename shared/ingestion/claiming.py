"""An instance claims a document while it works on it, so that no other pays for the same chunks at the same time.

The claim is part of the document's record. It ends some seconds after its last renewal: that of an instance that died
is soon free. It only saves money: two instances that both work on a document still end with the exact index.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import PlatformError, TransientError
from shared.domain.models import Claim, DocumentState
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.domain.models import Document
    from shared.runtime.retrying import Deadline
    from shared.store.registry import DocumentRegistry

CLAIM_SECONDS = 20.0
_RENEW_SECONDS = 5.0
# Between two looks at a document that another instance works on.
_POLL_SECONDS = 1.0
# Clocks of two machines may differ; a claim further in the future is not believed.
_SKEW_SECONDS = 60.0


class ClaimedError(TransientError):
    """Another instance is at work on the document."""

    def __init__(self) -> None:
        super().__init__("document_busy", "Another instance is at work on this document; it is retried.", soon=False)


def is_claimed(record: Document | None, owner: str, now: float) -> bool:
    """Whether another instance than ``owner`` works on a document now.

    Args:
        now: the time by the clock that all instances see.
    """
    if record is None or record.claim is None or record.state is not DocumentState.PENDING:
        return False
    left = record.claim.until - now
    return record.claim.owner != owner and 0 < left <= CLAIM_SECONDS + _SKEW_SECONDS


def make_claim(owner: str, now: float) -> Claim:
    """A claim from now on."""
    return Claim(owner, now + CLAIM_SECONDS)


def await_end(
    registry: DocumentRegistry, document_id: str, owner: str, now: Callable[[], float], deadline: Deadline
) -> None:
    """Wait until no other instance than ``owner`` works on a document.

    Raises:
        ClaimedError: one still does at the deadline.
    """
    while is_claimed(registry.read(document_id, deadline), owner, now()):
        if deadline.remaining() <= _POLL_SECONDS:
            raise ClaimedError
        clock.sleep(_POLL_SECONDS)


class ClaimKeeper:
    """Renews the claim in a document's record until it is closed, in a thread: to embed a window may take minutes.

    Args:
        now: tells the time by the clock that all instances see.
    """

    def __init__(
        self, registry: DocumentRegistry, document_id: str, owner: str, now: Callable[[], float], deadline: Deadline
    ) -> None:
        self._registry = registry
        self._document_id = document_id
        self._owner = owner
        self._now = now
        self._deadline = deadline
        self._renewed = self._seen = clock.time()
        self._closed = threading.Event()
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="claim", daemon=True)

    def __enter__(self) -> ClaimKeeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End renewing; a renewal that has begun is awaited, so that it cannot follow the next record."""
        self._closed.set()
        with self._writing:
            pass

    def check(self) -> None:
        """See that the claim is still this instance's, and renew it if that is due, before something is paid for.

        Raises:
            ClaimedError: another instance has claimed the document meanwhile, or is done with it.
        """
        with self._writing:
            is_own = self._renew()
        if not is_own:
            raise ClaimedError

    def check_again(self) -> None:
        """As `check`, if the claim was not seen for a while, as after a freeze: before the work of others is undone."""
        if _is_due(self._seen):
            self.check()

    def _renew(self) -> bool:
        """Renew the claim unless another instance has it; whether it is this instance's own."""
        record = self._registry.read(self._document_id, self._deadline)
        if record is None or record.claim is None or record.claim.owner != self._owner:
            return False
        if _is_due(self._renewed):
            self._registry.write([replace(record, claim=make_claim(self._owner, self._now()))], self._deadline)
            self._renewed = clock.time()
        self._seen = clock.time()
        return True

    def _keep(self) -> None:
        while not self._closed.wait(_RENEW_SECONDS):
            with self._writing:
                if self._closed.is_set():
                    return
                try:
                    self._renew()
                except PlatformError:  # the work itself meets the same failure, and reports it
                    continue


def _is_due(since: float) -> bool:
    """Whether it is time to look again; a clock that was set back tells nothing, so that it is."""
    return not 0 <= clock.time() - since < _RENEW_SECONDS
