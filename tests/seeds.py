"""The command line of a simulation: many seeds in several processes, and a report of those with violations."""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from rich.console import Console
from rich.progress import track

from benchmarks.report import Figure, at_least, at_most, report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHOWN = 5


class Verdict(Protocol):
    """How one seed ended."""

    @property
    def violations(self) -> Sequence[object]:
        """What was wrong."""

    @property
    def steps(self) -> int:
        """Remote calls."""

    def report(self) -> str:
        """Its story."""


Judged = TypeVar("Judged", bound=Verdict)


class Simulated(Generic[Judged]):
    """What became of the seeds that the command line names.

    Args:
        about: what is simulated, for people who ask for help.
        simulate: plays seeds, in a process of its own.
        portion: seeds that are played in one go.
    """

    def __init__(self, about: str, simulate: Callable[[Sequence[int]], list[Judged]], portion: int = 100) -> None:
        parser = argparse.ArgumentParser(description=f"Simulate {about} under faults, and count violations.")
        parser.add_argument("--seeds", type=int, default=2_000)
        parser.add_argument("--first", type=int, default=0, help="the first seed")
        parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
        options = parser.parse_args()
        last = options.first + options.seeds
        portions = [range(start, min(start + portion, last)) for start in range(options.first, last, portion)]
        self._wanted = options.seeds
        self.verdicts: list[Judged] = []
        with ProcessPoolExecutor(options.processes) as pool:
            running = pool.map(simulate, portions)
            for some in track(running, f"simulating {about}", len(portions), console=Console(stderr=True)):
                self.verdicts += some

    def conclude(self, name: str, more: Sequence[Figure] = ()) -> int:
        """Print what was wrong, and the figures with ``more`` of them; the exit status."""
        bad = [verdict for verdict in self.verdicts if verdict.violations]
        for verdict in bad[:_SHOWN]:
            Console(highlight=False, markup=False).print(verdict.report())
        figures = [
            at_least("seeds", len(self.verdicts), "runs", self._wanted),
            at_least("remote calls", sum(verdict.steps for verdict in self.verdicts), "calls", 1),
            *more,
            at_most("violations", len(bad), "runs", 0),
        ]
        report(name, figures)
        return 1 if bad else 0
