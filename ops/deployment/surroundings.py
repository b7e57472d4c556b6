"""What surrounds a function: network, logs, mounted buckets, tags, and the destinations of asynchronous calls."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ops.deployment.declared import Auto, Declared, Path, Text


class Vpc(Declared, frozen=True, kw_only=True):
    """The network in which Milvus and the PrivateLink endpoint of DashScope live."""

    vpc_id: Text
    v_switch_ids: Annotated[tuple[Text, ...], Meta(min_length=1)] | Auto
    security_group_id: Text


class Logs(Declared, frozen=True, kw_only=True):
    """Where log lines and metrics go in Simple Log Service."""

    project: Text
    logstore: Text
    enable_request_metrics: bool | None = None
    enable_instance_metrics: bool | None = None
    enable_llm_metrics: bool | None = None
    log_begin_rule: Literal["DefaultRegex", "None"] | None = None


class Destination(Declared, frozen=True, kw_only=True):
    """An FC, MNS, EventBridge or RocketMQ resource name."""

    destination: Annotated[str, Meta(pattern=r"^acs:(fc|mns|eventbridge|mq|rocketmq):")]


class Destinations(Declared, frozen=True, kw_only=True):
    """Where the outcome of an asynchronous call is reported."""

    on_failure: Destination | None = None
    on_success: Destination | None = None


class AsyncInvocation(Declared, frozen=True, kw_only=True):
    """How often and for how long a failed event is tried again."""

    max_async_retry_attempts: Annotated[int, Meta(ge=0, le=8)] = 3
    max_async_event_age_in_seconds: Annotated[int, Meta(ge=1, le=604_800)] = 86_400
    destination_config: Destinations | None = None
    async_task: bool | None = None
    qualifier: str | None = None


class Tag(Declared, frozen=True, kw_only=True):
    """A label for the bill and for access policies."""

    key: Text
    value: str


class MountPoint(Declared, frozen=True, kw_only=True):
    """A folder of the instance that is a part of a bucket."""

    bucket_name: Text
    endpoint: Text
    mount_dir: Path
    bucket_path: str = "/"
    read_only: bool = False


class OssMount(Declared, frozen=True, kw_only=True):
    """Buckets mounted into the instance."""

    mount_points: tuple[MountPoint, ...]


class VpcBinding(Declared, frozen=True, kw_only=True):
    """VPCs that alone may call the function."""

    vpc_ids: tuple[Text, ...]
