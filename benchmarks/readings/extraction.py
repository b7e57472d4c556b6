"""The first part: what is read of the corpus, ours beside the peers."""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from benchmarks.readings import own, rivals
from benchmarks.readings.judges import Reading, judge
from benchmarks.report import Figure, at_least, at_most, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.readings.judges import Score
    from benchmarks.readings.truth import Sample

OURS: Final = "ours"
_MOST_FAULTS: Final = 30


@dataclass(frozen=True)
class Summary:
    """A reader's figures over all documents: shares of 1, and milliseconds."""

    found: float
    invented: float
    ordered: float
    paired: float
    whole: float
    milliseconds: float

    @property
    def score(self) -> float:
        """The mean of words, order and pairs."""
        return statistics.fmean((self.found, 1 - self.invented, self.ordered, self.paired))


def measure(samples: Sequence[Sample], peers: Sequence[str]) -> list[Figure]:
    """Read the corpus with ours and each peer, and judge."""
    with TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name, "corpus")
        folder.mkdir()
        for sample in samples:
            (folder / sample.name).write_bytes(sample.content)
        # The first file of a process pays for starting it.
        own.read(folder / samples[0].name)
        readings = {OURS: {sample.name: own.read(folder / sample.name) for sample in samples}}
        missing = []
        for peer in peers:
            try:
                readings[peer] = rivals.read(peer, folder)
            except RuntimeError as error:
                missing.append(peer)
                print(f"{peer} is left out: {error}", file=sys.stderr)
    scores = {reader: _judge(samples, given) for reader, given in readings.items()}
    _print_faults(samples, scores[OURS])
    summaries = {reader: summarize(scores[reader], readings[reader]) for reader in readings}
    figures = [plain("documents", len(samples), ""), *_own_figures(summaries), *_peer_figures(summaries)]
    return [*figures, *(plain(f"{peer}: not installed", 1, "") for peer in missing), *_formats(samples, scores)]


def _judge(samples: Sequence[Sample], given: Mapping[str, Reading]) -> dict[str, Score]:
    nothing = Reading("", (), failure="not read")
    return {sample.name: judge(sample.truth, given.get(sample.name, nothing)) for sample in samples}


def summarize(scores: Mapping[str, Score], readings: Mapping[str, Reading]) -> Summary:
    """Sum the scores of documents; each word, sentence, cell and row counts the same."""
    every = list(scores.values())
    return Summary(
        found=share([score.found for score in every]),
        invented=share([score.invented for score in every]),
        ordered=share([score.ordered for score in every]),
        paired=share([score.paired for score in every]),
        whole=share([score.whole for score in every]),
        milliseconds=statistics.median(reading.seconds * 1000 for reading in readings.values()),
    )


def share(counts: Sequence[tuple[int, int]]) -> float:
    """The sum of the first numbers as a share of the sum of the second; 0 of nothing."""
    return sum(part for part, _ in counts) / max(1, sum(whole for _, whole in counts))


def _own_figures(summaries: Mapping[str, Summary]) -> list[Figure]:
    ours = summaries[OURS]
    others = [summary for reader, summary in summaries.items() if reader != OURS]
    # Without a peer only the fixed target holds.
    best = max((other.paired for other in others), default=-1.0)
    slower = [other.milliseconds for other in others if other.score < ours.score]
    figures = [
        at_least("rows and records whole in one chunk", ours.whole, "", 1),
        at_least("cell-to-header pairs right", ours.paired, "", 0.98),
        at_least("words found", ours.found, "", 0.995),
        at_most("words invented", ours.invented, "", 0.002),
        at_least("reading order", ours.ordered, "", 0.99),
    ]
    if others:
        name = "pairs right, more than the best peer"
        figures.append(Figure(name, ours.paired - best, "", "more than 0", ours.paired > best))
    if slower:
        figures.append(at_most("time per document, median", ours.milliseconds, "ms", min(slower)))
    else:
        figures.append(plain("time per document, median", ours.milliseconds, "ms"))
    return figures


def _peer_figures(summaries: Mapping[str, Summary]) -> list[Figure]:
    return [
        plain(f"{reader}: {name}", value, unit)
        for reader, summary in summaries.items()
        for name, value, unit in (
            ("score", summary.score, ""),
            ("words found", summary.found, ""),
            ("words invented", summary.invented, ""),
            ("reading order", summary.ordered, ""),
            ("pairs right", summary.paired, ""),
            ("time per document, median", summary.milliseconds, "ms"),
        )
        if reader != OURS or name == "score"
    ]


def _formats(samples: Sequence[Sample], scores: Mapping[str, Mapping[str, Score]]) -> list[Figure]:
    """Pairs and words by format and reader."""
    names: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        names[sample.kind.partition(":")[0]].append(sample.name)
    return [
        plain(f"{format_}, {reader}: {label}", share([getattr(found[name], figure) for name in own_names]), "")
        for format_, own_names in names.items()
        for figure, label in (("found", "words found"), ("paired", "pairs right"))
        for reader, found in scores.items()
        if figure == "found" or any(found[name].paired[1] for name in own_names)
    ]


def _print_faults(samples: Sequence[Sample], scores: Mapping[str, Score]) -> None:
    """The documents that ours reads wrong, at most 30, one line a kind."""
    faults: dict[str, list[str]] = defaultdict(list)
    for sample in samples:
        if scores[sample.name].faults:
            faults[sample.kind].append(sample.name)
    for kind, names in list(faults.items())[:_MOST_FAULTS]:
        reasons = "; ".join(reason[:120] for reason in scores[names[0]].faults)
        print(f"{kind} ({len(names)}: {', '.join(names[:2])}): {reasons}", file=sys.stderr)
    if len(faults) > _MOST_FAULTS:
        print(f"and {len(faults) - _MOST_FAULTS} further kinds", file=sys.stderr)
