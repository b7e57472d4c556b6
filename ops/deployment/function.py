"""One function as ``s.yaml`` declares it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from msgspec import Meta

from ops.deployment.declared import Auto, Declared, Name, Positive, Region, Text
from ops.deployment.domains import OwnDomain
from ops.deployment.process import CodeInBucket, CustomRuntime, Lifecycle
from ops.deployment.scaling import Concurrency, Provision, Scaling
from ops.deployment.surroundings import AsyncInvocation, Logs, OssMount, Tag, Vpc, VpcBinding
from ops.deployment.triggers import Trigger, TriggerBase

_Kind = TypeVar("_Kind", bound=TriggerBase)


class Function(Declared, frozen=True, kw_only=True):
    """One function as deployed: process, size, scale, surroundings, triggers."""

    region: Region
    function_name: Name
    runtime: Literal["custom.debian10", "custom.debian11", "custom.debian12"]
    code: Text | CodeInBucket
    custom_runtime_config: CustomRuntime
    description: Annotated[str, Meta(max_length=256)] = ""
    cpu: Annotated[float, Meta(ge=0.05, le=16)] = 0.35
    memory_size: Annotated[int, Meta(ge=128, le=32_768)] = 512
    disk_size: Literal[512, 10_240] = 512
    timeout: Annotated[int, Meta(ge=1, le=86_400)] = 3
    instance_concurrency: Annotated[int, Meta(ge=1, le=200)] = 1
    concurrency_config: Concurrency | None = None
    scaling_config: Scaling | None = None
    provision_config: Provision | None = None
    instance_lifecycle_config: Lifecycle = Lifecycle()
    environment_variables: dict[str, str] = {}
    triggers: tuple[Trigger, ...] = ()
    async_invoke_config: AsyncInvocation | None = None
    custom_domain: OwnDomain | None = None
    role: str = ""
    vpc_config: Vpc | Auto | None = None
    vpc_binding: VpcBinding | None = None
    internet_access: bool = True
    log_config: Logs | Auto | None = None
    layers: tuple[Text, ...] = ()
    oss_mount_config: OssMount | Auto | None = None
    tags: tuple[Tag, ...] = ()
    idle_timeout: Positive | None = None
    disable_ondemand: bool | None = None
    resource_group_id: str | None = None

    @property
    def instances(self) -> int | None:
        """The most instances there can be; ``None`` if nothing caps them."""
        return self.concurrency_config.reserved_concurrency if self.concurrency_config else None

    @property
    def retrying(self) -> AsyncInvocation:
        """How asynchronous calls are retried: as declared, or as the service does by default."""
        return self.async_invoke_config or AsyncInvocation()

    def triggers_of(self, kind: type[_Kind]) -> list[_Kind]:
        """The triggers of one kind."""
        return [trigger for trigger in self.triggers if isinstance(trigger, kind)]
