"""How the platform reads: its parser in a bounded process, its chunker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from benchmarks.readings.judges import Reading
from shared.domain.errors import PlatformError
from shared.ingestion.chunking import chunk
from shared.parsing import Limits, parse_bounded
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.models import Block, Chunk

_SECONDS: Final = 60.0
# As the functions are deployed by default.
_CHUNK_TOKENS: Final = 384


def read(path: Path) -> Reading:
    """What the platform makes of a file, and how long reading and chunking took."""
    started = time.perf_counter()
    try:
        blocks, chunks = _read(path)
    except PlatformError as error:
        seconds = time.perf_counter() - started
        return Reading("", (), seconds=seconds, failure=f"{error.code}: {error.message}")
    seconds = time.perf_counter() - started
    context = "\n".join(dict.fromkeys(line for chunk_ in chunks for line in chunk_.context.splitlines()))
    text = "\n\n".join(block.text for block in blocks)
    return Reading(text, tuple(chunk_.embedded_text for chunk_ in chunks), context, seconds)


def _read(path: Path) -> tuple[list[Block], list[Chunk]]:
    document = parse_bounded(path, path.name, Limits(), Deadline.after(_SECONDS))
    blocks = list(document.blocks)
    return blocks, list(chunk(blocks, path.name, "", _CHUNK_TOKENS, document.title))
