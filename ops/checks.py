"""What is wrong with a deployment though it is well-formed: one rule per function, one sentence per problem.

Limits are those of https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits; the reasons stand beside the
rules. Nothing here asks the cloud.
"""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, Final

from ops.deployment import HttpTrigger, MnsTrigger, OssMount, OssTrigger, TimerTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.deployment import Deployment, Function, Route

ENVIRONMENT_BYTES: Final = 4096
MEMORY_STEP_MB: Final = 64
CPU_STEP: Final = Decimal("0.05")
GB_PER_CPU: Final = (1, 4)
PRE_STOP_SECONDS: Final = 90
START_SECONDS: Final = 120  # the server must answer by then, whatever the health check says

_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASSWORD")
_SECRET_VALUE = re.compile(r"\b(?:sk-[A-Za-z0-9]{16,}|LTAI[A-Za-z0-9]{12,})")
_FROM_ENVIRONMENT = re.compile(r"\$\{env\(\s*['\"]\w+['\"]\s*(?:,\s*['\"]{2}\s*)?\)\}")
_INTERVAL = re.compile(r"@every (\d+)([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def problems(deployment: Deployment) -> list[str]:
    """Every problem as one sentence that names its place; empty when there is none."""
    return [
        *(f"{name}: {problem}" for name, it in deployment.functions.items() for rule in _EACH for problem in rule(it)),
        *(problem for whole in _WHOLE for problem in whole(deployment)),
    ]


# --- One function -----------------------------------------------------------------------------------------------


def _size(function: Function) -> Iterator[str]:
    if function.memory_size % MEMORY_STEP_MB:
        yield f"memorySize {function.memory_size} is not a multiple of {MEMORY_STEP_MB} MB"
    cpu = Decimal(str(function.cpu))
    if cpu % CPU_STEP:
        yield f"cpu {cpu} is not a multiple of {CPU_STEP} vCPU"
    ratio = Decimal(function.memory_size) / 1024 / cpu
    if not GB_PER_CPU[0] <= ratio <= GB_PER_CPU[1]:
        size = f"{function.memory_size} MB with {function.cpu:g} vCPU"
        yield f"{size} is {ratio:.2f} GB per vCPU; it must lie between 1 and 4"


def _environment(function: Function) -> Iterator[str]:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in function.environment_variables.items())
    if size > ENVIRONMENT_BYTES:
        yield f"the environment variables take {size} bytes; {ENVIRONMENT_BYTES} are allowed"


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


def _open_door(function: Function) -> Iterator[str]:
    for trigger in function.triggers_of(HttpTrigger):
        if trigger.trigger_config.auth_type == "anonymous" and "API_KEYS" not in function.environment_variables:
            yield f"trigger {trigger.trigger_name} is anonymous and the function gets no API_KEYS: anybody may call"
        elif trigger.trigger_config.auth_type == "anonymous" and _anonymous_allowed(function):
            yield (
                f"trigger {trigger.trigger_name} is anonymous and ALLOW_ANONYMOUS is set: anybody may call; "
                "set API_KEYS, or authType to function or jwt"
            )


def _anonymous_allowed(function: Function) -> bool:
    environment = function.environment_variables
    return not environment.get("API_KEYS") and environment.get("ALLOW_ANONYMOUS", "").lower() in ("true", "1")


def _source(function: Function) -> Iterator[str]:
    for trigger in function.triggers_of(OssTrigger):
        region, bucket = _watched_bucket(trigger)
        if region != function.region:
            yield f"trigger {trigger.trigger_name} watches a bucket in {region}; it must be in {function.region}"
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


def _failure_loop(function: Function) -> Iterator[str]:
    destinations = function.retrying.destination_config
    if not destinations:
        return
    for outcome, it in (("onFailure", destinations.on_failure), ("onSuccess", destinations.on_success)):
        if it and it.destination.split("/versions")[0].endswith(f"functions/{function.function_name}"):
            yield f"{outcome} leads back to the function itself: one event would run for ever"


def _failure_destination(function: Function) -> Iterator[str]:
    if all(isinstance(trigger, HttpTrigger) for trigger in function.triggers):
        return
    destinations = function.retrying.destination_config
    if not destinations or not destinations.on_failure:
        yield "asyncInvokeConfig has no onFailure destination: events that failed for good would vanish"


def _scaling(function: Function) -> Iterator[str]:
    least = (function.scaling_config.min_instances if function.scaling_config else None) or 0
    if least and function.provision_config:
        yield "scalingConfig.minInstances and provisionConfig exclude each other"
    if function.instances is not None and least > function.instances:
        yield f"scalingConfig.minInstances {least} is above concurrencyConfig.reservedConcurrency {function.instances}"


def _timeouts(function: Function) -> Iterator[str]:
    pre_stop = function.instance_lifecycle_config.pre_stop
    if pre_stop and pre_stop.timeout > PRE_STOP_SECONDS:
        yield f"preStop may take {PRE_STOP_SECONDS} s at most, not {pre_stop.timeout}"
    check = function.custom_runtime_config.health_check_config
    if check and check.initial_delay_seconds + check.period_seconds * check.failure_threshold > START_SECONDS:
        yield f"the health check would wait longer than the {START_SECONDS} s in which an instance must be ready"
    attempts = function.retrying.max_async_retry_attempts + 1
    age = function.retrying.max_async_event_age_in_seconds
    if age < attempts * function.timeout:
        yield (
            f"maxAsyncEventAgeInSeconds {age} ends before {attempts} attempts of {function.timeout} s: "
            "the declared retries could not all happen"
        )


def _timers(function: Function) -> Iterator[str]:
    for trigger in function.triggers_of(TimerTrigger):
        interval = _INTERVAL.fullmatch(trigger.trigger_config.cron_expression)
        if interval and int(interval[1]) * _SECONDS[interval[2]] <= function.timeout:
            yield f"timer {trigger.trigger_name} may fire again before the run it started ends ({function.timeout} s)"


def _threads(function: Function) -> Iterator[str]:
    arguments = (*function.custom_runtime_config.command, *function.custom_runtime_config.args)
    if "gunicorn" not in arguments:
        return
    threads = _after(arguments, "--threads")
    if not threads.isdecimal() or int(threads) < function.instance_concurrency:
        yield (
            f"gunicorn has {threads} threads for instanceConcurrency {function.instance_concurrency}: "
            "requests the instance is given would queue behind each other"
        )


# --- The deployment as a whole ----------------------------------------------------------------------------------


def _function_names(deployment: Deployment) -> Iterator[str]:
    for name, count in Counter(it.function_name for it in deployment.functions.values()).items():
        if count > 1:
            yield f"{count} functions are named {name}; each would overwrite the other"


def _environment_names(deployment: Deployment) -> Iterator[str]:
    environment = deployment.variables.get("environment", "")
    if environment in ("", "prod"):
        return
    for name, function in deployment.functions.items():
        if environment not in function.function_name:
            yield (
                f"{name}: ENVIRONMENT is {environment}, but the function is named {function.function_name} and would "
                f"overwrite another environment's: put {environment} into NAME_PREFIX"
            )
        collection = function.environment_variables.get("MILVUS_COLLECTION", environment)
        if environment not in collection:
            yield f"{name}: ENVIRONMENT is {environment}: put {environment} into MILVUS_COLLECTION too"


def _filters(deployment: Deployment) -> Iterator[str]:
    triggers = [trigger for it in deployment.functions.values() for trigger in it.triggers_of(OssTrigger)]
    for one, other in combinations(triggers, 2):
        if one.source_arn == other.source_arn and _overlap(one, other):
            yield (
                f"the oss triggers {one.trigger_name} and {other.trigger_name} overlap in bucket, events, prefix and "
                "suffix; the service refuses the second"
            )


def _quota(deployment: Deployment) -> Iterator[str]:
    total = Decimal(0)
    for name, function in deployment.functions.items():
        if "DASHSCOPE_API_KEY" not in function.environment_variables:
            continue
        share = _share(function)
        if share is None:
            yield f"{name}: QUOTA_SHARE must say which part of the account's quota an instance uses, from 0 to 1"
        elif function.instances is None:
            yield f"{name}: without concurrencyConfig.reservedConcurrency nothing bounds its use of the account's quota"
        else:
            total += share * function.instances
    if total > 1:
        yield f"the functions' QUOTA_SHARE times their instances make {total}: above 1 they overdraw the quota"


def _same_vectors(deployment: Deployment) -> Iterator[str]:
    for variable in ("EMBEDDING_MODEL", "EMBEDDING_DIMENSION", "MILVUS_COLLECTION"):
        values = {
            it.environment_variables[variable]
            for it in deployment.functions.values()
            if variable in it.environment_variables
        }
        if len(values) > 1:
            yield f"{variable} differs between functions ({', '.join(sorted(values))}): they would not find each other"


def _routes(deployment: Deployment) -> Iterator[str]:
    open_functions = {it.function_name for it in deployment.functions.values() if it.triggers_of(HttpTrigger)}
    routes = list(deployment.routes())
    for _, route in routes:
        if route.function_name not in open_functions:
            yield f"route {route.path} leads to {route.function_name}, which has no http trigger in this deployment"
        if "*" in route.path.removesuffix("/*"):
            yield f"route {route.path}: a * stands for what follows only at the end, after a slash"
    for (domain, one), (other_domain, other) in combinations(routes, 2):
        if domain == other_domain and one.path == other.path and _share_methods(one, other):
            yield f"route {one.path} of {domain} is given to {one.function_name} and {other.function_name}"


def _secrets(deployment: Deployment) -> Iterator[str]:
    for name, resource in _mapping(deployment.written, "resources").items():
        for variable, value in _mapping(resource, "props", "environmentVariables").items():
            if _SECRET_NAME.search(variable) and not _from_environment(value, deployment.written):
                yield f"{name}: {variable} stands in s.yaml; take it from the environment: ${{env('{variable}', '')}}"
    for path, value in _texts(deployment.written, ""):
        if _SECRET_VALUE.search(value):
            yield f"{path} looks like a key; take secrets from the environment"


_EACH: Final[tuple[Callable[[Function], Iterator[str]], ...]] = (
    _size,
    _environment,
    _events,
    _invocation_role,
    _trigger_names,
    _open_door,
    _source,
    _write_back,
    _failure_loop,
    _failure_destination,
    _scaling,
    _timeouts,
    _timers,
    _threads,
)
_WHOLE: Final[tuple[Callable[[Deployment], Iterator[str]], ...]] = (
    _function_names,
    _environment_names,
    _filters,
    _quota,
    _same_vectors,
    _routes,
    _secrets,
)


# --- What the rules ask -----------------------------------------------------------------------------------------


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


def _overlap(one: OssTrigger, other: OssTrigger) -> bool:
    mine, theirs = one.trigger_config.filter.key, other.trigger_config.filter.key
    return (
        any(_same_event(a, b) for a in one.trigger_config.events for b in other.trigger_config.events)
        and (mine.prefix.startswith(theirs.prefix) or theirs.prefix.startswith(mine.prefix))
        and (mine.suffix.endswith(theirs.suffix) or theirs.suffix.endswith(mine.suffix))
    )


def _same_event(one: str, other: str) -> bool:
    wild = "*" in (one[-1], other[-1])
    return one == other or (wild and one.rpartition(":")[0] == other.rpartition(":")[0])


def _share(function: Function) -> Decimal | None:
    try:
        share = Decimal(function.environment_variables.get("QUOTA_SHARE", ""))
    except InvalidOperation:
        return None
    return share if 0 < share <= 1 else None


def _share_methods(one: Route, other: Route) -> bool:
    return not one.methods or not other.methods or not set(one.methods).isdisjoint(other.methods)


def _after(arguments: tuple[str, ...], option: str) -> str:
    """The value that follows ``option``; gunicorn's own default is one thread."""
    return next((value for name, value in pairwise(arguments) if name == option), "1")


def _mapping(value: Any, *path: str) -> dict[str, Any]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _from_environment(value: Any, written: dict[str, Any]) -> bool:
    """Whether ``value``, through however many ``vars``, is a variable of the environment without a default."""
    reference = re.fullmatch(r"\$\{vars\.(\w+)\}", str(value))
    if reference:
        return _from_environment(_mapping(written, "vars").get(reference[1], ""), written)
    return value == "" or bool(_FROM_ENVIRONMENT.fullmatch(str(value)))


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value
