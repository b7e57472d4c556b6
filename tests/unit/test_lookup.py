"""Many names are looked up in a bucket by few listings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.ingestion import lookup

NAMES = st.text("ab/", min_size=1, max_size=5)


class Listing:
    """The names of a bucket, listed in pages."""

    def __init__(self, names: set[str]) -> None:
        self.names = sorted(names)
        self.pages = 0
        self.entries = 0

    def list_after(self, prefix: str, name: str, most: int) -> tuple[dict[str, str], bool]:
        self.pages += 1
        found = [held for held in self.names if held.startswith(prefix) and held > name]
        self.entries += len(found[:most])
        return {held: f"entry of {held}" for held in found[:most]}, len(found) > most


@given(st.sets(NAMES, max_size=60), st.sets(NAMES, max_size=60))
def test_what_is_found_is_what_the_bucket_holds(held: set[str], wanted: set[str]) -> None:
    found = lookup.find(wanted, Listing(held).list_after)
    assert found == {name: f"entry of {name}" if name in held else None for name in found}
    # So few others lie between that each is answered for.
    assert found.keys() == wanted


def test_a_renamed_folder_takes_a_page_for_each_name() -> None:
    listing = Listing({f"new/{number:04}" for number in range(2_000)} | {f"other/{number}" for number in range(500)})
    wanted = {f"{folder}/{number:04}" for folder in ("new", "old") for number in range(700, 750)}
    found = lookup.find(wanted, listing.list_after)
    assert {name for name, entry in found.items() if entry is None} == {name for name in wanted if "old" in name}
    assert len(found) == 100
    assert listing.pages <= 4
    assert listing.entries <= 100


def test_names_among_many_others_are_left_out_after_one_page() -> None:
    listing = Listing({f"{number:06}" for number in range(100_000)})
    found = lookup.find([f"{number:06}" for number in range(0, 100_000, 1_000)], listing.list_after)
    assert len(found) < 4
    assert listing.pages == 1
