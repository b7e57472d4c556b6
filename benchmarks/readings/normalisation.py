"""The third part: whether a word is found that is written in another way, by words alone."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Final

from benchmarks.readings.pairs import Pair, make_distractors, make_pairs
from benchmarks.readings.questions import Question, ask, print_misses
from benchmarks.report import Figure, at_least, plain

_KEYWORD: Final = "keyword"
_FOUND: Final = 0.98
_DISTRACTORS: Final = 100
_MOST_MISSES: Final = 3


def measure(seed: int) -> list[Figure]:
    """Each form as a small document among others, one index for each direction."""
    pairs = make_pairs(seed)
    back = [Pair(pair.kind, pair.query, pair.document) for pair in pairs if pair.is_mutual]
    distractors = make_distractors(seed, _DISTRACTORS)
    found: dict[str, list[int]] = defaultdict(list)
    for direction, own in (("", pairs), (", other direction", back)):
        print(f"{len(own)} pairs{direction} ...", file=sys.stderr)
        files, questions = _place(own, distractors)
        ranks = ask(files, questions, _KEYWORD)
        print_misses(questions, ranks, _MOST_MISSES)
        for question, rank in zip(questions, ranks, strict=True):
            found[question.group].append(rank)
    every = [rank for ranks in found.values() for rank in ranks]
    return [
        plain("normalisation: pairs", len(pairs), ""),
        plain("normalisation: questions", len(every), ""),
        at_least("normalisation: found by words", _share(every), "", _FOUND),
        *(plain(f"normalisation, {kind}", _share(ranks), "") for kind, ranks in found.items()),
    ]


def _place(pairs: list[Pair], distractors: list[str]) -> tuple[dict[str, bytes], list[Question]]:
    """Documents with the first forms, and questions with the second."""
    files = {f"other{at:04}.txt": text.encode() for at, text in enumerate(distractors)}
    questions = []
    for at, pair in enumerate(pairs):
        key = f"pair{at:04}.txt"
        is_chinese = not pair.document.isascii() and any("\u2e80" <= one <= "\u9fff" for one in pair.document)
        text = f"这里写的是{pair.document}，请核对。" if is_chinese else f"It reads: {pair.document} as noted here."
        files[key] = text.encode()
        questions.append(Question(pair.kind, pair.query, key))
    return files, questions


def _share(ranks: list[int]) -> float:
    return sum(rank > 0 for rank in ranks) / max(1, len(ranks))
