"""Pages and pictures of a document that a model has to read: each is paid for once, several are read at once.

What a model has read is kept by the hash of the picture, as soon as it is paid for. So an attempt that ends early, for
its deadline or a failure, costs nothing twice: the next one goes on where it ended.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cached_property
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Block, Usage, digest
from shared.embedding.failures import RefusedError
from shared.embedding.ocr import PictureReader
from shared.parsing.page_text import read_page_text
from shared.store.page_texts import PageText

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import ObjectKey, ParsedDocument, Picture
    from shared.embedding.dashscope import DashScopeClient
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import DashScopeSettings, OcrSettings
    from shared.store.page_texts import PageTexts

# Blocks of text kept while pictures before them are read.
_MOST_WAITING = 500
# A title stands near the top: more blocks than this are not read ahead to find one.
_BLOCKS_BEFORE_TITLE = 8
# A page is only begun with so much time left.
_LEAST_SECONDS = 1.0


class ScanTally:
    """What reading the pictures of one document came to: thread-safe.

    A context manager, which waits for what is under way, so that all that is billed is counted.

    Attributes:
        pages: pictures that were read, those of which the text was known among them.
        usage: what was billed.
    """

    def __init__(self) -> None:
        self.pages = 0
        self.usage = Usage()
        self._job: _Job | None = None
        self._lock = threading.Lock()

    def begin(self, job: _Job | None) -> None:
        """Count the pages from the start; what was billed before counts on."""
        self.pages = 0
        self._job = job

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        if self._job:
            self._job.stop()

    def add(self, usage: Usage) -> None:
        """Count what a call was billed."""
        with self._lock:
            self.usage += usage


class Reading(Struct, frozen=True):
    """What came of one picture.

    Attributes:
        texts: what models wrote about it, in order.
        problem: why nothing was written; the rest of a sentence that begins with the place.
    """

    texts: tuple[PageText, ...] = ()
    problem: str = ""


class Scans:
    """Reads the pictures of documents: thread-safe, one per process.

    Args:
        reader: reads text.
        texts: what was read before.
        describer: says what a picture shows that is no page, if that is wanted.
    """

    def __init__(
        self, settings: OcrSettings, reader: PictureReader, texts: PageTexts, describer: PictureReader | None = None
    ) -> None:
        self.settings = settings
        self._reader = reader
        self._describer = describer
        self._texts = texts

    def read(
        self, parsed: ParsedDocument, key: ObjectKey, tenant: str, tally: ScanTally, deadline: Deadline
    ) -> ParsedDocument:
        """``parsed`` with text in place of its pictures, read as its blocks are asked for.

        Args:
            tenant: owner of the document. Texts are shared within a tenant only: a page that costs nothing would tell
                that another tenant has the same.
            tally: counts pages and costs.

        Raises:
            PlatformError: at once or while blocks are read: a picture could not be read.
        """
        job = _Job(self, parsed.warnings, key.document_id, tenant, tally, deadline)
        tally.begin(job)
        blocks = job.run(parsed.blocks)
        if parsed.title != PurePosixPath(key.key).stem:
            return replace(parsed, blocks=blocks)
        first = list(islice(blocks, _BLOCKS_BEFORE_TITLE))
        title = next((block.text for block in first if block.heading), parsed.title)
        return replace(parsed, title=title, blocks=chain(first, blocks))

    def read_picture(self, picture: Picture, job: _Job) -> Reading:
        """What models write about one picture."""
        readers = [self._reader]
        if self._describer and not picture.is_page:
            readers.insert(0, self._describer)
        try:
            return Reading(tuple(self._read_by(reader, picture, job) for reader in readers))
        except RefusedError as error:
            return Reading(problem=f"was refused by the model ({error.code}) and left out")

    def _read_by(self, reader: PictureReader, picture: Picture, job: _Job) -> PageText:
        id_ = digest(reader.profile, job.tenant, picture.digest)
        known = self._texts.read(id_, job.document_id, job.deadline)
        if known is not None:
            return known
        job.deadline.timeout(_LEAST_SECONDS)
        found = reader.read(picture, job.deadline)
        job.tally.add(found.usage)
        text = PageText(found.text.text, found.text.is_cut)
        self._texts.write(id_, job.document_id, text, job.deadline)
        return text

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """The threads that wait for models."""
        return ThreadPoolExecutor(self.settings.concurrency, thread_name_prefix="ocr")


def make_scans(settings: OcrSettings, dashscope: DashScopeSettings, client: DashScopeClient, texts: PageTexts) -> Scans:
    """What reads pictures by the models of the settings, within the budget of ``client``."""
    reader = PictureReader(dashscope, settings.model, client, settings.timeout)
    model = settings.description_model
    describer = PictureReader(dashscope, model, client, settings.timeout, describes=True) if model else None
    return Scans(settings, reader, texts, describer)


def _without_data(block: Block) -> Block:
    return replace(block, picture=replace(block.picture, data=b"")) if block.picture else block


class _Job:
    """The pictures of one document, read ahead while the blocks before them are taken."""

    def __init__(
        self, scans: Scans, warnings: list[str], document_id: str, tenant: str, tally: ScanTally, deadline: Deadline
    ) -> None:
        self.document_id = document_id
        self.tenant = tenant
        self.tally = tally
        self.deadline = deadline
        self._scans = scans
        self._warnings = warnings
        self._under_way: dict[str, Future[Reading]] = {}
        self._left_out = False

    def run(self, blocks: Iterator[Block]) -> Iterator[Block]:
        """``blocks`` with text in place of pictures, in their order."""
        waiting: deque[tuple[Block, Future[Reading] | None]] = deque()
        for block in blocks:
            if block.picture and self._is_full():
                continue
            future = self._begin(block.picture) if block.picture else None
            # Without the picture, which is large: many pages may wait for one that looks like them.
            waiting.append((_without_data(block), future))
            while len(self._under_way) > self._scans.settings.concurrency or len(waiting) > _MOST_WAITING:
                yield from self._finish(*waiting.popleft())
            while waiting and waiting[0][1] is None:
                yield waiting.popleft()[0]
        while waiting:
            yield from self._finish(*waiting.popleft())

    def stop(self) -> None:
        """Begin nothing more; what is under way is billed, so that it is waited for, kept and counted."""
        wait([future for future in self._under_way.values() if not future.cancel()])

    def _is_full(self) -> bool:
        """Whether no more pictures of the document are read: files in an archive count together."""
        is_full = self.tally.pages >= self._scans.settings.max_pages
        if is_full and not self._left_out:
            self._warnings.append(f"Pictures after {self.tally.pages} were left out; at most OCR_MAX_PAGES are read.")
        self._left_out |= is_full
        return is_full

    def _begin(self, picture: Picture) -> Future[Reading]:
        self.tally.pages += 1
        if picture.digest not in self._under_way:
            context = contextvars.copy_context()  # the request's log fields, metrics and trace
            read = self._scans.read_picture
            self._under_way[picture.digest] = self._scans.pool.submit(context.run, read, picture, self)
        return self._under_way[picture.digest]

    def _finish(self, block: Block, future: Future[Reading] | None) -> Iterator[Block]:
        if block.picture is None or future is None:
            yield block
            return
        reading = future.result()
        self._under_way.pop(block.picture.digest, None)
        place = f"Page {block.location.page}" if block.location.page else "The picture"
        if reading.problem:
            self._warnings.append(f"{place} {reading.problem}.")
        for text in reading.texts:
            if text.is_cut:
                self._warnings.append(f"{place} has more text than the model writes at once; the rest was left out.")
            yield from read_page_text(text.text, block.location)
