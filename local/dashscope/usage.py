"""What was accepted, refused and billed."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

_REQUESTS_REMEMBERED = 200


@dataclass
class Usage:
    """What happened since the start, or since it was last cleared.

    Attributes:
        calls: accepted, and therefore billed.
        rows: texts, documents or pictures billed.
        pictures: pictures billed.
        batch_rows: texts billed at half price, besides.
        batch_tokens: tokens billed at half price, besides.
        rejected: refused calls by error code.
        faults: strikes by fault.
        requests: parameters of the last well-formed calls, accepted or not; never their texts.
    """

    calls: int = 0
    rows: int = 0
    pictures: int = 0
    tokens: int = 0
    batch_rows: int = 0
    batch_tokens: int = 0
    max_concurrent: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_REQUESTS_REMEMBERED))

    def bill(self, rows: int, tokens: int) -> None:
        """Count an accepted call."""
        self.calls += 1
        self.rows += rows
        self.tokens += tokens

    def bill_batch(self, rows: int, tokens: int) -> None:
        """Count an accepted line of a batch task."""
        self.batch_rows += rows
        self.batch_tokens += tokens
