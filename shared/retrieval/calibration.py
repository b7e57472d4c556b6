"""From what speaks for a hit to a probability: the weights, their version, and weights of one's own.

A hit's score is the logistic function of a weighted sum of its evidence. There are four sets of weights, because not
every search compares both words and vectors. `ops calibrate` fits them to judged queries; those built in were fitted to
public sets of questions, English and Chinese, while half of the documents were left out.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from shared.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from shared.retrieval.evidence import Evidence

# Beyond this the score is 0 or 1 to six digits.
_STEEPEST = 15.0


class Weights(Struct, frozen=True, forbid_unknown_fields=True):
    """What each kind of evidence weighs, and the sum without any."""

    base: float
    coverage: float = 0.0
    similarity: float = 0.0
    lead: float = 0.0

    def estimate(self, evidence: Evidence) -> float:
        """The probability that a hit with this evidence answers its query."""
        total = (
            self.base
            + self.coverage * evidence.coverage
            + self.similarity * evidence.similarity
            + self.lead * evidence.lead
        )
        return 1 / (1 + math.exp(-max(-_STEEPEST, min(_STEEPEST, total))))


class Calibration(Struct, frozen=True, forbid_unknown_fields=True):
    """Weights for each kind of comparison.

    Attributes:
        version: name of the calibration, which answers repeat: scores of two versions are not comparable.
        both: where words and vectors were compared.
        words: where only words were.
        meaning: where only vectors were.
        foreign: where words cannot be compared because query and chunk seem to be in different languages.
        answerable: least score of a best hit that is taken for an answer.
    """

    version: str
    both: Weights
    words: Weights
    meaning: Weights
    foreign: Weights
    answerable: float

    def estimate(self, evidence: Evidence) -> float:
        """The score of a hit with this evidence, 0 to 1."""
        weights: Weights = getattr(self, evidence.compared.value)
        return weights.estimate(evidence)


# What was fitted to two of three sets held on the third: docs/decisions/calibrated-scores.md. Only a query in a
# language of no document may find nothing but unrelated chunks, so the base of `foreign` is below the fitted -2.7.
BUILT_IN = Calibration(
    version="2026-11",
    both=Weights(-6.5, 7.7, 4.9, 3.3),
    words=Weights(-6.5, 9.5, 0.0, 2.7),
    meaning=Weights(-2.7, 0.0, 9.6, 2.3),
    foreign=Weights(-3.5, 0.0, 9.6, 2.3),
    answerable=0.35,
)


def read_calibration(text: str) -> Calibration:
    """The calibration that ``text`` holds as JSON; the one built in if it is empty.

    Raises:
        ConfigurationError: ``invalid_settings``: it is no calibration; the message says what is wrong.
    """
    if not text.strip():
        return BUILT_IN
    try:
        found = msgspec.json.decode(text, type=Calibration)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ConfigurationError("invalid_settings", f"SCORE_CALIBRATION: {error}.") from None
    sets = (found.both, found.words, found.meaning, found.foreign)
    numbers = [getattr(weights, name) for weights in sets for name in Weights.__struct_fields__]
    if not all(map(math.isfinite, numbers)) or not 0 <= found.answerable <= 1:
        raise ConfigurationError("invalid_settings", "SCORE_CALIBRATION: answerable must be between 0 and 1.")
    return found
