"""Records in events: the wire forms in which EventBridge, MNS and Kafka deliver them, known only to this file.

A record is a text to index: ``{"id", "text", "metadata"?, "op"?: "upsert" | "delete", "collection"?,
"version"?}``. A setting says where it is in its envelope; envelopes are recognised by their own fields. A record's
``version``, a number that grows, puts records of one id in order; without one the envelope's time does (milliseconds).

    EventBridge          a CloudEvent, or a list of them (items may be JSON text); the record is its ``data``
    MNS queue            a CloudEvent of type mns:...; ``data.messageBody``
    Kafka                a CloudEvent of type alikafka:...; ``data.value``
    MNS topic, JSON      {"TopicName", "MessageId", "Message", ...}; ``Message``
    MNS topic, STREAM    the message itself, or {"body", "attrs"}; ``body``
    a call               the record itself, a list of records, or {"records": [...]}

The message of a queue may be JSON in Base64. A message that is plain text instead of JSON is the record's text, and
takes its id from the envelope: the Kafka key (or topic, partition and offset), the MNS message id, the CloudEvent's id.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from shared.domain import metadata
from shared.domain.errors import RequestError
from shared.domain.message_text import decode
from shared.domain.models import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.runtime.settings import RecordSettings

MAX_RECORDS = 1_000
MAX_ID_CHARACTERS = 512
_LARGEST_VERSION = 1 << 62
_DIGEST_CHARACTERS = 32


@dataclass(frozen=True)
class Record:
    """A text to index, or to remove from the index.

    Attributes:
        collection: the collection to write to; empty for the one of the settings.
        version: of two records of one id the one with the higher version is the newer; 0 where it is unknown.
        modified: of a copy, when the original was indexed, seconds since the epoch; 0 for now.
    """

    id: str
    text: str = field(default="", repr=False)
    metadata: dict[str, Any] = field(default_factory=dict, repr=False)
    delete: bool = False
    collection: str = ""
    version: int = 0
    modified: float = 0


class BadRecord(Struct, frozen=True):
    """A record that cannot be used.

    Attributes:
        id: its own id, or one derived from its envelope's.
        reason: a sentence for the operator, without any of the content.
        version: as that of a record, as far as it can be read; 0 where it is unknown.
    """

    id: str
    reason: str
    version: int = 0


class _Message(Struct, frozen=True):
    """The content of an envelope, and the id and the version for a record without its own."""

    content: Any
    id: str = ""
    version: int = 0


class _Wire(Struct, forbid_unknown_fields=True):
    id: Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
    text: str = ""
    metadata: dict[str, Any] = {}
    op: Literal["upsert", "delete"] = "upsert"
    collection: str = ""
    version: Annotated[int, Meta(ge=0, le=_LARGEST_VERSION)] = 0


def parse(raw: bytes, settings: RecordSettings) -> tuple[Record | BadRecord, ...]:
    """The records of an event, in order.

    Raises:
        RequestError: ``invalid_event``: this is not an event; or ``too_many_records``.
    """
    records = tuple(record for message in _read_messages(raw, settings) for record in _read_records(message))
    if len(records) > MAX_RECORDS:
        raise RequestError("too_many_records", f"The event holds {len(records)} records; {MAX_RECORDS} are allowed.")
    return records


def _read_messages(raw: bytes, settings: RecordSettings) -> Iterator[_Message]:
    try:
        content = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        # MNS in STREAM form delivers the message as it is, and a message may be plain text.
        yield _Message(_read_text(raw))
        return
    if content in ([], {}, None, ""):
        raise RequestError("invalid_event", "The event is empty.")
    for item in content if isinstance(content, list) else [content]:
        yield _read_message(decode(item), settings)


def _read_text(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace").strip() if raw.isascii() or not raw.startswith((b"{", b"[")) else ""
    if not text or text[0] in "{[" or "\ufffd" in text:
        raise RequestError("invalid_event", "The event is neither JSON nor text in UTF-8.")
    return text


def _read_message(item: Any, settings: RecordSettings) -> _Message:
    if not isinstance(item, dict):
        return _Message(item)
    if "specversion" in item:
        return _read_cloud_event(item, settings)
    if "TopicName" in item and "MessageId" in item:
        return _Message(_get(item, settings.mns_json_path), str(item["MessageId"]), _get_number(item, "PublishTime"))
    if "body" in item and "attrs" in item:
        return _Message(_get(item, settings.mns_stream_path))
    return _Message(item)


def _read_cloud_event(item: Mapping[str, Any], settings: RecordSettings) -> _Message:
    kind, id_, time = str(item.get("type", "")), _get_text(item, "id"), _read_milliseconds(_get_text(item, "time"))
    if kind.startswith("mns:"):
        return _Message(_get(item, settings.mns_queue_path), _get_text(item, "data.messageId") or id_, time)
    if kind.startswith("alikafka:"):
        return _Message(_get(item, settings.kafka_path), _make_kafka_id(item), _get_number(item, "data.timestamp"))
    return _Message(_get(item, settings.eventbridge_path), id_, time)


def _make_kafka_id(item: Mapping[str, Any]) -> str:
    place = "/".join(_get_text(item, f"data.{name}") for name in ("topic", "partition", "offset"))
    return _get_text(item, "data.key") or place


def _read_records(message: _Message) -> Iterator[Record | BadRecord]:
    content = decode(message.content)
    if isinstance(content, dict) and isinstance(content.get("records"), list):
        content = content["records"]
    items = content if isinstance(content, list) else [content]
    for position, item in enumerate(items):
        id_ = f"{message.id}/{position}" if len(items) > 1 and message.id else message.id
        yield _read_record(item, id_, message.version)


def _read_record(item: Any, default_id: str, default_version: int) -> Record | BadRecord:
    if isinstance(item, str) and item.strip()[:1] not in ("{", "[", ""):
        item = {"text": item}
    # A record without any id is still distinguished from others, by its content.
    unnamed = default_id or f"(no id) {digest(repr(item))[:12]}"
    if not isinstance(item, dict):
        return BadRecord(_shorten(unnamed), "The record is not an object with id and text.", default_version)
    if default_id and "id" not in item:
        item = {**item, "id": default_id}
    id_, version = item.get("id"), _get_number(item, "version") or default_version
    try:
        wire = msgspec.convert(item, _Wire)
    except msgspec.ValidationError as error:
        return BadRecord(_shorten(id_ if isinstance(id_, str) and id_ else unnamed), f"{error}."[:300], version)
    if wire.op == "upsert" and not wire.text.strip():
        return BadRecord(wire.id, "The record's text is empty.", version)
    try:
        checked = metadata.check(wire.metadata)
    except ValueError as error:
        return BadRecord(wire.id, f"The record's {error}.", version)
    return Record(wire.id, wire.text, checked, wire.op == "delete", wire.collection, version)


def _shorten(id_: str) -> str:
    """An id that is too long, cut so that no other record has what is left of it."""
    if len(id_) <= MAX_ID_CHARACTERS:
        return id_
    return f"{id_[: MAX_ID_CHARACTERS - _DIGEST_CHARACTERS - 1]}…{digest(id_)[:_DIGEST_CHARACTERS]}"


def _read_milliseconds(moment: str) -> int:
    try:
        return int(dt.datetime.fromisoformat(moment).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return 0


def _get_number(item: Any, path: str) -> int:
    value = _get(item, path)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_VERSION else 0


def _get(item: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        item = decode(item)
        item = item.get(name) if isinstance(item, dict) else None
    return item


def _get_text(item: Any, path: str) -> str:
    value = _get(item, path)
    return str(value) if isinstance(value, (str, int)) else ""
