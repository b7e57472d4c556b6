"""Places keep what a dictionary would, in a tenth of the memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.models import digest
from shared.store.fingerprints import EMPTY_FINGERPRINT, ChunkPosition, ChunkSet, compute_fingerprint

# Ids that end in zero bytes are where a compact form goes wrong.
IDS = st.one_of(
    st.integers(0, 40).map(lambda number: digest(str(number))),
    st.integers(0, 3).map(lambda number: f"{number:02x}".ljust(32, "0")),
)
PLACES = st.builds(ChunkPosition, st.integers(0, 3), st.integers(0, 3), st.sampled_from(["", "one", "another"]))


@given(st.dictionaries(IDS, PLACES), st.lists(st.tuples(IDS, PLACES)))
def test_places_answer_as_a_dictionary_does(
    known: dict[str, ChunkPosition], asked: list[tuple[str, ChunkPosition]]
) -> None:
    places = ChunkSet(known.items())
    assert len(places) == len(known)
    assert places.contains([id_ for id_, _ in asked]) == [id_ in known for id_, _ in asked]
    assert places.find_moved(asked) == [id_ in known and known[id_] != place for id_, place in asked]


@given(st.dictionaries(IDS, PLACES), st.dictionaries(IDS, PLACES))
def test_only_equal_sets_have_equal_fingerprints(
    one: dict[str, ChunkPosition], other: dict[str, ChunkPosition]
) -> None:
    backwards = reversed(list(other.items()))
    assert (ChunkSet(one.items()).fingerprint == compute_fingerprint(backwards)) == (one == other)
    assert (compute_fingerprint(one.items()) == EMPTY_FINGERPRINT) == (not one)


def test_what_is_added_later_is_found_too() -> None:
    places = ChunkSet([(digest("a"), ChunkPosition(0, 0))])
    assert places.contains([digest("b")]) == [False]
    places.add([(digest("b"), ChunkPosition(1, 5))])
    assert places.contains([digest("a"), digest("b")]) == [True, True]


def test_a_million_chunks_fit_into_a_small_instance() -> None:
    """Beside them stand the SDKs, and the same number again that the index held: 512 MB in all."""
    places = ChunkSet((f"{number:032x}", ChunkPosition(number, 0)) for number in range(100_000))
    assert len(places._ids) + len(places._marks) < 3_000_000
    assert places.contains([f"{99_999:032x}", f"{100_000:032x}"]) == [True, False]
