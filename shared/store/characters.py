"""Search by single characters of scripts without spaces, of which the index holds pairs only.

Milvus looks through the words of all chunks within the condition: a query of one character is rare, and tokens for each
character would make the words of Chinese texts half as large again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.store import rows as row_format
from shared.store.expressions import all_of, select_characters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.domain.models import SearchHit
    from shared.runtime.retrying import Deadline
    from shared.store.client import Client

# Of more chunks Milvus chooses which are compared.
_MAX_ROWS = 200
# So many characters of words weigh as much against a chunk as one occurrence weighs for it.
_WORDS_PER_OCCURRENCE = 2_000


def search_characters(
    client: Client, name: str, characters: Sequence[str], limit: int, condition: str, deadline: Deadline
) -> list[SearchHit]:
    """Return chunks of the collection ``name`` whose words hold each of ``characters``, best first.

    Args:
        condition: a further one, empty for none.
    """
    within = all_of(select_characters(characters), condition)
    rows = client.query(name, within, ["id", "words", *row_format.HIT_FIELDS], deadline, "Bounded", _MAX_ROWS)
    hits = [row_format.read_hit(row["id"], row, _weigh(characters, row["words"])) for row in rows]
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]


def _weigh(characters: Sequence[str], words: str) -> float:
    """How much of a chunk is about the characters: often in a short text counts most."""
    count = sum(words.count(character) for character in characters)
    return count / (count + 1 + len(words) / _WORDS_PER_OCCURRENCE)
