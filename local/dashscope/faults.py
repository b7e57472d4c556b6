"""Faults on request: which calls are struck, and by what."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from local.dashscope.refusal import ERRORS

if TYPE_CHECKING:
    from collections.abc import Sequence

# Strike instead of the work: nothing is billed.
WireFault = Literal["status", "html", "reset", "black_hole"]
# Strike the answer of work that is done and billed: on its way ...
DeliveryFault = Literal["lost_answer", "reset_body", "cut_body", "black_hole_body", "drip", "malformed_json"]
# ... or in its content.
ContentFault = Literal["null_output", "missing_rows", "extra_rows", "shuffled_rows", "wrong_dimension", "not_a_number"]
# Strike a batch task, as a whole.
BatchFault = Literal["batch_fails", "batch_expires", "batch_differs"]
WIRE_FAULTS = get_args(WireFault)
CONTENT_FAULTS = get_args(ContentFault)
BATCH_FAULTS = get_args(BatchFault)
_ALL_FAULTS = (*WIRE_FAULTS, *get_args(DeliveryFault), *CONTENT_FAULTS, *BATCH_FAULTS)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of ``PUT /control/faults``. The first rule that applies to a call strikes it.

    Attributes:
        fault: what happens. ``status`` answers with an error body, ``html`` with a page as a proxy would (502 unless
            ``status`` says otherwise); ``reset`` drops the connection, ``black_hole`` never answers; ``lost_answer``
            does the work, bills it and drops the connection; ``reset_body``, ``cut_body`` and ``black_hole_body``
            stop half-way through the body; ``drip`` sends a byte every 100 ms; ``batch_fails``
            refuses the file of a batch task, ``batch_expires`` ends one after half of its lines, ``batch_differs``
            gives other vectors than ordinary calls; the others spoil the answer. Of a task's lines only ``status``
            strikes single ones, by ``match``.
        times: strike this many calls, then no more.
        probability: strike each call with this chance, drawn from ``seed``.
        match: apply only to calls with a text that contains this.
        code: of ``status``: the error code; codes we know bring their status and message.
        retry_after: seconds to put in a ``Retry-After`` header of ``status`` and ``html``.
    """

    fault: WireFault | DeliveryFault | ContentFault | BatchFault
    times: int | None = None
    probability: float | None = None
    seed: int = 0
    match: str = ""
    status: int | None = None
    code: str = ""
    message: str = ""
    retry_after: float | None = None

    def __post_init__(self) -> None:
        if self.fault == "status" and not (self.code in ERRORS or (self.code and self.status)):
            raise ValueError(f"a status fault needs a code of ours, or code and status; ours are {', '.join(ERRORS)}")
        if self.status is not None and not 400 <= self.status <= 599:
            raise ValueError("status must be between 400 and 599")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError("probability must be between 0 and 1")


class Faults:
    """The rules in force, and how often each may still strike."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._left = [rule.times for rule in rules]
        self._chance = [random.Random(rule.seed) for rule in rules]

    def strike(self, texts: Sequence[str]) -> Rule | None:
        """The first rule that applies to a call with these texts, spent once."""
        return self._strike([fault for fault in _ALL_FAULTS if fault not in BATCH_FAULTS], texts)

    def strike_line(self, texts: Sequence[str]) -> Rule | None:
        """The first rule that applies to a line of a batch task, spent once."""
        return self._strike(("status",), texts)

    def strike_batch(self) -> Rule | None:
        """The first rule that applies to a batch task, spent once."""
        return self._strike(BATCH_FAULTS, ("",))

    def _strike(self, faults: Sequence[str], texts: Sequence[str]) -> Rule | None:
        for place, rule in enumerate(self.rules):
            if rule.fault in faults and self._applies(place, rule, texts):
                return rule
        return None

    def _applies(self, place: int, rule: Rule, texts: Sequence[str]) -> bool:
        left = self._left[place]
        if left == 0 or not any(rule.match in text for text in texts):
            return False
        if rule.probability is not None and self._chance[place].random() >= rule.probability:
            return False
        if left is not None:
            self._left[place] = left - 1
        return True
