"""Whether scores tell a question that has an answer from one that has none, and whether snippets hold the answer."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from msgspec import Struct

from benchmarks.report import Figure, plain
from ops.calibrating import compute_auroc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.beir import Judged

_SEED = 1
_RECALL = 0.95
# Questions of other sets: enough for a figure of three digits.
MOST_FOREIGN = 600


class Best(Struct, frozen=True):
    """The best hit of a question.

    Attributes:
        document: id of its document; empty where nothing was found.
        answerable: what the response says.
    """

    document: str = ""
    score: float = 0.0
    snippet: str = ""
    answerable: bool = False


def halve(ids: Sequence[str]) -> tuple[set[str], set[str]]:
    """Two halves of a corpus, chosen by a fixed seed."""
    mixed = sorted(ids)
    random.Random(_SEED).shuffle(mixed)
    return set(mixed[: len(mixed) // 2]), set(mixed[len(mixed) // 2 :])


def choose_foreign(judged: Judged, others: Sequence[Judged]) -> dict[str, str]:
    """Questions of other sets that ``judged`` does not answer; a translation of its own questions is left out."""
    strange = [other for other in others if not other.questions.keys() & judged.questions.keys()]
    found = [text for other in strange for text in other.questions.values()]
    random.Random(_SEED).shuffle(found)
    return {str(place): text for place, text in enumerate(found[:MOST_FOREIGN])}


def judge_scores(name: str, how: str, answered: Sequence[Best], unanswered: Sequence[Best]) -> list[Figure]:
    """AUROC of the best score, the precision of "no answer" at 95 % recall, and what `answerable` says."""
    if not answered or not unanswered:
        return []
    scores = [best.score for best in (*answered, *unanswered)]
    auroc = compute_auroc(scores, [True] * len(answered) + [False] * len(unanswered))
    least = sorted(best.score for best in unanswered)[min(len(unanswered) - 1, int(_RECALL * len(unanswered)))]
    refused = sum(best.score <= least for best in unanswered)
    precision = refused / (refused + sum(best.score <= least for best in answered))
    return [
        plain(f"{name}, {how}: AUROC of the best score", auroc, ""),
        plain(f"{name}, {how}: precision of no answer at 95 % recall", precision, ""),
        plain(f"{name}, {how}: answerable among those with an answer", _share(answered, lambda b: b.answerable), ""),
        plain(f"{name}, {how}: not answerable among the others", _share(unanswered, lambda b: not b.answerable), ""),
    ]


def judge_snippets(judged: Judged, found: Mapping[str, Best]) -> list[Figure]:
    """The share of snippets that hold the answer, where the best hit is of a right document."""
    right = [
        (best, judged.answers[id_])
        for id_, best in found.items()
        if id_ in judged.answers and best.document in judged.grades[id_]
    ]
    if not right:
        return []
    share = sum(answer in best.snippet for best, answer in right) / len(right)
    return [plain(f"{judged.name}: snippets of right best hits that hold the answer", share, "")]


def _share(found: Sequence[Best], holds: Callable[[Best], bool]) -> float:
    return sum(map(holds, found)) / len(found)
