"""The parts that documents pass through on their way into the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from shared import parsing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.domain.models import ParsedDocument
    from shared.domain.tenants import Tenancy
    from shared.embedding.sources import VectorSource
    from shared.ingestion.bucket import Bucket
    from shared.ingestion.origin import Origin
    from shared.ingestion.scans import Scans
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import IngestionSettings
    from shared.store.store import Store

Parse: TypeAlias = "Callable[[Path, str, parsing.Limits, Deadline], ParsedDocument]"


class Pipeline(Struct, frozen=True):
    """What a document passes through on its way into the index.

    Attributes:
        parse: reads a file; `parsing.parse_bounded`, or one that needs no process of its own.
        scans: reads pages and pictures without text by a model; ``None`` where that is off.
        owner: name of this instance, for claims.
        origin: where the chunks of documents are copied from; ``None`` where they are read from the bucket.
    """

    bucket: Bucket
    embedder: VectorSource
    store: Store
    settings: IngestionSettings
    tenancy: Tenancy
    parse: Parse
    owner: str
    scans: Scans | None = None
    origin: Origin | None = None

    @property
    def limits(self) -> parsing.Limits:
        """What reading a document may cost."""
        limits = parsing.Limits(max_bytes=self.settings.max_file_bytes)
        if self.scans is None:
            return limits
        return replace(limits, ocr=self.scans.settings.mode, max_scans=self.scans.settings.max_pages)
