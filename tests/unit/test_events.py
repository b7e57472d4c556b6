"""Events in every wire form: whole payloads in, the whole of what they mean out."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from shared.domain.errors import RequestError
from shared.domain.models import ObjectKey
from shared.ingestion.events import MAX_EVENT_BYTES, Action, ObjectEvent, Selection, Unknown, parse
from tests.events import read as read_event


def record(name: str, key: str, bucket: str = "team-docs") -> dict[str, Any]:
    """One OSS record, as Function Compute delivers it."""
    return {
        "eventName": name,
        "eventSource": "acs:oss",
        "eventTime": "2026-11-02T08:15:30.000Z",
        "eventVersion": "1.0",
        "oss": {
            "bucket": {
                "arn": f"acs:oss:cn-beijing:1000000000000000:{bucket}",
                "name": bucket,
                "ownerIdentity": "1000000000000000",
                "virtualBucket": "",
            },
            "object": {
                "deltaSize": 512,
                "eTag": "0CC175B9C0F1B6A831C399E269772661",
                "key": key,
                "objectMeta": {"mimeType": "text/plain"},
                "size": 512,
            },
            "ossSchemaVersion": "1.0",
            "ruleId": "rule-1",
        },
        "region": "cn-beijing",
        "requestParameters": {"sourceIPAddress": "192.0.2.7"},
        "responseElements": {"requestId": "6A00000000000000"},
        "userIdentity": {"principalId": "200000000000000000"},
    }


def cloud_event(data: dict[str, Any]) -> dict[str, Any]:
    """The same record, wrapped by EventBridge."""
    return {
        "id": "6A00",
        "source": "acs.oss",
        "specversion": "1.0",
        "type": f"oss:{data['eventName']}",
        "datacontenttype": "application/json; charset=utf-8",
        "subject": "acs:oss:cn-beijing:1000000000000000:team-docs/x",
        "time": "2026-11-02T08:15:30.000Z",
        "aliyuneventbusname": "default",
        "aliyunregionid": "cn-beijing",
        "data": data,
    }


PAYLOAD = '{"action":"reconcile"}'
CREATED, REMOVED = "ObjectCreated:PutObject", "ObjectRemoved:DeleteObject"
A, B = ObjectEvent(ObjectKey("team-docs", "a.txt"), CREATED), ObjectEvent(ObjectKey("team-docs", "b.txt"), REMOVED)

B_RECORD = record(REMOVED, "b.txt")


@pytest.mark.parametrize(
    ("payload", "meaning"),
    [
        ({"events": [record(CREATED, "a.txt")]}, (A,)),
        ({"events": [record(CREATED, "a.txt"), record(REMOVED, "b.txt")]}, (A, B)),
        (cloud_event(record(CREATED, "a.txt")), (A,)),
        ([cloud_event(record(CREATED, "a.txt")), cloud_event(record(REMOVED, "b.txt"))], (A, B)),
        ([json.dumps(cloud_event(record(CREATED, "a.txt"))), json.dumps(cloud_event(B_RECORD))], (A, B)),
        ({"triggerTime": "2026-11-02T08:00:00Z", "triggerName": "t", "payload": PAYLOAD}, (Action("reconcile"),)),
        ({"action": "reconcile", "dry_run": True}, (Action("reconcile", dry_run=True),)),
    ],
    ids=["native", "native, two", "EventBridge", "EventBridge list", "EventBridge texts", "timer", "operator"],
)  # fmt: skip
def test_known_forms(payload: Any, meaning: tuple[Any, ...]) -> None:
    assert parse(json.dumps(payload).encode()) == meaning


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        (
            "oss",
            (
                ObjectEvent(ObjectKey("team-docs", "handbook/潮汐 guide+1.pdf"), CREATED),
                ObjectEvent(ObjectKey("team-docs", "handbook/old.txt"), REMOVED),
            ),
        ),
        (
            "oss_eventbridge",
            (ObjectEvent(ObjectKey("team-docs", "reports/2026/q3.xlsx"), "ObjectCreated:CompleteMultipartUpload"),),
        ),
        ("timer", (Action("reconcile", dry_run=True),)),
    ],
)
def test_a_whole_event_of_each_source_is_understood(name: str, meaning: tuple[Any, ...]) -> None:
    assert parse(read_event(name)) == meaning


@pytest.mark.parametrize("key", ["中文/报告 1.txt", "a+b%2Bc.txt", "🙂", 'quote".txt', "x" * 1023])
def test_keys_are_taken_literally(key: str) -> None:
    (event,) = parse(json.dumps({"events": [record(CREATED, key)]}).encode())
    assert isinstance(event, ObjectEvent)
    assert event.key.key == key


@pytest.mark.parametrize(
    "payload",
    [
        {"events": [record("ObjectRestore:Post", "a.txt")]},
        {"events": [{"eventName": CREATED}]},
        {"events": ["text"]},
        {"events": [record(CREATED, "")]},
        {"events": [{**record(CREATED, "a"), "eventName": 7}]},
        {"hello": "world"},
        ["not json"],
        [1],
        {"specversion": "1.0", "data": "text"},
        {"triggerName": "t", "payload": "awesome"},
        {"triggerName": "t", "payload": None},
        {"action": "explode"},
        {"action": "reconcile", "dry_run": "yes"},
        {"action": ["reconcile"]},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_named_and_not_guessed(payload: Any) -> None:
    (event,) = parse(json.dumps(payload).encode())
    assert isinstance(event, Unknown)
    assert event.reason


def test_one_senseless_record_leaves_the_others() -> None:
    events = parse(json.dumps({"events": [record(CREATED, "a.txt"), {}, record(REMOVED, "b.txt")]}).encode())
    assert (events[0], type(events[1]), events[2]) == (A, Unknown, B)


@pytest.mark.parametrize(
    "raw", [b"", b"not json", b"\xff\xfe", b"[]", b"[" * 100_000, b'{"a": NaN}', b" " * (MAX_EVENT_BYTES + 1)]
)
def test_what_is_no_event_at_all_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestError, match="invalid_event"):
        parse(raw)


@pytest.mark.parametrize(
    ("asked", "selection"),
    [
        ({}, Selection()),
        ({"state": "failed", "code": "broken_file"}, Selection("failed", "broken_file")),
        ({"prefix": "报告/", "reread": True}, Selection(prefix="报告/", reread=True)),
        ({"id": "0" * 32, "before": 1.5}, Selection(id="0" * 32, before=1.5)),
    ],
    ids=str,
)
def test_a_retry_names_the_documents_it_is_about(asked: dict[str, Any], selection: Selection) -> None:
    event = {"action": "retry", "dry_run": True, "seconds": 20, **asked}
    assert parse(json.dumps(event).encode()) == (Action("retry", True, 20, selection),)


@pytest.mark.parametrize(
    "asked",
    [
        {"state": "deleted"},
        {"state": 1},
        {"id": "a.txt"},
        {"prefix": "x" * 2_000},
        {"reread": "yes"},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_retry_that_is_not_understood_is_refused_and_not_guessed(asked: dict[str, Any]) -> None:
    (event,) = parse(json.dumps({"action": "retry", **asked}).encode())
    assert isinstance(event, Unknown)
    (reconcile,) = parse(json.dumps({"action": "reconcile", "state": "failed"}).encode())
    assert isinstance(reconcile, Unknown)


NOTIFICATION = json.dumps({"events": [record(CREATED, "a.txt"), record(REMOVED, "b.txt")]})
ENCODED = base64.b64encode(NOTIFICATION.encode()).decode()
LINES = base64.encodebytes(NOTIFICATION.encode()).decode()


def in_queue(message: Any) -> list[Any]:
    """Each envelope in which a message of a queue or a topic arrives."""
    queue = {
        "specversion": "1.0",
        "type": "mns:Queue:SendMessage",
        "data": {"messageId": "m", "messageBody": message},
    }
    topic = {"TopicName": "t", "MessageId": "m", "Message": message, "PublishTime": 1}
    return [message, queue, [queue], [json.dumps(queue)], topic, {"body": message, "attrs": {"Extend": "{}"}}]


@pytest.mark.parametrize("message", [NOTIFICATION, ENCODED, LINES, ENCODED.rstrip("="), json.loads(NOTIFICATION)])
def test_what_oss_sends_to_a_topic_is_read_from_every_envelope(message: Any) -> None:
    for payload in in_queue(message):
        assert parse(json.dumps(payload).encode()) == (A, B)
    if isinstance(message, str):
        assert parse(message.encode()) == (A, B)


@pytest.mark.parametrize("message", ["text", "eyJhIjo", base64.b64encode(b"text").decode(), "", None, 7, [], {"a": 1}])
def test_another_message_of_a_queue_makes_no_sense_and_is_named(message: Any) -> None:
    for payload in in_queue(message)[1:]:
        (event,) = parse(json.dumps(payload).encode())
        assert isinstance(event, Unknown)


def test_envelopes_in_envelopes_end() -> None:
    payload: Any = {"events": [record(CREATED, "a.txt")]}
    for _ in range(400):
        payload = {"TopicName": "t", "MessageId": "m", "Message": payload}
    (event,) = parse(json.dumps(payload).encode())
    assert isinstance(event, Unknown)


@pytest.mark.parametrize("name", ["ObjectCreated", "ObjectModified", "ObjectRemoved"])
def test_what_replication_changes_is_looked_at(name: str) -> None:
    event = ObjectEvent(ObjectKey("team-docs", "a.txt"), f"ObjectReplication:{name}")
    assert parse(json.dumps({"events": [record(event.name, "a.txt")]}).encode()) == (event,)
