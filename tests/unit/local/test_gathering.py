"""Events of small objects that come together are delivered together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local.oss import gathering
from local.oss.gathering import Gathering
from local.oss.notification import ObjectEvent
from local.oss.stored_object import Change, Identity, Properties, StoredObject

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGE = 1 << 20


def created(key: str, size: int = 10) -> ObjectEvent:
    stored = StoredObject(key, Identity(1, 1, size), "ETAG", 0, Properties())
    return ObjectEvent("ObjectCreated:PutObject", Change(key, stored), "request")


def removed(key: str, size: int = 10) -> ObjectEvent:
    return ObjectEvent("ObjectRemoved:DeleteObject", Change(key, None, size), "request")


def gather(*events: ObjectEvent) -> list[list[str]]:
    """The keys of each delivery."""
    found: list[list[str]] = []

    def deliver(some: Sequence[ObjectEvent]) -> None:
        found.append([event.key for event in some])

    async def run() -> None:
        gathered = Gathering(deliver)
        for event in events:
            gathered.add(event)
        gathered.flush()

    asyncio.run(run())
    return found


def test_small_objects_go_together_in_their_order() -> None:
    assert gather(created("a"), removed("b"), created("c")) == [["a", "b", "c"]]


def test_no_more_go_together_than_an_event_may_hold() -> None:
    most = gathering._MOST_EVENTS
    assert list(map(len, gather(*(created(f"{i}") for i in range(2 * most + 1))))) == [most, most, 1]
    assert all(sum(map(len, some)) <= 14_000 for some in gather(*(created(f"{i:01000}") for i in range(50))))


def test_a_large_object_has_an_event_of_its_own() -> None:
    assert gather(created("a"), created("b", LARGE), created("c")) == [["a"], ["b"], ["c"]]


def test_a_removal_goes_with_what_was_created_before_it() -> None:
    most = gathering._MOST_EVENTS
    events = [*(created(f"{i}") for i in range(most)), removed("previous"), created("next")]
    assert list(map(len, gather(*events))) == [most + 1, 1]
    assert gather(created("new", LARGE), removed("old", LARGE), created("c")) == [["new", "old"], ["c"]]


def test_what_waits_is_delivered_when_no_other_comes() -> None:
    async def run() -> list[str]:
        found: asyncio.Queue[list[str]] = asyncio.Queue()
        gathered = Gathering(lambda some: found.put_nowait([event.key for event in some]))
        gathered.add(created("a"))
        gathered.add(created("b"))
        return await asyncio.wait_for(found.get(), 60)

    assert asyncio.run(run()) == ["a", "b"]
