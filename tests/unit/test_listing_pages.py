"""Lists of documents page over keys of every kind: whoever writes to the bucket chooses them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from functions.search.shapes import read_cursor, write_cursor
from shared.domain.models import Document, DocumentState
from shared.store import registry
from tests.fakes import FakeStore, Index
from tests.simulation import calm

if TYPE_CHECKING:
    from shared.store.registry import Place

KEYS = sorted([
    *("a", "a\x00", "a\x00b", "a\x01", "a\x1b[2J.txt", "a\nb", "a\tb", 'a" or key != "', "a\\", "aa"),
    *("b\x7f", "b\x9b1m", "报告\x0b.pdf", "报告.pdf", "\U0010ffff\x01", "\x01", "\x1f\x1f"),
    *(f"c\x02{n}" for n in range(30)), *(f"c{n}" for n in range(30)),
])  # fmt: skip


def make_store() -> FakeStore:
    store = FakeStore(Index())
    documents = [Document(f"{n:032x}", "bucket", key, DocumentState.INDEXED, "1") for n, key in enumerate(KEYS)]
    store.registry.write(documents, calm())
    return store


@pytest.mark.parametrize("sorted_at_once", [5, 10_000])
@pytest.mark.parametrize("limit", [1, 2, 7, 1_000])
def test_pages_are_the_whole_list_in_order_and_each_key_once(limit: int, sorted_at_once: int) -> None:
    store, seen = make_store(), list[str]()
    after: Place | None = None
    with patch.object(registry, "_MAX_SORTED", sorted_at_once):
        for _ in range(len(KEYS) + 1):
            page = store.registry.read_page("", after, limit, calm())
            seen += [document.key for document in page.documents]
            if page.last is None:
                break
            after = read_cursor(write_cursor(page.last))
    assert page.total == len(KEYS)
    assert seen == KEYS
