"""What is assumed of DashScope: each model of the catalog, each parameter, limits, refusals, bills."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from ops.verification.dashscope.answers import list_answers
from ops.verification.dashscope.embedding import list_embedding
from ops.verification.dashscope.pictures import list_pictures
from ops.verification.dashscope.refusals import list_refusals
from ops.verification.dashscope.rerank import list_rerank
from ops.verification.dashscope.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ops.verification.assumption import Assumption
    from ops.verification.spending import Spending
    from shared.runtime.settings import DashScopeSettings


@contextmanager
def open_dashscope(settings: DashScopeSettings, spending: Spending) -> Iterator[Iterable[Assumption]]:
    """The assumptions about DashScope; it keeps nothing, so nothing has to be removed."""
    wire = Wire(settings, spending)
    try:
        yield chain(
            list_refusals(wire), list_embedding(wire), list_rerank(wire), list_answers(wire), list_pictures(wire)
        )
    finally:
        wire.close()
