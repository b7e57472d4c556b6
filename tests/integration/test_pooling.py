"""Long texts against the DashScope emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.embedding import pooling, tokens
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import Output, TextType
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from tests.conftest import DashScope


def test_a_book_is_embedded_in_parts_the_model_takes(dashscope: DashScope) -> None:
    embedder = Embedder(dashscope.settings())
    book = "The tide turns twice a day, and the harbour with it. " * 1_500
    assert tokens.count(book) > 8_192
    parts = pooling.split(["short", book], embedder.is_too_long, 100)
    parameters = embedder.make_parameters(TextType.DOCUMENT, output=Output.BOTH)
    short, long = pooling.pool(embedder.embed(parts.texts, parameters, Deadline.after(60)), parts).complete()
    assert (len(short.dense), len(long.dense)) == (512, 512)
    assert long.sparse is not None
    assert len(set(long.sparse.indices)) == len(long.sparse.indices) > 0
