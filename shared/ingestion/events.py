"""Events in, what they are about out: the wire forms Function Compute delivers, known to no other file.

OSS trigger            {"events": [record, ...]}, event names without "oss:"
OSS by EventBridge     a CloudEvent with one such record as "data", alone or in a list (items may be JSON text)
OSS by MNS             {"events": [record, ...]}, in Base64 or not, as the message of each envelope for it
end of a batch task    a CloudEvent of the type "dashscope:System:BatchTaskFinish"
timer                  {"triggerTime", "triggerName", "payload"}, the payload naming an action
operator               {"action": "reconcile", "dry_run"?: true, "seconds"?: 30, "after"?: KEY, "until"?: KEY}
                       {"action": "backfill", "step": "plan" or "collect" or "status", "seconds"?, "after"?: KEY,
                       "most_cost"?: CNY, "hours"?: 24, "migration"?: true}
                       {"action": "retry", "state"?, "code"?, "prefix"?, "id"?, "reread"?: true, "dry_run"?, "seconds"?}
                       {"action": "migrate", "step": "start", "model", "dimension"?, ...}; see `_Migrate`
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Struct

from shared.domain.errors import RequestError
from shared.domain.message_text import decode
from shared.domain.models import ObjectKey

# Function Compute takes 128 KB of an asynchronous event.
MAX_EVENT_BYTES = 128 * 1024
# A function runs at most a day.
MOST_SECONDS = 86_400
# Of a value by which documents are chosen; keys in OSS are shorter.
_MAX_CHARACTERS = 1_023
# Queries that one invocation asks of both collections of a migration.
_MAX_QUERIES = 50
_CHANGED = ("ObjectCreated:", "ObjectRemoved:", "ObjectReplication:")
ACTIONS = ("reconcile", "retry", "backfill", "migrate")
# https://help.aliyun.com/zh/model-studio/batch-interfaces-compatible-with-openai
_BATCH_ENDED = "dashscope:System:BatchTaskFinish"


class ObjectEvent(Struct, frozen=True):
    """Something happened to an object. What, is only a hint: the bucket is asked."""

    key: ObjectKey
    name: str


class Selection(Struct, frozen=True):
    """Which documents an operator wants tried again: those that meet every condition given.

    Attributes:
        state: ``pending``, ``failed`` or ``indexed``; both of the first two by default.
        code: of the failure, such as ``broken_file``.
        prefix: what their keys begin with.
        id: id of one document.
        reread: read documents again that are indexed, too, where an older revision of the parsing code read them.
        before: only records written before this moment, seconds since the epoch; all by default.
    """

    state: str = ""
    code: str = ""
    prefix: str = ""
    id: str = ""
    reread: bool = False
    before: float | None = None


class Span(Struct, frozen=True):
    """A range of keys, in the order of their UTF-8 bytes.

    Attributes:
        after: only greater keys.
        until: only keys up to this one; empty for no limit.
    """

    after: str = ""
    until: str = ""


class Step(Struct, frozen=True):
    """What an operator wants of a migration.

    Attributes:
        name: ``start``, ``fill``, ``status``, ``samples``, ``check``, ``switch``, ``back``, ``cancel`` or ``finish``.
        model: the embedding model of the new collection; the present one by default.
        dimension: of its vectors; the model's default one by default.
        chunk_tokens: size of its chunks; 0 for that of the present one.
        reread: read all documents again instead of copying their chunks.
        queries: to be asked of both collections.
        batch: vectors are ordered by batch tasks; only what they do not give is embedded by calls.
    """

    name: str
    model: str = ""
    dimension: int = 0
    chunk_tokens: int = 0
    reread: bool = False
    queries: tuple[str, ...] = ()
    batch: bool = False


class Action(Struct, frozen=True):
    """A timer or an operator asks for something.

    Attributes:
        name: one of `ACTIONS`.
        dry_run: only report what would be done.
        seconds: begin nothing new after so long, and say what is left; without it, go on until all is done.
        span: the keys that a reconcile looks at.
        step: of a migration.
    """

    name: str
    dry_run: bool = False
    seconds: float | None = None
    selection: Selection | None = None
    span: Span = Span()
    step: Step | None = None


class BackfillRequest(Struct, frozen=True):
    """An operator, or the end of a batch task, asks for a step of a backfill.

    Attributes:
        step: ``plan``, ``collect`` or ``status``.
        seconds: begin nothing new after so long.
        after: plan documents with greater keys.
        most_cost: what the tasks of this step may cost, in CNY.
        hours: within which a task must be answered.
        is_migration: it is about the new collection of a migration.
    """

    step: str = "status"
    seconds: float | None = None
    after: str = ""
    most_cost: float = math.inf
    hours: int = 24
    is_migration: bool = False


class Unknown(Struct, frozen=True):
    """A record we cannot act on, and why."""

    reason: str


Event = ObjectEvent | Action | Unknown
AnyEvent = Event | BackfillRequest


_Query = Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
_Text = Annotated[str, msgspec.Meta(max_length=_MAX_CHARACTERS)]


class _Asked(Struct, forbid_unknown_fields=True):
    action: str
    dry_run: bool = False
    seconds: Annotated[float, msgspec.Meta(ge=0, le=MOST_SECONDS)] | None = None


class _Reconcile(_Asked):
    after: _Text = ""
    until: _Text = ""


class _Backfill(Struct, forbid_unknown_fields=True):
    action: str
    step: Literal["plan", "collect", "status"]
    seconds: Annotated[float, msgspec.Meta(ge=0, le=MOST_SECONDS)] | None = None
    after: _Text = ""
    most_cost: Annotated[float, msgspec.Meta(ge=0)] = math.inf
    hours: Annotated[int, msgspec.Meta(ge=24, le=336)] = 24
    migration: bool = False


class _Retry(_Asked):
    state: Literal["", "pending", "failed", "indexed"] = ""
    code: _Text = ""
    prefix: _Text = ""
    id: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{32})?$")] = ""
    reread: bool = False
    before: Annotated[float, msgspec.Meta(ge=0)] | None = None


class _Migrate(_Asked):
    step: Literal["start", "fill", "status", "samples", "check", "switch", "back", "cancel", "finish"] = "status"
    model: _Text = ""
    dimension: Annotated[int, msgspec.Meta(ge=0, le=65_536)] = 0
    chunk_tokens: Annotated[int, msgspec.Meta(ge=0, le=2_000)] = 0
    reread: bool = False
    queries: Annotated[tuple[_Query, ...], msgspec.Meta(max_length=_MAX_QUERIES)] = ()
    batch: bool = False


def parse(raw: bytes) -> tuple[AnyEvent, ...]:
    """What the records of an event are about, in order; those that make no sense are `Unknown`.

    Raises:
        RequestError: ``invalid_event``: the whole is not JSON or not an event.
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise RequestError("invalid_event", f"The event is larger than {MAX_EVENT_BYTES} bytes.")
    content = _read(raw)
    records = content if isinstance(content, list) else [content]
    if not records:
        raise RequestError("invalid_event", "The event is an empty list.")
    return tuple(event for record in records for event in _events(record))


def _events(record: Any, *, is_message: bool = False) -> tuple[AnyEvent, ...]:
    if isinstance(record, str) and not isinstance(record := decode(record), dict):
        return (Unknown("The event is not JSON."),)
    if not isinstance(record, dict):
        return (Unknown("a record is not an object"),)
    if isinstance(record.get("events"), list):
        return tuple(map(_object_event, record["events"]))
    if record.get("type") == _BATCH_ENDED:
        return (BackfillRequest("collect"),)
    if not is_message and (message := _get_message(record)) is not None:
        return _events(message, is_message=True)
    if "specversion" in record:
        return (_object_event(record.get("data")),)
    if "triggerName" in record:
        return (_timer(record.get("payload")),)
    if "action" in record:
        return (_action(record),)
    return (Unknown("it is neither an OSS event, a timer's nor an action"),)


def _get_message(record: dict[str, Any]) -> Any:
    """The message in an envelope of MNS; ``None`` in anything else."""
    if str(record.get("type", "")).startswith("mns:"):
        data = decode(record.get("data"))
        return data.get("messageBody") if isinstance(data, dict) else None
    if "TopicName" in record:
        return record.get("Message")
    return record.get("body") if "attrs" in record else None


def _object_event(record: Any) -> Event:
    try:
        name, oss = record["eventName"], record["oss"]
        bucket, key = oss["bucket"]["name"], oss["object"]["key"]
    except (KeyError, TypeError):
        return Unknown("an OSS record lacks eventName, oss.bucket.name or oss.object.key")
    if not all(isinstance(value, str) and value for value in (name, bucket, key)):
        return Unknown("eventName, bucket and key of an OSS record must be text")
    if not name.removeprefix("oss:").startswith(_CHANGED):
        return Unknown(f"{name[:80]!r} neither creates nor removes an object")
    return ObjectEvent(ObjectKey(bucket, key), name)


def _timer(payload: Any) -> AnyEvent:
    try:
        content = _json(payload.encode()) if isinstance(payload, str) else payload
    except RequestError:
        content = None
    return _action(content) if isinstance(content, dict) else Unknown("the timer's payload names no action")


def _action(content: dict[str, Any]) -> AnyEvent:
    if content.get("action") not in ACTIONS:
        return Unknown(f"there is no such action; there are {', '.join(ACTIONS)}")
    try:
        if content["action"] == "reconcile":
            asked = msgspec.convert(content, _Reconcile)
            return Action(asked.action, asked.dry_run, asked.seconds, span=Span(asked.after, asked.until))
        if content["action"] == "backfill":
            step = msgspec.convert(content, _Backfill)
            return BackfillRequest(step.step, step.seconds, step.after, step.most_cost, step.hours, step.migration)
        if content["action"] == "migrate":
            return _migrate(msgspec.convert(content, _Migrate))
        chosen = msgspec.convert(content, _Retry)
    except msgspec.ValidationError as error:
        return Unknown(f"{error}"[:200])
    selection = Selection(chosen.state, chosen.code, chosen.prefix, chosen.id, chosen.reread, chosen.before)
    return Action(chosen.action, chosen.dry_run, chosen.seconds, selection)


def _migrate(asked: _Migrate) -> Action:
    step = Step(asked.step, asked.model, asked.dimension, asked.chunk_tokens, asked.reread, asked.queries, asked.batch)
    return Action(asked.action, asked.dry_run, asked.seconds, step=step)


def _read(raw: bytes) -> Any:
    """The content of an event; a message of MNS comes as it is, which is Base64 where OSS sent it."""
    content = decode(raw.decode("ascii")) if raw.isascii() else ""
    return _json(raw) if isinstance(content, str) else content


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise RequestError("invalid_event", "The event is not JSON.") from None
