"""Search by the words that were probably meant, where those of a query are hardly found."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from shared.domain.errors import PlatformError
from shared.language.analysis import analyze_query
from shared.retrieval.correcting import Vocabularies, Vocabulary, correct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from shared.domain.models import SearchHit
    from shared.retrieval.ranking import Ranking
    from shared.store.store import Store

log = logging.getLogger(__name__)

# Hits by meaning with words that may have been meant; others are in the vocabulary of the index.
_NEAR_HITS = 20


class Corrector:
    """Corrects queries: thread-safe, one per process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._vocabularies = Vocabularies()

    def correct(self, ranking: Ranking, search: Callable[[Sequence[str]], list[SearchHit]]) -> None:
        """Replace the hits by words, if those of the query are hardly found and others are found better.

        Args:
            search: finds chunks by tokens.
        """
        missing = ranking.find_missing()
        if not missing:
            return
        with ranking.stopwatch.lap("correction"):
            try:
                words = self._vocabularies.get(self._store.chunks, ranking.scope)
                text = ranking.query.text
                corrected = correct(text, missing, words) or correct(text, missing, _read_near(ranking))
                if corrected:
                    tokens = analyze_query(corrected)
                    ranking.accept(corrected, tokens, search(tokens))
            except PlatformError as error:
                # The answer without it is as good as it was before.
                log.warning("query_not_corrected", extra={"code": error.code})


def _read_near(ranking: Ranking) -> Vocabulary:
    return Vocabulary(hit.text for hit in ranking.dense[:_NEAR_HITS])
