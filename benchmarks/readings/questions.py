"""Questions about generated documents, and asking them of a running stack."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests

from benchmarks.readings.judges import compact
from benchmarks.testbed import MeasurementError, testbed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_CLIENTS: Final = 4
_UNDER_WAY: Final = 64
_MODEL: Final = "use"
_TOP_K: Final = 5
_SECONDS: Final = 120


@dataclass(frozen=True)
class Question:
    """A question and where its answer is.

    Attributes:
        group: what it counts for.
        key: the document with the answer.
        answers: texts that are all in the chunk that bears the answer.
    """

    group: str
    text: str
    key: str
    answers: tuple[str, ...] = ()


def ask(files: Mapping[str, bytes], questions: Sequence[Question], mode: str) -> list[int]:
    """Index the files with a fast local model, and ask.

    Returns:
        For each question the rank of the first hit that bears the answer, from 1; 0 where it is not among five.

    Raises:
        MeasurementError: a document is not indexed, or a question is not answered.
    """
    with testbed(0, model=_MODEL) as bed:
        failures = bed.feed(files, _UNDER_WAY, lambda _: None)
        if failures:
            raise MeasurementError(f"{failures[0].key} is not indexed: {failures[0].message}")
        kept = threading.local()

        def rank(question: Question) -> int:
            if not hasattr(kept, "session"):
                kept.session = requests.Session()
            return _rank(question, _search(kept.session, bed.stack.url, question.text, mode))

        with ThreadPoolExecutor(_CLIENTS) as pool:
            return list(pool.map(rank, questions))


def _search(session: requests.Session, url: str, text: str, mode: str) -> list[dict[str, Any]]:
    body = {"query": text, "mode": mode, "top_k": _TOP_K}
    response = session.post(f"{url}/search", json=body, timeout=_SECONDS)
    if response.status_code != 200:
        raise MeasurementError(f"a question was answered with {response.status_code}: {response.text[:300]}")
    hits: list[dict[str, Any]] = response.json()["hits"]
    return hits


def _rank(question: Question, hits: Sequence[dict[str, Any]]) -> int:
    answers = [compact(answer) for answer in question.answers]
    for rank, hit in enumerate(hits, 1):
        text = compact(hit["text"])
        if hit["document"]["key"] == question.key and all(answer in text for answer in answers):
            return rank
    return 0


def print_misses(questions: Sequence[Question], ranks: Sequence[int], most: int) -> None:
    """The first questions of each group that are not answered by the first hit."""
    shown: dict[str, int] = {}
    for question, rank in zip(questions, ranks, strict=True):
        if rank != 1 and shown.get(question.group, 0) < most:
            shown[question.group] = shown.get(question.group, 0) + 1
            print(f"{question.group}: rank {rank or 'none'}: {question.text!r} in {question.key}", file=sys.stderr)
