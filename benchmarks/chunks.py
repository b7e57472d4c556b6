"""Texts of an exact number of tokens, as DashScope counts them: English and Chinese mixed, no two alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.documents import questions
from shared.embedding import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# One token of the vocabulary, wherever it is appended.
_FILLER: Final = " so"


def make_chunks(count: int, size: int) -> list[str]:
    """``count`` texts that DashScope bills ``size`` tokens each; equal in every run."""
    sentences = questions()
    return [_make_chunk(sentences, size) for _ in range(count)]


def dealt(texts: Sequence[str], count: int) -> list[list[str]]:
    """``texts`` dealt to ``count`` documents of equal length."""
    length = len(texts) // count
    return [list(texts[start : start + length]) for start in range(0, length * count, length)]


def _make_chunk(sentences: Iterator[str], size: int) -> str:
    text = next(sentences)
    while tokens.count(longer := f"{text} {next(sentences)}") <= size:
        text = longer
    return text + _FILLER * (size - tokens.count(text))
