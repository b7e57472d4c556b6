"""What a verification found: lines for people, and a file to attach to a report."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ops.deploying import mask
from ops.verification.assumption import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ops.verification.assumption import Row

# Of a detail: a service may repeat long texts.
_DETAIL_CHARACTERS: Final = 400
_FORMAT: Final = 1


@dataclass
class Report:
    """Rows as they are made.

    Attributes:
        secrets: texts that no line and no file may hold.
        say: takes each line.
        leftover: why something that was made could not be removed; empty where all is removed.
    """

    secrets: tuple[str, ...]
    say: Callable[[str], object]
    rows: list[Row] = field(default_factory=list)
    spent: float = 0.0
    cap: float = 0.0
    is_complete: bool = False
    leftover: str = ""

    def add(self, row: Row) -> None:
        """Note a row, and print it."""
        self.rows.append(row)
        self.say(f"{row.outcome:<12} {row.name}: {row.sentence}")
        if row.detail:
            self.say(f"{'':<12} {self._clean(row.detail)}")

    def summarize(self) -> None:
        """Print the numbers."""
        counts = Counter(row.outcome for row in self.rows)
        numbers = ", ".join(f"{counts[outcome]} {outcome}" for outcome in Outcome)
        self.say(f"{numbers}; CNY {self.spent:.4f} spent of {self.cap:g} at most")
        if not self.is_complete:
            self.say("It was interrupted: the other assumptions were not looked at.")
        if self.leftover:
            self.say(self._clean(self.leftover))

    @property
    def status(self) -> int:
        """The exit status: 1 where something differs or remains, 130 where it was interrupted."""
        if not self.is_complete:
            return 130
        return int(bool(self.leftover) or any(row.outcome is Outcome.DIFFERS for row in self.rows))

    def write(self, path: Path) -> None:
        """Write the file.

        Raises:
            OSError: it cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=2) + "\n", "utf-8")

    def to_json(self) -> dict[str, Any]:
        """The report for programs, without secrets."""
        rows = [{**asdict(row), "detail": self._clean(row.detail)} for row in self.rows]
        return {
            "format": _FORMAT,
            "made": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "is_complete": self.is_complete,
            "spent_cny": round(self.spent, 6),
            "cap_cny": self.cap,
            "leftover": self._clean(self.leftover),
            "rows": rows,
        }

    def _clean(self, text: str) -> str:
        return mask(" ".join(text.split()), self.secrets)[:_DETAIL_CHARACTERS]


def list_secrets(values: Iterable[str]) -> tuple[str, ...]:
    """The values that are long enough to be searched for, the longest first."""
    return tuple(sorted({value for value in values if len(value) >= 4}, key=len, reverse=True))
