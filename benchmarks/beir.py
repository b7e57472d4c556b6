"""Sets of judged questions in BEIR's layout, and how good a ranking is against them.

A set is a folder with ``corpus.jsonl`` (``_id``, ``title``, ``text``), ``queries.jsonl`` (``_id``, ``text``) and
``qrels.tsv`` or ``qrels/test.tsv`` (question, document, grade; TREC's four columns are read as well).
https://github.com/beir-cellar/beir/wiki/Load-your-custom-dataset
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_CORPUS: Final = "corpus.jsonl"
_QUERIES: Final = "queries.jsonl"
_QRELS: Final = ("qrels.tsv", "qrels/test.tsv", "qrels/dev.tsv")
_DISCOUNTED: Final = 10
_RECALLED: Final = 5


class LayoutError(ValueError):
    """A folder is no set; the message says what is missing."""


@dataclass(frozen=True)
class Source:
    """One document of a corpus."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Judged:
    """Documents and the questions they answer.

    Attributes:
        questions: the text of each that has a document which answers it, by id.
        grades: of each question, the documents that answer it and how well (above 0).
        answers: of questions, the words that answer them (``metadata.answer``), where the set has them.
    """

    name: str
    corpus: tuple[Source, ...]
    questions: Mapping[str, str]
    grades: Mapping[str, Mapping[str, int]]
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quality:
    """Means over questions, each between 0 and 1.

    Attributes:
        ndcg: normalised discounted cumulative gain of the first ten documents.
        recall: share of the answering documents among the first five.
        mrr: one over the place of the first that answers.
    """

    ndcg: float
    recall: float
    mrr: float


def sets(folder: Path) -> list[Judged]:
    """The set in ``folder``, or those in its folders, by name.

    Raises:
        LayoutError: there is none, or one cannot be read.
    """
    if not folder.is_dir():
        raise LayoutError(f"{folder} is no folder")
    folders = [folder] if (folder / _CORPUS).exists() else sorted(path.parent for path in folder.glob(f"*/{_CORPUS}"))
    if not folders:
        raise LayoutError(f"{folder} holds no {_CORPUS}, and none of its folders does")
    return [read(each) for each in folders]


def read(folder: Path, asked: Path | None = None) -> Judged:
    """The set in ``folder``, or its corpus with the questions of ``asked``, which are judged by the same documents.

    Raises:
        LayoutError: a file is missing or not in the layout.
    """
    questions_folder = asked or folder
    name = folder.name if asked is None else f"{asked.name} on {folder.name}"
    corpus = tuple(Source(row["_id"], row.get("title") or "", row["text"]) for row in _rows(folder / _CORPUS))
    known = {source.id for source in corpus}
    grades = {id_: found for id_, judged in _grades(questions_folder).items() if (found := _within(judged, known))}
    rows = [row for row in _rows(questions_folder / _QUERIES) if row["_id"] in grades]
    questions = {row["_id"]: row["text"] for row in rows}
    answers = {row["_id"]: answer for row in rows if (answer := _answer(row))}
    if not questions:
        raise LayoutError(f"{questions_folder}: no question is judged to be answered by a document of {folder}")
    # The answers of another set's questions are words of that set's language.
    return Judged(name, corpus, questions, {id_: grades[id_] for id_ in questions}, {} if asked else answers)


def quality(rankings: Mapping[str, Sequence[str]], grades: Mapping[str, Mapping[str, int]]) -> Quality:
    """How good ``rankings`` (documents, best first, by question) are; a question without one counts as missed."""
    each = [_quality(rankings.get(question, ()), judged) for question, judged in grades.items()]
    return Quality(*(math.fsum(values) / len(each) for values in zip(*each, strict=True)))


def _quality(ranking: Sequence[str], judged: Mapping[str, int]) -> tuple[float, float, float]:
    gained = _discounted(judged.get(document, 0) for document in ranking[:_DISCOUNTED])
    ideal = _discounted(sorted(judged.values(), reverse=True)[:_DISCOUNTED])
    recalled = len(judged.keys() & set(ranking[:_RECALLED])) / len(judged)
    first = next((1 / place for place, document in enumerate(ranking, 1) if document in judged), 0.0)
    return gained / ideal, recalled, first


def _discounted(gains: Iterable[int]) -> float:
    # Linear gain, as trec_eval and BEIR count.
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, 1))


def _within(judged: Mapping[str, int], known: set[str]) -> dict[str, int]:
    return {document: grade for document, grade in judged.items() if document in known and grade > 0}


def _grades(folder: Path) -> dict[str, dict[str, int]]:
    path = next((folder / name for name in _QRELS if (folder / name).exists()), None)
    if path is None:
        raise LayoutError(f"{folder} holds none of {', '.join(_QRELS)}")
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        columns = line.split()
        if not columns or (number == 1 and not columns[-1].lstrip("-").isdigit()):
            continue  # the heading
        try:
            question, document, grade = columns[0], columns[-2], int(columns[-1])
        except (IndexError, ValueError):
            raise LayoutError(f"{path}, line {number}: a question, a document and a whole number are wanted") from None
        grades.setdefault(question, {})[document] = grade
    return grades


def _answer(row: dict[str, Any]) -> str:
    metadata = row.get("metadata")
    answer = metadata.get("answer") if isinstance(metadata, dict) else None
    return answer if isinstance(answer, str) else ""


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LayoutError(f"{path} cannot be read: {error.strerror}") from None
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=dict[str, Any])
            yield {**row, "_id": str(row["_id"]), "text": str(row["text"])}
        except (msgspec.MsgspecError, KeyError):
            raise LayoutError(f"{path}, line {number}: an object with _id and text is wanted") from None
