"""The number of a function's instances."""

from __future__ import annotations

from typing import Literal

import msgspec

from ops.deployment.declared import Declared, Natural, Positive, Text


class Concurrency(Declared, frozen=True, kw_only=True):
    """``reserved_concurrency`` caps the instances and takes them out of the account's common pool."""

    reserved_concurrency: Positive


class Policy(Declared, frozen=True, kw_only=True):
    """A scheduled or metric-driven change of the number of instances."""

    name: Text
    schedule_expression: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    time_zone: str | None = None
    target: Natural | None = None
    metric_type: str | None = None
    metric_target: float | None = None
    min_instances: Natural | None = None
    max_instances: Natural | None = None
    min_capacity: Natural | None = None
    max_capacity: Natural | None = None


class Scaling(Declared, frozen=True, kw_only=True):
    """Instances kept warm; excludes ``Provision``."""

    min_instances: Natural | None = None
    resident_pool_id: str | None = None
    scheduled_policies: tuple[Policy, ...] = ()
    horizontal_scaling_policies: tuple[Policy, ...] = ()
    qualifier: str | None = None
    mode: Literal["sync", "async", "drain", "express"] | None = None


class Provision(Declared, frozen=True, kw_only=True):
    """The older way to keep instances warm."""

    default_target: Natural | None = None
    target: Natural | None = None
    always_allocate_cpu: bool | None = msgspec.field(name="alwaysAllocateCPU", default=None)
    always_allocate_gpu: bool | None = msgspec.field(name="alwaysAllocateGPU", default=None)
    scheduled_actions: tuple[Policy, ...] = ()
    target_tracking_policies: tuple[Policy, ...] = ()
    qualifier: str | None = None
    mode: str | None = None
