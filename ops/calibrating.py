"""Fit the scores to judged queries: ask a running search, measure which evidence goes with answers, print weights.

Each query is asked as it is and once more without the documents that answer it, so that it has only similar texts. Few
queries change the built-in weights little: the fit prefers weights near them.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ops.remote_search import AskError, Search
from shared.retrieval.calibration import BUILT_IN, Calibration, Weights
from shared.retrieval.evidence import Comparison, Evidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.console import Console

_MODES = {"hybrid": Comparison.BOTH, "keyword": Comparison.WORDS, "dense": Comparison.MEANING}
_FIELDS = ("coverage", "similarity", "lead")
# Answers and non-answers that a fit needs of each kind of comparison; with fewer the built-in weights stay.
_LEAST = 20
_STEPS, _FOLDS = 40, 5
# How strongly the weights are drawn to the built-in ones (precision of a normal prior).
_PRIOR = 0.3
# Share of the answers that the threshold keeps, and where it may be.
_KEPT, _LOWEST, _HIGHEST = 0.95, 0.1, 0.6


class CalibrationError(RuntimeError):
    """The queries or the answers cannot be used; the message says why."""


class JudgedQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A query and the keys of the documents that answer it; none where nothing does."""

    query: str
    documents: tuple[str, ...]


class Sample(Struct, frozen=True):
    """The evidence for the best hit of one search, and whether it is an answer."""

    evidence: Evidence
    is_answer: bool


def calibrate(path: Path, url: str, version: str, console: Console) -> int:
    """Fit and print a calibration; the exit status is 1 where it cannot be fitted."""
    search = Search(url, os.environ.get("API_KEY", ""))
    try:
        queries = read_queries(path)
        samples = [sample for query in queries for sample in ask(query, search)]
    except (CalibrationError, AskError) as error:
        console.print(f"Nothing was fitted: {error}", markup=False)
        return 1
    found = fit(samples, version)
    both = [sample for sample in samples if sample.evidence.compared is Comparison.BOTH]
    console.print(f"{len(queries)} queries; AUROC of hybrid searches: {describe_gain(both)}", markup=False)
    print(f"SCORE_CALIBRATION='{msgspec.json.encode(found).decode()}'")
    return 0


def read_queries(path: Path) -> list[JudgedQuery]:
    """The judged queries of a file with one JSON object in each line.

    Raises:
        CalibrationError: it cannot be read; the message names the line.
    """
    found = []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CalibrationError(f"{path} cannot be read: {why}") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line, type=JudgedQuery))
            except msgspec.MsgspecError as error:
                raise CalibrationError(f"{path}, line {number}: {error}") from None
    if not found:
        raise CalibrationError(f"{path} has no queries")
    return found


def ask(query: JudgedQuery, search: Search) -> Iterable[Sample]:
    """The samples of one query, in each mode, with its documents and without.

    Raises:
        AskError: the search does not answer, or refuses.
        CalibrationError: it does not return evidence.
    """
    for mode in _MODES:
        yield from _ask(query, search, {"mode": mode})
        if query.documents:
            yield from _ask(query, search, {"mode": mode, "filter": {"not": {"in": {"key": list(query.documents)}}}})


def fit(samples: Sequence[Sample], version: str) -> Calibration:
    """The calibration that makes the samples most likely, near the one built in."""
    weights = {}
    for comparison in Comparison:
        own = [sample for sample in samples if sample.evidence.compared is comparison]
        weights[comparison.value] = fit_weights(own, getattr(BUILT_IN, comparison.value))
    found = Calibration(version, answerable=BUILT_IN.answerable, **weights)
    scores = sorted(
        found.estimate(sample.evidence)
        for sample in samples
        if sample.is_answer and sample.evidence.compared is Comparison.BOTH
    )
    if len(scores) < _LEAST:
        return found
    least = min(_HIGHEST, max(_LOWEST, scores[int((1 - _KEPT) * len(scores))]))
    return msgspec.structs.replace(found, answerable=round(least, 3))


def fit_weights(samples: Sequence[Sample], prior: Weights) -> Weights:
    """Logistic regression by Newton's method, drawn to ``prior``, which stays where samples are too few."""
    answers = sum(sample.is_answer for sample in samples)
    if min(answers, len(samples) - answers) < _LEAST:
        return prior
    start = [prior.base, *(getattr(prior, name) for name in _FIELDS)]
    # What the built-in weights leave out, such as words in a search by meaning, is not there to be weighed.
    used = [0, *(place for place, name in enumerate(_FIELDS, 1) if getattr(prior, name))]
    rows = [[1.0, *(getattr(sample.evidence, name) for name in _FIELDS)] for sample in samples]
    values = list(start)
    for _ in range(_STEPS):
        slope = [_PRIOR * (start[i] - values[i]) for i in used]
        curve = [[_PRIOR if i == j else 0.0 for j in used] for i in used]
        for row, sample in zip(rows, samples, strict=True):
            total = sum(value * part for value, part in zip(values, row, strict=True))
            chance = 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))
            for a, i in enumerate(used):
                slope[a] += (sample.is_answer - chance) * row[i]
                for b, j in enumerate(used):
                    curve[a][b] += chance * (1 - chance) * row[i] * row[j]
        for i, step in zip(used, _solve(curve, slope), strict=True):
            values[i] += step
    return Weights(*(round(value, 3) for value in values))


def compute_auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """How often an answer has a higher score than what is none; ties count half."""
    ordered = sorted(range(len(scores)), key=scores.__getitem__)
    below, start, wins = 0, 0, 0.0
    while start < len(ordered):
        end = start
        while end < len(ordered) and scores[ordered[end]] == scores[ordered[start]]:
            end += 1
        tied = ordered[start:end]
        positive = sum(labels[place] for place in tied)
        wins += positive * (below + (len(tied) - positive) / 2)
        below += len(tied) - positive
        start = end
    positives = sum(labels)
    return wins / (positives * below) if positives and below else float("nan")


def _ask(query: JudgedQuery, search: Search, options: dict[str, Any]) -> Iterable[Sample]:
    body = {"query": query.query, "top_k": 1, "explain": True, "rerank": False, **options}
    answer = search.post("/search", body)
    if answer["mode"] != options["mode"]:
        return
    for hit in answer["hits"]:
        if "evidence" not in hit:
            raise CalibrationError(f"{search.address} runs a release that returns no evidence")
        evidence = msgspec.convert(hit["evidence"], Evidence)
        yield Sample(evidence, hit["document"]["key"] in query.documents)


def describe_gain(samples: Sequence[Sample]) -> str:
    """AUROC with the built-in weights, and with weights fitted to the other four fifths of the samples."""
    labels = [sample.is_answer for sample in samples]
    answers, misses = sum(labels), len(labels) - sum(labels)
    if min(answers, misses) < _LEAST:
        counts = f"{answers} best hits are answers and {misses} are not"
        return f"not measured, {counts}; a fit needs {_LEAST} of each, so these are the built-in weights"
    built_in = compute_auroc([BUILT_IN.estimate(sample.evidence) for sample in samples], labels)
    fitted = [0.0] * len(samples)
    for fold in range(_FOLDS):
        others = [sample for place, sample in enumerate(samples) if place % _FOLDS != fold]
        weights = fit_weights(others, BUILT_IN.both)
        for place in range(fold, len(samples), _FOLDS):
            fitted[place] = weights.estimate(samples[place].evidence)
    return f"{built_in:.3f} built in, {compute_auroc(fitted, labels):.3f} fitted (cross-validated)"


def _solve(matrix: list[list[float]], values: list[float]) -> list[float]:
    """The solution of a small system of equations, by elimination."""
    rows = [[*row, value] for row, value in zip(matrix, values, strict=True)]
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(size):
            if row != column:
                factor = rows[row][column] / rows[column][column]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column], strict=True)]
    return [rows[i][size] / rows[i][i] for i in range(size)]
