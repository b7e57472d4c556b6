"""Where a migration stands, as its steps report it."""

from __future__ import annotations

from msgspec import Struct

from shared.domain.models import Usage
from shared.migration.comparing import Answers  # noqa: TC001  # msgspec resolves the types of fields
from shared.store.schema import LAYOUT


class Collection(Struct, frozen=True):
    """A collection of a migration.

    Attributes:
        model: of its vectors.
        edition: counts the collections of one model and dimension.
        layout: of the collection, which releases of this software raise.
        documents: in each state.
        chunks: in the index.
    """

    model: str
    dimension: int
    edition: int
    documents: dict[str, int]
    chunks: int
    layout: int = LAYOUT


class Estimate(Struct, frozen=True):
    """What filling the new collection takes.

    Attributes:
        chunks: to be embedded.
        tokens: of them, by a sample.
        cost_cny: price of the tokens.
        batch_cny: their price by batch tasks.
        seconds: the least time that the share of the quota allows.
    """

    chunks: int
    tokens: int
    cost_cny: float
    batch_cny: float
    seconds: float


class MigrationReport(Struct, frozen=True):
    """Where a migration stands.

    Attributes:
        phase: ``none``, ``filling``, ``ready`` (to switch) or ``switched``.
        current: the collection that answers.
        other: the other one.
        started: when it began, seconds since the epoch.
        waiting: documents that wait for batch tasks, as far as this step has counted.
        left: documents that the new collection lacks, as far as this step has counted.
        done: documents that this step has copied.
        unfinished: documents that something kept this step from copying.
        usage: what this step cost.
        answers: of both collections to queries.
        samples: queries that were asked, as far as they are kept.
    """

    phase: str
    current: Collection
    other: Collection | None = None
    started: float = 0
    waiting: int = 0
    left: int = 0
    done: int = 0
    unfinished: tuple[str, ...] = ()
    usage: Usage = Usage()
    estimate: Estimate | None = None
    answers: tuple[Answers, ...] = ()
    samples: tuple[str, ...] = ()
