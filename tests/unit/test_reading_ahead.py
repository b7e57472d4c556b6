"""How much of a document is in memory while a model reads its pages, with stubs in place of the model and the store."""

from __future__ import annotations

import threading
import tracemalloc
from typing import TYPE_CHECKING, Any, cast

import pytest

from shared.domain.models import Block, Location, ObjectKey, ParsedDocument, Picture, Usage
from shared.embedding.ocr import PictureReading
from shared.embedding.pictures import PictureText
from shared.ingestion.scans import Scans, ScanTally
from shared.runtime.retrying import Deadline
from shared.runtime.settings import OcrSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = 120
PAGE_BYTES = 400_000


def name_page(number: int, are_alike: bool) -> str:
    return "form" if are_alike else f"page {number}"


class Reader:
    """Reads a page when it may."""

    profile = "stub"

    def __init__(self) -> None:
        self.may_read = threading.Event()

    def read(self, picture: Picture, _: Deadline) -> PictureReading:
        self.may_read.wait(10)
        return PictureReading(PictureText(f"text of {picture.digest}"), Usage())


class Texts:
    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def read(self, id_: str, *_: object) -> Any:
        return self.kept.get(id_)

    def write(self, id_: str, _: str, text: object, *__: object) -> None:
        self.kept[id_] = text


@pytest.mark.parametrize("are_alike", [False, True])
def test_only_pages_that_are_read_are_in_memory(are_alike: bool) -> None:
    reader = Reader()
    if not are_alike:
        # Those that look like the page that is read wait for it, so that all of them are given first.
        reader.may_read.set()
    scans = Scans(OcrSettings(mode="auto", concurrency=4), cast("Any", reader), cast("Any", Texts()))

    def give_pages() -> Iterator[Block]:
        for number in range(1, PAGES + 1):
            picture = Picture(bytes(PAGE_BYTES), name_page(number, are_alike), 1_000, 1_400)
            yield Block("", Location(page=number), picture=picture)
        reader.may_read.set()

    tally = ScanTally()
    parsed = ParsedDocument("scan", give_pages())
    tracemalloc.start()
    try:
        with tally:
            found = scans.read(parsed, ObjectKey("b", "scan.pdf"), "", tally, Deadline.after(60)).blocks
            pages = [(block.location.page, block.text) for block in found]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pages == [(number, f"text of {name_page(number, are_alike)}") for number in range(1, PAGES + 1)]
    assert tally.pages == PAGES
    # Six pages and small things; all of them would be 48 MB.
    assert peak < 20 * PAGE_BYTES
