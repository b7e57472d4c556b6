"""The triggers of a function, by their ``triggerType``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from ops.deployment.declared import Declared, Method, Name


class HttpConfig(Declared, frozen=True, kw_only=True):
    """``anonymous`` leaves the check of keys to the function."""

    auth_type: Literal["anonymous", "function", "jwt"]
    methods: Annotated[tuple[Method, ...], Meta(min_length=1)]
    disable_url_internet: bool = msgspec.field(name="disableURLInternet", default=False)
    auth_config: dict[str, Any] | None = None
    cors_config: dict[str, Any] | None = None


class KeyFilter(Declared, frozen=True, kw_only=True):
    """Both are required by the service and may be empty."""

    prefix: str
    suffix: str


class OssFilter(Declared, frozen=True, kw_only=True):
    """Which keys count."""

    key: KeyFilter


class OssConfig(Declared, frozen=True, kw_only=True):
    """Names with the ``oss:`` that the delivered events lack."""

    events: Annotated[
        tuple[
            Literal[
                "oss:ObjectCreated:*",
                "oss:ObjectCreated:AppendObject",
                "oss:ObjectCreated:CompleteMultipartUpload",
                "oss:ObjectCreated:CopyObject",
                "oss:ObjectCreated:InitiateMultipartUpload",
                "oss:ObjectCreated:PostObject",
                "oss:ObjectCreated:PutObject",
                "oss:ObjectCreated:PutSymlink",
                "oss:ObjectCreated:UploadPart",
                "oss:ObjectCreated:UploadPartCopy",
                "oss:ObjectModified:UpdateObjectMeta",
                "oss:ObjectRemoved:AbortMultipartUpload",
                "oss:ObjectRemoved:DeleteObject",
                "oss:ObjectRemoved:DeleteObjects",
            ],
            ...,
        ],
        Meta(min_length=1),
    ]
    filter: OssFilter


class TimerConfig(Declared, frozen=True, kw_only=True):
    """``cron_expression``: ``@every 60m``, or six fields that start with seconds."""

    cron_expression: Annotated[str, Meta(pattern=r"^(@every \d+[smh]|(CRON_TZ=\S+ )?\S+( \S+){5})$")]
    enable: bool
    payload: str = ""


class MnsConfig(Declared, frozen=True, kw_only=True):
    """How a message of a topic becomes an event."""

    notify_content_format: Literal["JSON", "STREAM"]
    notify_strategy: Literal["BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"]
    filter_tag: str | None = None


class EventSource(Declared, frozen=True, kw_only=True):
    """What EventBridge listens to; the inner keys are the source's own."""

    event_source_type: Literal["Default", "MNS", "RocketMQ", "RabbitMQ", "Kafka", "MQTT", "DTS"]
    event_source_parameters: dict[str, Any] = {}


class EventSink(Declared, frozen=True, kw_only=True):
    """How EventBridge delivers."""

    delivery_option: dict[str, Any]


class EventBridgeConfig(Declared, frozen=True, kw_only=True):
    """Events through EventBridge; Kafka and RocketMQ come this way too."""

    event_rule_filter_pattern: str
    event_source_config: EventSource
    event_sink_config: EventSink | None = None
    run_options: dict[str, Any] = {}
    trigger_enable: bool = True
    async_invocation_type: bool = False


class TriggerBase(Declared, frozen=True, kw_only=True, tag_field="triggerType"):
    """What every trigger has."""

    trigger_name: Name
    description: str = ""
    qualifier: str | None = None


class HttpTrigger(TriggerBase, frozen=True, kw_only=True, tag="http"):
    """Requests from outside, passed through unchanged."""

    trigger_config: HttpConfig


class OssTrigger(TriggerBase, frozen=True, kw_only=True, tag="oss"):
    """Changes in a bucket."""

    trigger_config: OssConfig
    source_arn: Annotated[str, Meta(pattern=r"^acs:oss:[^:]+:[^:]+:[^:/]+$")]
    invocation_role: str = ""


class TimerTrigger(TriggerBase, frozen=True, kw_only=True, tag="timer"):
    """Time passing."""

    trigger_config: TimerConfig


class MnsTrigger(TriggerBase, frozen=True, kw_only=True, tag="mns_topic"):
    """Messages of a topic."""

    trigger_config: MnsConfig
    source_arn: Annotated[str, Meta(pattern=r"^acs:mns:")]
    invocation_role: str = ""


class EventBridgeTrigger(TriggerBase, frozen=True, kw_only=True, tag="eventbridge"):
    """Events of a bus or a stream."""

    trigger_config: EventBridgeConfig


Trigger: TypeAlias = HttpTrigger | OssTrigger | TimerTrigger | MnsTrigger | EventBridgeTrigger
