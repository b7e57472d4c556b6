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
# A text is cut at a break at most so many characters from its middle.
_BREAK_REACH = 2_000
# A longer part is halved without counting its tokens.
_COUNTED_CHARACTERS = 100_000


class Parts(Struct, frozen=True):
    """Texts cut to size.

    Attributes:
        texts: the parts of all texts, in order.
        owners: for each part the position of the text it belongs to.
    """

    texts: tuple[str, ...]
    owners: tuple[int, ...]


def split(texts: Sequence[str], too_long: Callable[[str], bool], max_parts: int) -> Parts:
    """Cut every text that is ``too_long`` into parts that are not.

    It takes little more memory than the parts themselves.

    Raises:
        RequestError: ``text_empty``: a blank text has no parts; or ``too_many_texts``: more than ``max_parts`` parts.
    """
    for owner, text in enumerate(texts):
        if not text or text.isspace():
            raise RequestError("text_empty", f"The text at index {owner} is empty or blank; DashScope refuses that.")
    parts: list[str] = []
    owners: list[int] = []
    for owner, text in enumerate(texts):
        for part in _parts(text, too_long):
            if len(parts) == max_parts:
                message = f"The texts make more than {max_parts} parts the model takes; send less at once."
                raise RequestError("too_many_texts", message)
            parts.append(part)
            owners.append(owner)
    return Parts(tuple(parts), tuple(owners))


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
    # Places and not texts wait for their turn, the next one last.
    spans = _halve(text, 0, len(text))
    while spans:
        start, end = spans.pop()
        part = text[start:end] if end - start <= _COUNTED_CHARACTERS else ""
        if part.isspace():
            continue
        if part and not too_long(part):
            yield part
        else:
            spans += _halve(text, start, end)


def _halve(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The second and the first half of a span, cut at the break nearest to its middle, if one is near."""
    middle = (start + end) // 2
    reach = min((end - start) // 4, _BREAK_REACH)
    breaks = [match.end() for match in _BREAK.finditer(text, middle - reach, middle + reach)]
    cut = min(breaks, key=lambda place: abs(place - middle), default=middle)
    return [(cut, end), (start, cut)]


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
