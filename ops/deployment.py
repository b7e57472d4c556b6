"""The deployment that ``s.yaml`` declares, as typed values: what is misspelt or out of range does not load.

The components' own schemas let misspelt properties and every mistake in a trigger's configuration pass, and a deploy
does not stop at schema errors, so these types are where such mistakes end. Names and ranges are those of the components
``fc3`` (https://github.com/devsapp/fc3) and ``fc3-domain`` (https://github.com/devsapp/fc3-domain) and of
https://help.aliyun.com/zh/functioncompute/fc/product-overview/limits. Times are seconds, sizes MB. What types cannot
say is in ``ops.checks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from ops.template import DeploymentError, parse, render

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Deployment", "DeploymentError", "Domain", "Function", "Route", "Trigger", "load"]

Positive: TypeAlias = Annotated[int, Meta(ge=1)]
Natural: TypeAlias = Annotated[int, Meta(ge=0)]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]
Name: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Path_: TypeAlias = Annotated[str, Meta(pattern=r"^/")]
Region: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z]{2}-[a-z]+(-[a-z0-9]+)*$")]
Method: TypeAlias = Literal["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
Auto: TypeAlias = Literal["auto"]
_Kind = TypeVar("_Kind", bound="_Trigger")


class _Declared(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A mapping of ``s.yaml``: camelCase there, snake_case here, nothing beside what is declared."""


# --- The process ------------------------------------------------------------------------------------------------


class HealthCheck(_Declared, frozen=True, kw_only=True):
    """When an instance counts as ready: a 2xx at ``http_get_url`` within ``failure_threshold`` tries."""

    http_get_url: Path_ | None = None
    initial_delay_seconds: Annotated[int, Meta(ge=0, le=120)] = 0
    period_seconds: Annotated[int, Meta(ge=1, le=120)] = 3
    timeout_seconds: Annotated[int, Meta(ge=1, le=3)] = 1
    failure_threshold: Annotated[int, Meta(ge=1, le=120)] = 3
    success_threshold: Annotated[int, Meta(ge=1, le=120)] = 1


class CustomRuntime(_Declared, frozen=True, kw_only=True):
    """The command that serves HTTP on ``port``."""

    command: Annotated[tuple[Text, ...], Meta(min_length=1)]
    args: tuple[str, ...] = ()
    port: Annotated[int, Meta(ge=1, le=65535)] = 9000
    health_check_config: HealthCheck | None = None


class LifecycleHook(_Declared, frozen=True, kw_only=True):
    """A request the instance answers at the start or end of its life; custom runtimes get it over HTTP."""

    handler: str | None = None
    command: tuple[str, ...] | None = None
    timeout: Annotated[int, Meta(ge=1, le=300)] = 3


class Lifecycle(_Declared, frozen=True, kw_only=True):
    """``initializer``: ``POST /initialize``; ``pre_stop``: ``GET /pre-stop``."""

    initializer: LifecycleHook | None = None
    pre_stop: LifecycleHook | None = None


class CodeInBucket(_Declared, frozen=True, kw_only=True):
    """A package that lies in OSS already."""

    oss_bucket_name: Text
    oss_object_name: Text
    src: str | None = None


# --- Scale ------------------------------------------------------------------------------------------------------


class Concurrency(_Declared, frozen=True, kw_only=True):
    """``reserved_concurrency`` caps the instances and takes them out of the account's common pool."""

    reserved_concurrency: Positive


class Policy(_Declared, frozen=True, kw_only=True):
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


class Scaling(_Declared, frozen=True, kw_only=True):
    """Instances kept warm; excludes ``Provision``."""

    min_instances: Natural | None = None
    resident_pool_id: str | None = None
    scheduled_policies: tuple[Policy, ...] = ()
    horizontal_scaling_policies: tuple[Policy, ...] = ()
    qualifier: str | None = None
    mode: Literal["sync", "async", "drain", "express"] | None = None


class Provision(_Declared, frozen=True, kw_only=True):
    """The older way to keep instances warm."""

    default_target: Natural | None = None
    target: Natural | None = None
    always_allocate_cpu: bool | None = msgspec.field(name="alwaysAllocateCPU", default=None)
    always_allocate_gpu: bool | None = msgspec.field(name="alwaysAllocateGPU", default=None)
    scheduled_actions: tuple[Policy, ...] = ()
    target_tracking_policies: tuple[Policy, ...] = ()
    qualifier: str | None = None
    mode: str | None = None


# --- Around the function ----------------------------------------------------------------------------------------


class Vpc(_Declared, frozen=True, kw_only=True):
    """The network in which Milvus and the PrivateLink endpoint of DashScope live."""

    vpc_id: Text
    v_switch_ids: Annotated[tuple[Text, ...], Meta(min_length=1)] | Auto
    security_group_id: Text


class Logs(_Declared, frozen=True, kw_only=True):
    """Where log lines and metrics go in Simple Log Service."""

    project: Text
    logstore: Text
    enable_request_metrics: bool | None = None
    enable_instance_metrics: bool | None = None
    enable_llm_metrics: bool | None = None
    log_begin_rule: Literal["DefaultRegex", "None"] | None = None


class Destination(_Declared, frozen=True, kw_only=True):
    """An FC, MNS, EventBridge or RocketMQ resource name."""

    destination: Annotated[str, Meta(pattern=r"^acs:(fc|mns|eventbridge|mq|rocketmq):")]


class Destinations(_Declared, frozen=True, kw_only=True):
    """Where the outcome of an asynchronous call is reported."""

    on_failure: Destination | None = None
    on_success: Destination | None = None


class AsyncInvocation(_Declared, frozen=True, kw_only=True):
    """How often and for how long a failed event is tried again."""

    max_async_retry_attempts: Annotated[int, Meta(ge=0, le=8)] = 3
    max_async_event_age_in_seconds: Annotated[int, Meta(ge=1, le=2_592_000)] = 18_000
    destination_config: Destinations | None = None
    async_task: bool | None = None
    qualifier: str | None = None


class Tag(_Declared, frozen=True, kw_only=True):
    """A label for the bill and for access policies."""

    key: Text
    value: str


class MountPoint(_Declared, frozen=True, kw_only=True):
    """A folder of the instance that is a part of a bucket."""

    bucket_name: Text
    endpoint: Text
    mount_dir: Path_
    bucket_path: str = "/"
    read_only: bool = False


class OssMount(_Declared, frozen=True, kw_only=True):
    """Buckets mounted into the instance."""

    mount_points: tuple[MountPoint, ...]


class VpcBinding(_Declared, frozen=True, kw_only=True):
    """VPCs that alone may call the function."""

    vpc_ids: tuple[Text, ...]


# --- Triggers ---------------------------------------------------------------------------------------------------


class HttpConfig(_Declared, frozen=True, kw_only=True):
    """``anonymous`` leaves the check of keys to the function."""

    auth_type: Literal["anonymous", "function", "jwt"]
    methods: Annotated[tuple[Method, ...], Meta(min_length=1)]
    disable_url_internet: bool = msgspec.field(name="disableURLInternet", default=False)
    auth_config: dict[str, Any] | None = None
    cors_config: dict[str, Any] | None = None


class KeyFilter(_Declared, frozen=True, kw_only=True):
    """Both are required by the service and may be empty."""

    prefix: str
    suffix: str


class OssFilter(_Declared, frozen=True, kw_only=True):
    """Which keys count."""

    key: KeyFilter


class OssConfig(_Declared, frozen=True, kw_only=True):
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


class TimerConfig(_Declared, frozen=True, kw_only=True):
    """``cron_expression``: ``@every 60m``, or six fields that start with seconds."""

    cron_expression: Annotated[str, Meta(pattern=r"^(@every \d+[smh]|(CRON_TZ=\S+ )?\S+( \S+){5})$")]
    enable: bool
    payload: str = ""


class MnsConfig(_Declared, frozen=True, kw_only=True):
    """How a message of a topic becomes an event."""

    notify_content_format: Literal["JSON", "STREAM"]
    notify_strategy: Literal["BACKOFF_RETRY", "EXPONENTIAL_DECAY_RETRY"]
    filter_tag: str | None = None


class EventSource(_Declared, frozen=True, kw_only=True):
    """What EventBridge listens to; the inner keys are the source's own."""

    event_source_type: Literal["Default", "MNS", "RocketMQ", "RabbitMQ", "Kafka", "MQTT", "DTS"]
    event_source_parameters: dict[str, Any] = {}


class EventSink(_Declared, frozen=True, kw_only=True):
    """How EventBridge delivers."""

    delivery_option: dict[str, Any]


class EventBridgeConfig(_Declared, frozen=True, kw_only=True):
    """Events through EventBridge; Kafka and RocketMQ come this way too."""

    event_rule_filter_pattern: str
    event_source_config: EventSource
    event_sink_config: EventSink | None = None
    run_options: dict[str, Any] = {}
    trigger_enable: bool = True
    async_invocation_type: bool = False


class _Trigger(_Declared, frozen=True, kw_only=True, tag_field="triggerType"):
    trigger_name: Name
    description: str = ""
    qualifier: str | None = None


class HttpTrigger(_Trigger, frozen=True, kw_only=True, tag="http"):
    """Requests from outside, passed through unchanged."""

    trigger_config: HttpConfig


class OssTrigger(_Trigger, frozen=True, kw_only=True, tag="oss"):
    """Changes in a bucket."""

    trigger_config: OssConfig
    source_arn: Annotated[str, Meta(pattern=r"^acs:oss:[^:]+:[^:]+:[^:/]+$")]
    invocation_role: str = ""


class TimerTrigger(_Trigger, frozen=True, kw_only=True, tag="timer"):
    """Time passing."""

    trigger_config: TimerConfig


class MnsTrigger(_Trigger, frozen=True, kw_only=True, tag="mns_topic"):
    """Messages of a topic."""

    trigger_config: MnsConfig
    source_arn: Annotated[str, Meta(pattern=r"^acs:mns:")]
    invocation_role: str = ""


class EventBridgeTrigger(_Trigger, frozen=True, kw_only=True, tag="eventbridge"):
    """Events of a bus or a stream."""

    trigger_config: EventBridgeConfig


Trigger: TypeAlias = HttpTrigger | OssTrigger | TimerTrigger | MnsTrigger | EventBridgeTrigger


# --- The resources ----------------------------------------------------------------------------------------------


class Rewrites(_Declared, frozen=True, kw_only=True):
    """Changes of the path before the function sees it."""

    equal_rules: tuple[dict[str, str], ...] = ()
    regex_rules: tuple[dict[str, str], ...] = ()
    wildcard_rules: tuple[dict[str, str], ...] = ()


class OwnRoute(_Declared, frozen=True, kw_only=True):
    """The one path of a domain that a function may claim for itself."""

    path: Path_
    methods: tuple[Method, ...] = ()
    qualifier: str | None = None
    rewrite_config: Rewrites | None = None


class Route(OwnRoute, frozen=True, kw_only=True):
    """A path of a domain and the function that answers it; ``/*`` at the end stands for everything below."""

    function_name: Text


class Certificate(_Declared, frozen=True, kw_only=True):
    """For https: a certificate's name and files, or the id of one the account holds."""

    cert_name: str | None = None
    certificate: str | None = None
    private_key: str | None = None
    cert_id: str | None = None


class _DomainBase(_Declared, frozen=True, kw_only=True):
    domain_name: Text
    protocol: Literal["HTTP", "HTTPS", "HTTP,HTTPS"]
    cert_config: Certificate | None = None
    tls_config: dict[str, Any] | None = None
    waf_config: dict[str, Any] | None = None
    auth_config: dict[str, Any] | None = None


class OwnDomain(_DomainBase, frozen=True, kw_only=True):
    """A function's ``customDomain``: one route, however many paths one would like."""

    route: OwnRoute


class RouteTable(_Declared, frozen=True, kw_only=True):
    """All routes of a domain."""

    routes: Annotated[tuple[Route, ...], Meta(min_length=1, max_length=100)]


class Domain(_DomainBase, frozen=True, kw_only=True):
    """A domain and everything that answers on it."""

    region: Region
    route_config: RouteTable


class Function(_Declared, frozen=True, kw_only=True):
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


class Action(_Declared, frozen=True, kw_only=True):
    """A command run around a deploy, in the folder ``path``."""

    run: Text
    path: str = "./"


class _Resource(_Declared, frozen=True, kw_only=True, tag_field="component"):
    actions: dict[str, tuple[Action, ...]] = {}
    access: str | None = None


class FunctionResource(_Resource, frozen=True, kw_only=True, tag="fc3"):
    """A resource that is a function."""

    props: Function


class DomainResource(_Resource, frozen=True, kw_only=True, tag="fc3-domain"):
    """A resource that is a domain."""

    props: Domain


class Deployment(_Declared, frozen=True, kw_only=True):
    """Everything ``s.yaml`` declares.

    Attributes:
        variables: ``vars``, rendered; the resources hold their values already.
        written: the file before rendering, for the checks that look at what was written.
    """

    edition: Literal["3.0.0"]
    name: Name
    resources: Annotated[dict[Name, FunctionResource | DomainResource], Meta(min_length=1)]
    access: str = "default"
    variables: dict[str, Any] = msgspec.field(name="vars", default_factory=dict)
    actions: dict[str, tuple[Action, ...]] = {}
    written: dict[str, Any] = {}

    @property
    def functions(self) -> dict[str, Function]:
        """The functions by the name of their resource."""
        return {name: it.props for name, it in self.resources.items() if isinstance(it, FunctionResource)}

    @property
    def domains(self) -> dict[str, Domain]:
        """The domains by the name of their resource."""
        return {name: it.props for name, it in self.resources.items() if isinstance(it, DomainResource)}

    def routes(self) -> Iterator[tuple[str, Route]]:
        """Every route of every domain, with its domain's name; those a function claims for itself too."""
        for domain in self.domains.values():
            for route in domain.route_config.routes:
                yield domain.domain_name, route
        for function in self.functions.values():
            if function.custom_domain:
                own = function.custom_domain.route
                yield (
                    function.custom_domain.domain_name,
                    Route(
                        path=own.path,
                        methods=own.methods,
                        function_name=function.function_name,
                        rewrite_config=own.rewrite_config,
                    ),
                )


def load(path: Path, environ: Mapping[str, str]) -> Deployment:
    """Read and render ``path`` with the variables of ``environ`` (and of a ``.env`` file beside it).

    Raises:
        DeploymentError: not YAML, an expression that cannot be resolved, or a property that is misspelt, of the wrong
            type or out of range; the message names its place.
    """
    document = render(path, environ)
    try:
        deployment = msgspec.convert(document, Deployment)
    except msgspec.ValidationError as error:
        raise DeploymentError(f"{path}: {error}") from error
    return msgspec.structs.replace(deployment, written=parse(path))
