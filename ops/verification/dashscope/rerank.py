"""What is assumed of the rerank models: scores, limits, bills."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ops.verification.assumption import Assumption, expect
from ops.verification.dashscope.wire import RERANK
from shared.domain.catalog import RERANK_MODELS
from shared.embedding import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ops.verification.dashscope.wire import Reply, Wire
    from shared.domain.catalog import RerankModel

_QUERY: Final = "How many days of leave do I have?"
_DOCUMENTS: Final = (
    "The printer on the second floor needs new toner.",
    "Employees have 25 days of leave a year.",
    "Trains are cheaper than flights.",
)


def list_rerank(wire: Wire) -> Iterator[Assumption]:
    """The assumptions about each model of the catalog."""
    for model in RERANK_MODELS.values():
        yield Assumption(
            f"dashscope.rerank[{model.name}]",
            "Each document gets a finite relevance from 0 to 1, with its place in the call; none is left out.",
            partial(_check_scores, wire, model),
        )
        yield Assumption(
            f"dashscope.rerank_best[{model.name}]",
            "The document that answers the query has the highest relevance.",
            partial(_check_best, wire, model),
        )
        yield Assumption(
            f"dashscope.rerank_usage[{model.name}]",
            "usage.total_tokens is the bill.",
            partial(_check_usage, wire, model),
        )
        yield Assumption(
            f"dashscope.rerank_rows[{model.name}]",
            f"A call of more than {model.documents_per_call} documents is refused.",
            partial(_check_rows, wire, model),
        )


def _rerank(wire: Wire, model: RerankModel, documents: Sequence[str]) -> Reply:
    most = model.cost(sum(map(tokens.bound, documents)) + tokens.bound(_QUERY) * len(documents))
    body: dict[str, Any] = {"model": model.name, "input": {"query": _QUERY, "documents": list(documents)}}
    body["parameters"] = {"return_documents": False}
    return wire.send(RERANK, body, most, lambda usage: model.cost(int(usage["total_tokens"])))


def _scores(reply: Reply) -> dict[int, float]:
    results = reply.require().body["output"]["results"]
    return {int(result["index"]): float(result["relevance_score"]) for result in results}


def _check_scores(wire: Wire, model: RerankModel) -> str:
    scores = _scores(_rerank(wire, model, _DOCUMENTS))
    expect(sorted(scores) == [0, 1, 2], f"places of three documents are {sorted(scores)}")
    lie = all(math.isfinite(score) and 0 <= score <= 1 for score in scores.values())
    expect(lie, f"the relevances are {sorted(scores.values())}")
    return ""


def _check_best(wire: Wire, model: RerankModel) -> str:
    scores = _scores(_rerank(wire, model, _DOCUMENTS))
    expect(max(scores, key=lambda place: scores[place]) == 1, f"the relevances are {scores}")
    return ""


def _check_usage(wire: Wire, model: RerankModel) -> str:
    billed = _rerank(wire, model, _DOCUMENTS).require().body["usage"]["total_tokens"]
    expect(isinstance(billed, int) and billed > 0, f"it is {billed!r}")
    return f"billed {billed}"


def _check_rows(wire: Wire, model: RerankModel) -> str:
    reply = _rerank(wire, model, ["a"] * (model.documents_per_call + 1))
    expect(reply.status == 400, f"it is answered with {reply.describe()}")
    return ""
