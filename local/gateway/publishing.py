"""Messages as the trigger of a function would deliver them: the envelopes of EventBridge, MNS and Kafka."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ops.deployment import EventBridgeTrigger, MnsTrigger

if TYPE_CHECKING:
    from ops.deployment import Trigger

_ACCOUNT = "1000000000000000"


class NotPublishableError(Exception):
    """The trigger takes no messages, or is switched off; the message says so."""


def envelope(trigger: Trigger, message: bytes, function: str, region: str) -> bytes:
    """The event ``trigger`` makes of ``message``.

    Raises:
        NotPublishableError: it would make none.
    """
    text = message.decode("utf-8", "replace")
    if isinstance(trigger, MnsTrigger):
        stream = trigger.trigger_config.notify_content_format == "STREAM"
        return message if stream else _encoded(_topic_message(trigger, text))
    if not isinstance(trigger, EventBridgeTrigger):
        raise NotPublishableError(f"The trigger {trigger.trigger_name} takes no messages.")
    if not trigger.trigger_config.trigger_enable:
        raise NotPublishableError(f"The trigger {trigger.trigger_name} is switched off: its triggerEnable is false.")
    return _encoded(_cloud_event(trigger, text, function, region))


def _cloud_event(trigger: EventBridgeTrigger, text: str, function: str, region: str) -> Any:
    source = trigger.trigger_config.event_source_config
    name = f"{source.event_source_type}-{function}-{trigger.trigger_name}"
    common = {
        "id": str(uuid.uuid4()),
        "specversion": "1.0",
        "datacontenttype": "application/json; charset=utf-8",
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "aliyunaccountid": _ACCOUNT,
        "aliyunregionid": region,
        "aliyuneventbusname": "default" if source.event_source_type == "Default" else name,
    }
    if source.event_source_type == "MNS":
        queue = str(source.event_source_parameters.get("sourceMNSParameters", {}).get("QueueName", "queue"))
        data: Any = {"requestId": uuid.uuid4().hex, "messageId": uuid.uuid4().hex, "messageBody": text}
        subject = f"acs:mns:{region}:{_ACCOUNT}:queues/{queue}"
        return {**common, "source": name, "type": "mns:Queue:SendMessage", "subject": subject, "data": data}
    if source.event_source_type == "Kafka":
        topic = str(source.event_source_parameters.get("sourceKafkaParameters", {}).get("Topic", "topic"))
        offset = time.time_ns()
        data = {"topic": topic, "partition": 0, "offset": offset, "timestamp": offset // 10**6, "value": text}
        about = {"source": "acs:alikafka", "type": "alikafka:Topic:Message", "subject": f"acs:alikafka:topic:{topic}"}
        return [{**common, **about, "data": data}]
    pattern = json.loads(trigger.trigger_config.event_rule_filter_pattern)
    (sender, *_) = pattern.get("source") or ["local"]
    return {**common, "source": sender, "type": "local:Published", "subject": function, "data": _json_or_text(text)}


def _topic_message(trigger: MnsTrigger, text: str) -> dict[str, Any]:
    return {
        "TopicOwner": _ACCOUNT,
        "TopicName": trigger.source_arn.rpartition("/")[2],
        "Message": text,
        "MessageId": uuid.uuid4().hex.upper(),
        "MessageMD5": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper(),
        "PublishTime": time.time_ns() // 10**6,
        "SubscriptionName": trigger.trigger_name,
        "Subscriber": _ACCOUNT,
    }


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _encoded(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()
