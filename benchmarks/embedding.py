"""How near the client comes to the account's quota, and what it pays twice, beside two clients people use today.

Run as ``python -m benchmarks.embedding``, which takes eight minutes, and one more to install the peers the first time;
``--quick`` measures the same on fewer texts, where the slow start weighs more than the targets allow for. The emulator
for DashScope has the documented quota of text-embedding-v4 and takes 150 ms for each call; it counts what it billed.
It and every client run in processes of their own. `benchmarks.mixed` adds the case of a search beside ingestion.

The ceiling for rows of T tokens is min(requests/s x 10, tokens/s / T). Figures of a whole run count from the first call
to the last answer, slow start included; a share "past the slow start" is the slope of the rows billed after it.
20,000 chunks would take five minutes at the ceiling: 4,000 take one, and the slow start weighs five times as much.
Chunks of 300 tokens are bound by the tokens of the quota, those of 60 by its requests: the ones next to the peers
are short, so that clients that send one call after the other come near the quota at all.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from operator import truediv
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console

from benchmarks import mixed, peers
from benchmarks.chunks import dealt, make_chunks
from benchmarks.contest import Contest, Quota, Result
from benchmarks.report import Figure, at_least, at_most, plain, report
from shared.domain.catalog import EMBEDDING_MODELS
from shared.embedding import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

_MODEL: Final = EMBEDDING_MODELS["text-embedding-v4"]
_QUOTA: Final = Quota(_MODEL.requests_per_second, _MODEL.tokens_per_minute, latency_ms=150)
_NO_QUOTA: Final = Quota(0, 0, latency_ms=0)
_PROCESSES: Final = 8
_LONG, _SHORT = 300, 60

# Of every hundred calls five are struck. These are refused or dropped before the work, so nothing is billed ...
_REFUSALS: Final = (
    {"fault": "status", "code": "Throttling.RateQuota", "probability": 0.0125},
    {"fault": "status", "code": "InternalError", "probability": 0.0125},
    {"fault": "status", "code": "ModelServingError", "probability": 0.0125},
    {"fault": "reset", "probability": 0.0125},
)
# ... and of these one in four is dropped after the work: its answer is lost, and the bill stands.
_LOSSES: Final = (
    {"fault": "status", "code": "Throttling.RateQuota", "probability": 0.0125},
    {"fault": "status", "code": "InternalError", "probability": 0.0125},
    {"fault": "reset", "probability": 0.0125},
    {"fault": "lost_answer", "probability": 0.0125},
)


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        chunks: of 300 tokens, against the ceiling.
        refused: short chunks under faults before the work.
        lost: short chunks under faults some of which lose an answer.
        chunks_per_document: short chunks in each of 32 documents next to the peers.
        cpu_rows: chunks that are embedded in each round of counting CPU time.
        rounds: of the CPU time.
        mixed_seconds: how long searches are measured while ingestion uses up the quota.
    """

    chunks: int = 4_000
    refused: int = 4_000
    lost: int = 10_000
    chunks_per_document: int = 250
    cpu_rows: int = 4_000
    rounds: int = 5
    mixed_seconds: float = 60


_QUICK: Final = Size(
    chunks=800, refused=1_000, lost=2_000, chunks_per_document=50, cpu_rows=1_600, rounds=1, mixed_seconds=30
)
_DOCUMENTS: Final = 32


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.embedding", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure on fewer texts")
    size = _QUICK if parser.parse_args().quick else Size()
    peer = peers.installed()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, Contest.running(Path(folder)) as contest:
        figures = [
            *_ceiling(contest, size),
            *_paid_twice(contest, size),
            *_beside_peers(contest, size, str(peer)),
            *_cpu(contest, size),
        ]
    _say("searches while ingestion uses up the quota")
    figures += mixed.measure(size.mixed_seconds)
    return report("embedding", figures)


def _ceiling(contest: Contest, size: Size) -> list[Figure]:
    """How much of the account's ceiling one process reaches, and eight that know nothing of each other."""
    texts = make_chunks(size.chunks, _LONG)
    ceiling = _rows_per_second(_LONG)
    _say(f"one process, {size.chunks} chunks of {_LONG} tokens")
    one = _whole(contest.run("ours", [texts], _QUOTA), _LONG)
    _say(f"{_PROCESSES} processes, the same chunks")
    eight = _whole(contest.run("ours", dealt(texts, _PROCESSES), _QUOTA, processes=_PROCESSES), _LONG)
    _say(f"{_PROCESSES} processes that may each use the whole quota, the same chunks")
    greedy = _whole(contest.run("ours", dealt(texts, _PROCESSES), _QUOTA, processes=_PROCESSES, share=1), _LONG)
    guessed = sum(map(tokens.estimate, texts)) / (_LONG * len(texts))
    return [
        at_least("one process: share of the ceiling", one.rate / ceiling, "", 0.95),
        plain("one process: share past the slow start", one.steady_rate / ceiling, ""),
        plain("one process: rejected calls", one.rejected * 100, "%"),
        at_least(f"{_PROCESSES} processes: share of the ceiling", eight.rate / ceiling, "", 0.9),
        plain(f"{_PROCESSES} processes: share past the slow start", eight.steady_rate / ceiling, ""),
        at_most(f"{_PROCESSES} processes: rejected calls", eight.rejected * 100, "%", 5),
        at_least(
            f"{_PROCESSES} processes set to the whole quota: share of the ceiling", greedy.rate / ceiling, "", 0.9
        ),
        at_most(f"{_PROCESSES} processes set to the whole quota: rejected calls", greedy.rejected * 100, "%", 5),
        plain("tokens guessed before the call, over those billed", guessed, "x"),
    ]


def _paid_twice(contest: Contest, size: Size) -> list[Figure]:
    """What faults cost: nothing when a call is refused, the call when its answer is lost."""
    texts = make_chunks(max(size.refused, size.lost), _SHORT)
    _say(f"{size.refused} chunks at 5 % faults before the work")
    refused = contest.run("ours", [texts[: size.refused]], _QUOTA, faults=_seeded(_REFUSALS))
    _say(f"{size.lost} chunks at 5 % faults, a quarter of them lost answers")
    lost = contest.run("ours", [texts[: size.lost]], _QUOTA, faults=_seeded(_LOSSES))
    return [
        at_most("5 % refused: rows billed / useful", refused.billed_per_useful, "x", 1),
        plain("5 % refused: calls struck", sum(refused.usage["faults"].values()), "calls"),
        plain("5 % refused: share of the ceiling", refused.rate / _rows_per_second(_SHORT), ""),
        at_most("5 % faults, 1.25 % answers lost: rows billed / useful", lost.billed_per_useful, "x", 1.02),
        plain("5 % faults, 1.25 % answers lost: answers lost", lost.usage["faults"].get("lost_answer", 0), "calls"),
        plain("5 % faults, 1.25 % answers lost: share of the ceiling", lost.rate / _rows_per_second(_SHORT), ""),
    ]


def _beside_peers(contest: Contest, size: Size, peer: str) -> list[Figure]:
    """32 documents at once, as users of the peers would embed them: from eight threads."""
    documents = dealt(make_chunks(_DOCUMENTS * size.chunks_per_document, _SHORT), _DOCUMENTS)
    ideal = _DOCUMENTS * size.chunks_per_document / _rows_per_second(_SHORT)
    figures: list[Figure] = []
    for label, processes, most in (("ours, one process", 1, 1.1), (f"ours, {_PROCESSES} processes", _PROCESSES, 1.25)):
        _say(f"{_DOCUMENTS} documents x {size.chunks_per_document} chunks: {label}")
        ours = contest.run("ours", documents, _QUOTA, processes=processes)
        figures += [
            at_least(f"{label}: documents done", ours.documents, f"of {_DOCUMENTS}", _DOCUMENTS),
            at_most(f"{label}: rows billed / useful", ours.billed_per_useful, "x", 1),
            at_most(f"{label}: time over the ideal {ideal:.1f} s", ours.seconds / ideal, "x", most),
        ]
    _say(f"{_DOCUMENTS} documents x {size.chunks_per_document} chunks: ours, {_PROCESSES} processes that do not share")
    greedy = contest.run("ours", documents, _QUOTA, processes=_PROCESSES, share=1)
    label = f"ours, {_PROCESSES} processes each set to the whole quota"
    figures += [
        plain(f"{label}: documents done", greedy.documents, f"of {_DOCUMENTS}"),
        plain(f"{label}: rows billed / useful", greedy.billed_per_useful, "x"),
        plain(f"{label}: rejected calls", greedy.rejected * 100, "%"),
        plain(f"{label}: time over the ideal {ideal:.1f} s", greedy.seconds / ideal, "x"),
    ]
    for name in ("langchain", "llama-index"):
        _say(f"{_DOCUMENTS} documents x {size.chunks_per_document} chunks: {name}")
        theirs = contest.run(name, documents, _QUOTA, python=peer)
        figures += [
            plain(f"{name}: documents done", theirs.documents, f"of {_DOCUMENTS}"),
            plain(f"{name}: rows billed", theirs.billed, "rows"),
            plain(f"{name}: rows billed / useful", theirs.billed_per_useful, "x"),
            plain(f"{name}: rejected calls", theirs.rejected * 100, "%"),
            plain(f"{name}: time until done or given up, over the ideal", theirs.seconds / ideal, "x"),
        ]
    return figures


def _cpu(contest: Contest, size: Size) -> list[Figure]:
    """CPU time of the client's process beside that of the SDK called in a loop: at full speed, and waiting for turns.

    Waiting costs more in both: a process that wakes up for each call finds the caches cold.
    """
    texts = make_chunks(size.cpu_rows, _LONG)
    bare, ours = zip(*(_cpu_round(contest, texts, _NO_QUOTA, count) for count in range(size.rounds)), strict=True)
    slow_bare, slow_ours = _cpu_round(contest, texts[: size.cpu_rows // 8], _QUOTA, size.rounds)
    return [
        at_most("CPU over the bare SDK call", median(map(truediv, ours, bare)), "x", 1.3),
        plain("CPU per 1,000 rows, ours", median(ours), "s"),
        plain("CPU per 1,000 rows, bare SDK", median(bare), "s"),
        plain("CPU over the bare SDK call, at the pace of the quota", slow_ours / slow_bare, "x"),
    ]


def _cpu_round(contest: Contest, texts: list[str], quota: Quota, count: int) -> tuple[float, float]:
    """CPU seconds per 1,000 rows of the bare SDK and of ours."""
    _say(f"CPU time, round {count + 1}")
    bare, ours = (_whole(contest.run(client, [texts], quota, threads=1), _LONG) for client in ("bare", "ours"))
    return bare.cpu / bare.rows * 1_000, ours.cpu / ours.rows * 1_000


def _rows_per_second(tokens_per_row: int) -> float:
    """The account's ceiling."""
    by_requests = _MODEL.requests_per_second * _MODEL.rows_per_call
    return min(by_requests, _MODEL.tokens_per_minute / 60 / tokens_per_row)


def _whole(result: Result, tokens_per_row: int) -> Result:
    """``result``, if it is about what it should be about.

    Raises:
        AssertionError: texts are missing, or were not of this size by the emulator's own count.
    """
    assert result.documents == result.asked, result.outcomes
    assert result.tokens_per_row == tokens_per_row, result.tokens_per_row
    return result


def _seeded(faults: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    # One seed each: rules that share one would strike the same calls.
    return [{**fault, "seed": seed} for seed, fault in enumerate(faults, 1)]


def _say(what: str) -> None:
    Console(stderr=True).print(what)


if __name__ == "__main__":
    sys.exit(main())
