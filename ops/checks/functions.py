"""Rules for one function: size, environment, failures, scale, times and threads."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ops.deployment import HttpTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.deployment import Function

ENVIRONMENT_BYTES: Final = 4096
_MEMORY_STEP_MB: Final = 64
_CPU_STEP: Final = Decimal("0.05")
_GB_PER_CPU: Final = (1, 4)
_PRE_STOP_SECONDS: Final = 90
_START_SECONDS: Final = 120  # the server must answer by then, whatever the health check allows


def _size(function: Function) -> Iterator[str]:
    if function.memory_size % _MEMORY_STEP_MB:
        yield f"memorySize {function.memory_size} is not a multiple of {_MEMORY_STEP_MB} MB"
    cpu = Decimal(str(function.cpu))
    if cpu % _CPU_STEP:
        yield f"cpu {cpu} is not a multiple of {_CPU_STEP} vCPU"
    ratio = Decimal(function.memory_size) / 1024 / cpu
    if not _GB_PER_CPU[0] <= ratio <= _GB_PER_CPU[1]:
        size = f"{function.memory_size} MB with {function.cpu:g} vCPU"
        yield f"{size} is {ratio:.2f} GB per vCPU; it must lie between 1 and 4"


def _environment(function: Function) -> Iterator[str]:
    size = sum(len(name.encode()) + len(value.encode()) for name, value in function.environment_variables.items())
    if size > ENVIRONMENT_BYTES:
        yield f"the environment variables take {size} bytes; {ENVIRONMENT_BYTES} are allowed"


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
    if pre_stop and pre_stop.timeout > _PRE_STOP_SECONDS:
        yield f"preStop may take {_PRE_STOP_SECONDS} s at most, not {pre_stop.timeout}"
    check = function.custom_runtime_config.health_check_config
    if check and check.initial_delay_seconds + check.period_seconds * check.failure_threshold > _START_SECONDS:
        yield f"the health check would wait longer than the {_START_SECONDS} s in which an instance must be ready"
    attempts = function.retrying.max_async_retry_attempts + 1
    age = function.retrying.max_async_event_age_in_seconds
    if age < attempts * function.timeout:
        yield (
            f"maxAsyncEventAgeInSeconds {age} ends before {attempts} attempts of {function.timeout} s: "
            "the declared retries could not all happen"
        )


def _threads(function: Function) -> Iterator[str]:
    arguments = (*function.custom_runtime_config.command, *function.custom_runtime_config.args)
    if "gunicorn" not in arguments:
        return
    threads = _after(arguments, "--threads")
    if not threads.isdecimal() or int(threads) < function.instance_concurrency:
        yield (
            f"gunicorn has {threads} threads for instanceConcurrency {function.instance_concurrency}: "
            "requests the instance is given would wait for each other"
        )


def _after(arguments: tuple[str, ...], option: str) -> str:
    """The value that follows ``option``; gunicorn's own default is one thread."""
    return next((value for name, value in pairwise(arguments) if name == option), "1")


RULES: Final[tuple[Callable[[Function], Iterator[str]], ...]] = (
    _size,
    _environment,
    _failure_loop,
    _failure_destination,
    _scaling,
    _timeouts,
    _threads,
)
