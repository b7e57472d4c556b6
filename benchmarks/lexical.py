"""The reference for search by words: BM25 as `bm25s` has it, over whole documents held in memory.

Method lucene, k1 1.2, b 0.75; words are cut by jieba in its search mode, which leaves English words whole; stop words
and marks are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import bm25s  # type: ignore[import-untyped]
import numpy as np
import rjieba

from shared.language.stopwords import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.beir import Source

_WORD: Final = re.compile(r"\w")
_STOPS: Final = frozenset(STOP_WORDS)


class Reference:
    """An index of a corpus' texts, titles left out."""

    def __init__(self, corpus: Sequence[Source]) -> None:
        self._ids = [source.id for source in corpus]
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        self._index.index([_words(source.text) for source in corpus], show_progress=False)

    def ranking(self, question: str, depth: int) -> list[str]:
        """The ids of the documents that share a word with ``question``, best first."""
        words = _words(question)
        if not words:
            return []
        scores = self._index.get_scores(words)
        best = np.argsort(-scores, kind="stable")[:depth]
        return [self._ids[place] for place in best if scores[place] > 0]


def _words(text: str) -> list[str]:
    cut: list[str] = rjieba.cut_for_search(text)
    return [word.lower() for word in cut if _WORD.search(word) and word.lower() not in _STOPS]
