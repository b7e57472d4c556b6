"""Records in every envelope: whole payloads in, records out; what cannot be used is named."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import RequestError
from shared.records.envelopes import BadRecord, Record, parse
from shared.runtime.settings import RecordSettings
from tests.events import read as read_event
from tests.profile import examples

PATHS = RecordSettings()
ONE = {"id": "r-1", "text": "Tides turn.", "metadata": {"lang": "en"}}
RECORD = Record("r-1", "Tides turn.", {"lang": "en"})


def cloud_event(kind: str, data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "event-7",
        "source": "test",
        "type": kind,
        "subject": "acs:test",
        "time": "2026-11-02T08:15:30Z",
        "datacontenttype": "application/json; charset=utf-8",
        "aliyunaccountid": "1000000000000000",
        "data": data,
    }


def queue(body: str) -> dict[str, Any]:
    return cloud_event("mns:Queue:SendMessage", {"requestId": "q", "messageId": "message-1", "messageBody": body})


def kafka(value: Any, key: str | None = None) -> dict[str, Any]:
    place = {"topic": "tides", "partition": 3, "offset": 42, "timestamp": 1_700_000_000_000}
    return cloud_event("alikafka:Topic:Message", {**place, "headers": {"headers": []}, "key": key, "value": value})


TOPIC = {"TopicOwner": "1", "TopicName": "t", "MessageId": "message-9", "MessageMD5": "x", "PublishTime": 1}
# What the files of `tests.events` carry.
TIDE, ENGLISH = "The tide turns twice a day.", {"lang": "en"}
KAFKA = [
    Record("tide-17", TIDE, ENGLISH, version=1_793_607_330_291),
    Record("tide-18", delete=True, version=1_793_607_330_292),
]


@pytest.mark.parametrize(
    ("payload", "records"),
    [
        (ONE, [RECORD]),
        ([ONE, {"id": "r-2", "text": "Moon."}], [RECORD, Record("r-2", "Moon.")]),
        ({"records": [ONE, {"id": "r-2", "op": "delete"}]}, [RECORD, Record("r-2", delete=True)]),
        ({**ONE, "collection": "tides"}, [Record("r-1", "Tides turn.", {"lang": "en"}, collection="tides")]),
        (cloud_event("app:record", ONE), [RECORD]),
        (cloud_event("app:record", json.dumps(ONE)), [RECORD]),
        (cloud_event("app:record", [ONE, ONE]), [RECORD, RECORD]),
        ([cloud_event("app:record", ONE), json.dumps(cloud_event("app:record", ONE))], [RECORD, RECORD]),
        (cloud_event("app:record", {"text": "No id."}), [Record("event-7", "No id.")]),
        (queue(json.dumps(ONE)), [RECORD]),
        ([queue("Plain words.")], [Record("message-1", "Plain words.")]),
        (queue(json.dumps([{"text": "a"}, {"text": "b"}])), [Record("message-1/0", "a"), Record("message-1/1", "b")]),
        ([kafka(json.dumps(ONE))], [RECORD]),
        ([json.dumps(kafka("Plain words.", "key-1"))], [Record("key-1", "Plain words.")]),
        ([kafka("Plain words.")], [Record("tides/3/42", "Plain words.")]),
        ({**TOPIC, "Message": json.dumps(ONE)}, [RECORD]),
        ({**TOPIC, "Message": "Plain words."}, [Record("message-9", "Plain words.")]),
        ({"body": json.dumps(ONE), "attrs": {"Extend": "{}"}}, [RECORD]),
    ],
)
def test_known_envelopes(payload: Any, records: list[Record]) -> None:
    found = parse(json.dumps(payload).encode(), PATHS)
    assert [replace(record, version=0) for record in found if isinstance(record, Record)] == records
    assert len(found) == len(records)


def in_base64(content: Any, *, lines: bool = False) -> str:
    data = json.dumps(content, ensure_ascii=False).encode()
    return (base64.encodebytes(data) if lines else base64.b64encode(data)).decode()


@pytest.mark.parametrize("content", [ONE, {"records": [ONE]}, [ONE], {**ONE, "text": "潮汐。" * 40}])
@pytest.mark.parametrize("lines", [False, True])
def test_json_in_base64_is_the_record_and_not_its_text(content: Any, *, lines: bool) -> None:
    message = in_base64(content, lines=lines)
    envelopes = (queue(message), [queue(message)], {**TOPIC, "Message": message}, {"body": message, "attrs": {}})
    for raw in (*(json.dumps(envelope).encode() for envelope in envelopes), message.encode()):
        (found,) = parse(raw, PATHS)
        assert isinstance(found, Record)
        assert found.id == "r-1"
        assert found.text in ("Tides turn.", "潮汐。" * 40)


WORDS = ("easy", "each", "Wood", "Winter time", "Industry", "eyJ", "Data", in_base64("a text alone"), "W10=x")


@pytest.mark.parametrize("words", WORDS)
def test_words_that_could_be_base64_stay_words(words: str) -> None:
    (found,) = parse(json.dumps(queue(words)).encode(), PATHS)
    assert found == Record("message-1", words, version=1_793_607_330_000)


@pytest.mark.parametrize(
    ("name", "records"),
    [
        ("mns_queue", [Record("tide-17", TIDE, ENGLISH, version=1_793_607_330_250)]),
        ("mns_topic_json", [Record("tide-17", TIDE, ENGLISH, version=1_793_607_330_250)]),
        ("mns_topic_stream", [Record("tide-17", TIDE, ENGLISH)]),
        ("mns_topic_stream_template", [Record("tide-17", TIDE, ENGLISH)]),
        ("kafka", KAFKA),
        ("kafka_texts", KAFKA),
        ("eventbridge_custom", [Record("tide-17", TIDE, ENGLISH, version=1_793_607_330_250)]),
    ],
)
def test_a_whole_event_of_each_source_is_read(name: str, records: list[Record]) -> None:
    assert list(parse(read_event(name), PATHS)) == records


@pytest.mark.parametrize(
    ("payload", "version"),
    [
        ({**ONE, "version": 7}, 7),
        (ONE, 0),
        (cloud_event("app:record", ONE), 1_793_607_330_000),
        (cloud_event("app:record", {**ONE, "version": 7}), 7),
        ({**cloud_event("app:record", ONE), "time": "soon"}, 0),
        (queue(json.dumps(ONE)), 1_793_607_330_000),
        (kafka(json.dumps(ONE)), 1_700_000_000_000),
        ({**TOPIC, "Message": json.dumps(ONE)}, 1),
        ({"body": json.dumps(ONE), "attrs": {}}, 0),
    ],
)
def test_what_tells_newer_from_older(payload: Any, version: int) -> None:
    (record,) = parse(json.dumps(payload).encode(), PATHS)
    assert isinstance(record, Record)
    assert record.version == version


def test_where_a_record_lies_is_a_setting() -> None:
    paths = RecordSettings(eventbridge_path="data.change.after", kafka_path="data.value.payload")
    for event in (cloud_event("x", {"change": {"after": ONE}}), kafka(json.dumps({"payload": ONE}))):
        (record,) = parse(json.dumps(event).encode(), paths)
        assert isinstance(record, Record)
        assert replace(record, version=0) == RECORD


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"id": "x"}, "text is empty"),
        ({"id": "x", "text": " "}, "text is empty"),
        ({"id": "x", "text": 5}, "`str`"),
        ({"id": "", "text": "a"}, "length"),
        ({"id": 7, "text": "a"}, "`str`"),
        ({"text": "no id"}, "id"),
        ({"id": "x", "text": "a", "op": "burn"}, "burn"),
        ({"id": "x", "text": "a", "metadata": []}, "object"),
        ({"id": "x", "text": "a", "metadata": {"k": "v" * 20_000}}, "at most 16384 bytes"),
        ({"id": "x", "text": "a", "metadata": {"k": 10**30}}, "metadata is"),
        ({"id": "x", "text": "a", "metadata": {"k": {"deep": 1}}}, "metadata is"),
        ({"id": "x", "text": "a", "metadata": {"a b": 1}}, "metadata is"),
        ({"id": "x", "text": "a", "version": -1}, "version"),
        ({"id": "x", "text": "a", "colour": 1}, "colour"),
        ("{broken", "not an object"),
        (5, "not an object"),
    ],
)
def test_a_bad_record_is_named_and_its_neighbours_are_not_lost(record: Any, reason: str) -> None:
    first, bad, last = parse(json.dumps([ONE, record, ONE]).encode(), PATHS)
    assert first == last == RECORD
    assert isinstance(bad, BadRecord)
    assert bad.id
    assert reason in bad.reason


@pytest.mark.parametrize("raw", [b"", b"{", b"[1,", b"\xff\xfe\x00", b"[]", b"{}", b"null", b"[" * 200_000])
def test_what_is_no_event_is_refused(raw: bytes) -> None:
    with pytest.raises(RequestError, match="invalid_event"):
        parse(raw, PATHS)


def test_too_many_records_are_refused() -> None:
    with pytest.raises(RequestError, match="too_many_records"):
        parse(json.dumps([ONE] * 1_001).encode(), PATHS)


NAMES = ["id", "text", "data", "specversion", "type", "body", "attrs", "records", "metadata"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)


@given(json_values)
@settings(max_examples=examples(300))
def test_any_json_is_either_read_or_refused(payload: Any) -> None:
    try:
        records = parse(json.dumps(payload).encode(), PATHS)
    except RequestError:
        return
    assert all(isinstance(record, Record | BadRecord) and record.id for record in records)


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({"text": " "}, 9),
        ({"op": "no such"}, 9),
        ({"metadata": {"a-b": 1}}, 9),
        ({"version": "9"}, 0),
        ({"version": -1}, 0),
    ],
)
def test_a_bad_record_keeps_the_version_that_puts_it_in_order(change: dict[str, Any], version: int) -> None:
    record = {**ONE, "version": 9, **change}
    (found,) = parse(json.dumps(record).encode(), PATHS)
    assert isinstance(found, BadRecord)
    assert (found.id, found.version) == ("r-1", version)
    sent = cloud_event(
        "acs:custom", {name: value for name, value in record.items() if name != "version"} | {"op": "no"}
    )
    (found,) = parse(json.dumps(sent).encode(), PATHS)
    assert found.version == 1_793_607_330_000  # the time of the envelope


def test_an_id_that_is_too_long_fails_no_record_of_another_id() -> None:
    ids = ["x" * 512, "x" * 513, "x" * 600, "x" * 512 + "y"]
    found = [record for id_ in ids for record in parse(json.dumps({**ONE, "id": id_}).encode(), PATHS)]
    assert isinstance(found[0], Record)
    assert all(isinstance(record, BadRecord) for record in found[1:])
    assert len({record.id for record in found}) == 4
    assert all(len(record.id) <= 512 for record in found)
    key = {"data": {"key": "k" * 5_000, "value": 5, "topic": "t", "partition": 0, "offset": 1}}
    (keyed,) = parse(json.dumps({**cloud_event("alikafka:Topic:Message", {}), **key}).encode(), PATHS)
    assert isinstance(keyed, BadRecord)
    assert len(keyed.id) == 512
