"""Rules for the triggers of one function."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from ops.deployment import HttpTrigger, MnsTrigger, OssMount, OssTrigger, TimerTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.deployment import Function

_INTERVAL: Final = re.compile(r"@every (\d+)([smh])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def _events(function: Function) -> Iterator[str]:
    for trigger in function.triggers_of(OssTrigger):
        if "oss:ObjectCreated:*" in trigger.trigger_config.events:
            yield (
                f"trigger {trigger.trigger_name} listens to oss:ObjectCreated:*, which fires once per part of a "
                "multipart upload; list PutObject, PostObject, CompleteMultipartUpload and CopyObject"
            )


def _invocation_role(function: Function) -> Iterator[str]:
    for trigger in function.triggers:
        if isinstance(trigger, OssTrigger | MnsTrigger) and not trigger.invocation_role:
            yield (
                f"trigger {trigger.trigger_name} has no invocationRole; without it the service may not call the "
                "function, and even s plan asks the RAM API"
            )


def _trigger_names(function: Function) -> Iterator[str]:
    for name, count in Counter(trigger.trigger_name for trigger in function.triggers).items():
        if count > 1:
            yield f"{count} triggers are named {name}; the last one deployed would win"
    if len(function.triggers_of(HttpTrigger)) > 1:
        yield "it has more than one http trigger; the service allows one per version"


def find_open_door(function: Function) -> Iterator[str]:
    """Triggers that anyone may call."""
    for trigger in function.triggers_of(HttpTrigger):
        if trigger.trigger_config.auth_type == "anonymous" and "API_KEYS" not in function.environment_variables:
            yield f"trigger {trigger.trigger_name} is anonymous and the function gets no API_KEYS: anyone may call"
        elif trigger.trigger_config.auth_type == "anonymous" and _anonymous_allowed(function):
            yield (
                f"trigger {trigger.trigger_name} is anonymous and ALLOW_ANONYMOUS is set: anyone may call; "
                "set API_KEYS, or authType to function or jwt"
            )


def _source(function: Function) -> Iterator[str]:
    for trigger in function.triggers_of(OssTrigger):
        region, bucket = _watched_bucket(trigger)
        if region != function.region:
            must = f"it must be in {function.region} (OSS_REGION and REGION)"
            yield f"trigger {trigger.trigger_name} watches a bucket in {region}; {must}"
        own = function.environment_variables.get("OSS_BUCKET", bucket)
        if own != bucket:
            yield f"trigger {trigger.trigger_name} watches {bucket}, OSS_BUCKET is {own}: its events would be refused"
        prefix = function.environment_variables.get("OSS_PREFIX", "")
        if not trigger.trigger_config.filter.key.prefix.startswith(prefix):
            yield f"trigger {trigger.trigger_name} watches keys outside OSS_PREFIX: their events would be refused"


def _write_back(function: Function) -> Iterator[str]:
    for trigger in function.triggers_of(OssTrigger):
        for output in _outputs(function):
            if _touches(output, trigger):
                yield (
                    f"trigger {trigger.trigger_name} watches what the function may write ({output}): "
                    "each result would start it again"
                )


def _timers(function: Function) -> Iterator[str]:
    for trigger in function.triggers_of(TimerTrigger):
        interval = _INTERVAL.fullmatch(trigger.trigger_config.cron_expression)
        if interval and int(interval[1]) * _SECONDS[interval[2]] <= function.timeout:
            yield f"timer {trigger.trigger_name} may fire again before the run it started ends ({function.timeout} s)"


def _anonymous_allowed(function: Function) -> bool:
    environment = function.environment_variables
    has_keys = environment.get("API_KEYS") or environment.get("API_KEYS_FILE")
    return not has_keys and environment.get("ALLOW_ANONYMOUS", "").lower() in ("true", "1")


def _watched_bucket(trigger: OssTrigger) -> tuple[str, str]:
    _, _, region, _, bucket = trigger.source_arn.split(":")
    return region, bucket


def _outputs(function: Function) -> Iterator[str]:
    """What the function may write to, as ``oss://bucket/prefix``: by a setting, or through a mounted folder."""
    for value in function.environment_variables.values():
        if value.startswith("oss://"):
            yield value
    if isinstance(function.oss_mount_config, OssMount):
        for mount in function.oss_mount_config.mount_points:
            if not mount.read_only:
                yield f"oss://{mount.bucket_name}/{mount.bucket_path.lstrip('/')}"


def _touches(output: str, trigger: OssTrigger) -> bool:
    bucket, _, prefix = output.removeprefix("oss://").partition("/")
    watched = trigger.trigger_config.filter.key.prefix
    return bucket == _watched_bucket(trigger)[1] and (prefix.startswith(watched) or watched.startswith(prefix))


RULES: Final[tuple[Callable[[Function], Iterator[str]], ...]] = (
    _events,
    _invocation_role,
    _trigger_names,
    find_open_door,
    _source,
    _write_back,
    _timers,
)
