"""Looks up many names in a bucket by few listings, where they lie close together."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Entry = TypeVar("Entry")

# A page of a listing has so many names at most. https://help.aliyun.com/zh/oss/developer-reference/listobjectsv2
_MOST_NAMES = 1_000
# A page that answers for fewer names than this costs more than asking for each.
_LEAST_ANSWERED = 4
# Half of the names are of sidecars, which mostly do not exist; and between those that are wanted may be others.
_NEIGHBOURS = 20


def find(
    names: Iterable[str], list_after: Callable[[str, str, int], tuple[dict[str, Entry], bool]]
) -> dict[str, Entry | None]:
    """The entries of names, ``None`` where there is none; the names that listings do not answer for are left out.

    Args:
        list_after: lists entries by name; takes a prefix, the name after which to begin and the number of entries,
            returns these and whether more follow.
    """
    wanted = sorted(set(names))
    found: dict[str, Entry | None] = {}
    at = 0
    while at < len(wanted):
        run = wanted[at : _find_end(wanted, at)]
        # What a name is cut to comes before it, and little lies between.
        page, has_more = list_after(
            _find_prefix(run[0], run[-1]), run[0][:-1], min(_MOST_NAMES, len(run) // 2 + _NEIGHBOURS)
        )
        answered = bisect_right(run, max(page, default="")) if has_more else len(run)
        found |= {name: page.get(name) for name in run[:answered]}
        if answered < min(len(run), _LEAST_ANSWERED):
            break
        at += answered
    return found


def _find_end(names: list[str], at: int) -> int:
    """Where the names of a folder end that begin at ``at``; where it has few, all others are looked for with them."""
    folder = names[at][: names[at].rfind("/") + 1]
    end = at + 1
    while end < len(names) and names[end].startswith(folder):
        end += 1
    return end if end - at >= 2 * _LEAST_ANSWERED else len(names)


def _find_prefix(first: str, last: str) -> str:
    """What two names begin with, and so all that come between them."""
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:length]
