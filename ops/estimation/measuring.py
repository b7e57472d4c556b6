"""One document as ingest would see it: read, cut into chunks, its tokens counted exactly."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared import parsing
from shared.domain.errors import DocumentError
from shared.embedding import tokens
from shared.ingestion import chunking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.domain.models import Block, ObjectState
    from shared.ingestion.bucket import Bucket
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import IngestionSettings


@dataclass(frozen=True)
class Measured:
    """What one document comes to.

    Attributes:
        size: its bytes.
        chunks: rows in Milvus, each embedded once.
        tokens: what DashScope bills for them.
        seconds: to read and cut it on this machine.
        pages: pages and pictures that OCR=auto would have a model read; their text is not among the tokens.
        pictures: those inside documents with text that OCR=all would have it read besides.
        refusal: the code with which it would fail; empty if it would not.
    """

    size: int
    chunks: int = 0
    tokens: int = 0
    seconds: float = 0.0
    pages: int = 0
    pictures: int = 0
    refusal: str = ""


def measure(bucket: Bucket, state: ObjectState, settings: IngestionSettings, profile: str, until: Deadline) -> Measured:
    """Read one document.

    Raises:
        TransientError, ConfigurationError: it cannot be had from the bucket.
    """
    began = time.monotonic()
    chunks = counted = 0
    found = Counter[bool]()
    with tempfile.TemporaryDirectory(prefix="estimate-") as folder:
        path = Path(folder) / "object"
        try:
            bucket.download(state, path, settings.max_file_bytes, until)
            limits = parsing.Limits(max_bytes=settings.max_file_bytes, ocr="all")
            parsed = parsing.parse_bounded(path, state.key.key, limits, until)
            for chunk in chunking.chunk(
                _leave_out_pictures(parsed.blocks, found),
                state.key.document_id,
                profile,
                settings.chunk_tokens,
                parsed.title,
            ):
                chunks += 1
                counted += tokens.count(chunk.embedded_text)
        except DocumentError as error:
            return Measured(state.size, refusal=error.code)
    if not chunks:
        # Pictures of a document that has no text are read by OCR=auto, as a scan is.
        refusal = "needs_ocr" if found.total() else "empty_document"
        return Measured(state.size, pages=found.total(), refusal=refusal)
    return Measured(state.size, chunks, counted, time.monotonic() - began, found[False], found[True])


def _leave_out_pictures(blocks: Iterator[Block], count: Counter[bool]) -> Iterator[Block]:
    """The blocks that have text; the others are counted, those inside documents with text by themselves."""
    for block in blocks:
        if block.picture:
            count[block.picture.is_inside] += 1
        else:
            yield block
