"""The process of a function: its command, its health check and its lifecycle hooks."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ops.deployment.declared import Declared, Path, Text


class HealthCheck(Declared, frozen=True, kw_only=True):
    """When an instance counts as ready: a 2xx at ``http_get_url`` within ``failure_threshold`` tries."""

    http_get_url: Path | None = None
    initial_delay_seconds: Annotated[int, Meta(ge=0, le=120)] = 0
    period_seconds: Annotated[int, Meta(ge=1, le=120)] = 3
    timeout_seconds: Annotated[int, Meta(ge=1, le=3)] = 1
    failure_threshold: Annotated[int, Meta(ge=1, le=120)] = 3
    success_threshold: Annotated[int, Meta(ge=1, le=120)] = 1


class CustomRuntime(Declared, frozen=True, kw_only=True):
    """The command that serves HTTP on ``port``."""

    command: Annotated[tuple[Text, ...], Meta(min_length=1)]
    args: tuple[str, ...] = ()
    port: Annotated[int, Meta(ge=1, le=65535)] = 9000
    health_check_config: HealthCheck | None = None


class LifecycleHook(Declared, frozen=True, kw_only=True):
    """A request the instance answers at the start or end of its life; custom runtimes get it over HTTP."""

    handler: str | None = None
    command: tuple[str, ...] | None = None
    timeout: Annotated[int, Meta(ge=1, le=300)] = 3


class Lifecycle(Declared, frozen=True, kw_only=True):
    """``initializer``: ``POST /initialize``; ``pre_stop``: ``GET /pre-stop``."""

    initializer: LifecycleHook | None = None
    pre_stop: LifecycleHook | None = None


class CodeInBucket(Declared, frozen=True, kw_only=True):
    """A package that lies in OSS already."""

    oss_bucket_name: Text
    oss_object_name: Text
    src: str | None = None
