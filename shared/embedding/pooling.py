"""One vector for a text longer than the model takes: the mean of its parts' vectors, weighted by their length.

A mean of unit vectors, brought back to unit length, keeps the direction the parts have in common. It is coarser than a
chunk's own vector, so it is the caller's choice and never done unasked.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.errors import RequestError
from shared.domain.models import Embedding, SparseVector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.embedding.results import EmbeddingResult

_BREAK = re.compile(r"[。！？!?；;]|\.\s|\s")


class Parts(Struct, frozen=True):
    """Texts cut to size.

    Attributes:
        texts: the parts of all texts, in order.
        owners: for each part the position of the text it belongs to.
    """

    texts: tuple[str, ...]
    owners: tuple[int, ...]


def split(texts: Sequence[str], too_long: Callable[[str], bool]) -> Parts:
    """Cut every text that is ``too_long`` into parts that are not.

    Raises:
        RequestError: ``text_empty``: a blank text has no parts.
    """
    for owner, text in enumerate(texts):
        if not text.strip():
            raise RequestError("text_empty", f"texts[{owner}] is empty or blank; DashScope refuses that.")
    parts = [(part, owner) for owner, text in enumerate(texts) for part in _parts(text, too_long)]
    return Parts(tuple(part for part, _ in parts), tuple(owner for _, owner in parts))


def pool(embedded: EmbeddingResult, parts: Parts) -> EmbeddingResult:
    """The answer for the parts, brought back to one embedding for each text."""
    if embedded.refused or embedded.failure:
        refused = tuple(replace(text, index=parts.owners[text.index]) for text in embedded.refused)
        return replace(embedded, embeddings=(), refused=refused)
    owned: dict[int, list[tuple[Embedding, int]]] = {}
    for embedding, owner, text in zip(embedded.embeddings, parts.owners, parts.texts, strict=True):
        if embedding:
            owned.setdefault(owner, []).append((embedding, len(text)))
    return replace(embedded, embeddings=tuple(_mean(owned[owner]) for owner in sorted(owned)))


def _parts(text: str, too_long: Callable[[str], bool]) -> Iterator[str]:
    if not too_long(text):
        yield text
        return
    middle = len(text) // 2
    # The break nearest to the middle, within the inner half of the text.
    breaks = [match.end() for match in _BREAK.finditer(text, len(text) // 4, len(text) * 3 // 4)]
    cut = min(breaks, key=lambda place: abs(place - middle), default=middle)
    for half in (text[:cut], text[cut:]):
        if half.strip():
            yield from _parts(half, too_long)


def _mean(weighted: Sequence[tuple[Embedding, int]]) -> Embedding:
    if len(weighted) == 1:
        return weighted[0][0]
    total = sum(weight for _, weight in weighted)
    dense = [0.0] * len(weighted[0][0].dense)
    sparse: dict[int, float] = {}
    for embedding, weight in weighted:
        share = weight / total
        dense = [sum_ + share * value for sum_, value in zip(dense, embedding.dense, strict=True)]
        if embedding.sparse:
            for index, value in zip(embedding.sparse.indices, embedding.sparse.values, strict=True):
                sparse[index] = sparse.get(index, 0.0) + share * value
    length = math.sqrt(sum(value * value for value in dense)) or 1.0
    unit = tuple(value / length for value in dense)
    return Embedding(unit, SparseVector(tuple(sparse), tuple(sparse.values())) if sparse else None)
