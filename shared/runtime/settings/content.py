"""How documents are cut and limited, and where the records of events are found."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from shared.runtime.environment import Setting
from shared.runtime.settings.storage import COLLECTION_NAME

_COLLECTION = re.compile(COLLECTION_NAME)


class IngestionSettings(Struct, frozen=True, kw_only=True):
    """How documents are cut, and how large they may be."""

    chunk_tokens: Annotated[
        int, Meta(ge=32, le=2_000), Setting("CHUNK_TOKENS", "Size of a chunk, in estimated tokens.")
    ] = 384
    max_file_bytes: Annotated[int, Meta(ge=1), Setting("MAX_FILE_BYTES", "Larger objects are recorded as failed.")] = (
        2 * 1024**3
    )
    sync_concurrency: Annotated[
        int, Meta(ge=1, le=64), Setting("SYNC_CONCURRENCY", "Documents a reconcile repairs at once.")
    ] = 4
    batch_concurrency: Annotated[
        int,
        Meta(ge=1, le=64),
        Setting("BATCH_CONCURRENCY", "Small documents an instance indexes at once when one event names many."),
    ] = 32
    max_deleted_share: Annotated[
        float,
        Meta(ge=0, le=1),
        Setting("RECONCILE_MAX_DELETED_SHARE", "A reconcile that would remove a larger share of the index stops."),
    ] = 0.2
    migration_share: Annotated[
        float,
        Meta(gt=0, le=1),
        Setting("MIGRATION_QUOTA_SHARE", "Part of an instance's quota that filling a new collection may use."),
    ] = 0.5
    migration_retention_days: Annotated[
        int,
        Meta(ge=0, le=365),
        Setting(
            "MIGRATION_RETENTION_DAYS",
            "Days after a switch until the timer drops the previous collection; 0 keeps it until `migrate finish`.",
        ),
    ] = 0
    verify_days: Annotated[
        int,
        Meta(ge=1, le=365),
        Setting("RECONCILE_VERIFY_DAYS", "Days within which reconciles verify the chunks of every document."),
    ] = 7


class RecordSettings(Struct, frozen=True, kw_only=True):
    """Where the record lies in each envelope of an event: names separated by dots."""

    eventbridge_path: Annotated[str, Setting("RECORD_PATH_EVENTBRIDGE", "In a CloudEvent.")] = "data"
    mns_queue_path: Annotated[str, Setting("RECORD_PATH_MNS_QUEUE", "In an event of an MNS queue.")] = (
        "data.messageBody"
    )
    mns_json_path: Annotated[str, Setting("RECORD_PATH_MNS_JSON", "In an MNS topic's message, form JSON.")] = "Message"
    mns_stream_path: Annotated[str, Setting("RECORD_PATH_MNS_STREAM", "In an MNS topic's message with attributes.")] = (
        "body"
    )
    kafka_path: Annotated[str, Setting("RECORD_PATH_KAFKA", "In an event of a Kafka topic.")] = "data.value"
    extra_collections: Annotated[
        str, Setting("RECORD_COLLECTIONS", "Further collections a record may name, separated by commas.")
    ] = ""

    def __post_init__(self) -> None:
        if not all(map(_COLLECTION.fullmatch, self.collections)):
            raise ValueError("RECORD_COLLECTIONS must be names of letters, digits and underscores, separated by commas")

    @property
    def collections(self) -> tuple[str, ...]:
        """Further collections a record may name."""
        return tuple(name for name in map(str.strip, self.extra_collections.split(",")) if name)
