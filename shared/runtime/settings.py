"""Settings: one frozen object per function, built once from the environment, each error naming its variable.

A field's `Setting` says which environment variable it comes from, the rest of its type what it may hold. An empty
variable counts as unset, because that is how `s.yaml` renders an optional one. Times are seconds throughout.
"""

from __future__ import annotations

import re
import typing
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import fields

from shared.domain.catalog import EMBEDDING_MODELS, RERANK_MODELS, EmbeddingModel, RerankModel
from shared.domain.errors import ConfigurationError
from shared.domain.tenants import RULE, Tenancy
from shared.runtime.auth import read_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec.structs import FieldInfo

Settings = TypeVar("Settings", bound=Struct)

_COLLECTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
# Digits count one token each, four times what a chunk's size takes them for.
_TOKENS_PER_ESTIMATED = 4

# Where DashScope answers, by network. Keys belong to a region: a wrong pair is refused with 401.
# https://help.aliyun.com/zh/model-studio/regions
NETWORKS = {
    "public": "https://dashscope.aliyuncs.com/api/v1",
    "singapore": "https://dashscope-intl.aliyuncs.com/api/v1",
    "virginia": "https://dashscope-us.aliyuncs.com/api/v1",
    "hongkong": "https://cn-hongkong.dashscope.aliyuncs.com/api/v1",
    # Through a PrivateLink endpoint with its custom domain switched on, from a VPC in Beijing.
    "internal": "https://vpc-cn-beijing.dashscope.aliyuncs.com/api/v1",
    # The owner's own internal host.
    "internal-inc": "https://dashscope.aliyuncs-inc.com/api/v1",
    "workspace": "https://{workspace}.{region}.maas.aliyuncs.com/api/v1",
}


class Secret:
    """A value that never shows in a log, an error or a repr."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "***" if self._value else "(unset)"


class Setting(Struct, frozen=True):
    """Which environment variable a field is read from, and what that means to who sets it."""

    variable: str
    meaning: str


class DashScopeSettings(Struct, frozen=True, kw_only=True):
    """How to reach DashScope, with which model and which share of the account's quota."""

    api_key: Annotated[
        Secret, Setting("DASHSCOPE_API_KEY", "Key of DashScope (Model Studio), of the region the network names.")
    ]
    network: Annotated[
        Literal["public", "singapore", "virginia", "hongkong", "internal", "internal-inc", "workspace"],
        Setting("DASHSCOPE_NETWORK", "Which address of DashScope to call."),
    ] = "public"
    base_url: Annotated[
        str, Setting("DASHSCOPE_BASE_URL", "Address that overrides the network's, ending in /api/v1.")
    ] = ""
    workspace: Annotated[str, Setting("DASHSCOPE_WORKSPACE", "Workspace id, for keys that belong to one.")] = ""
    region: Annotated[str, Setting("DASHSCOPE_REGION", "Region of the workspace's own address.")] = "cn-beijing"
    model_name: Annotated[str, Setting("EMBEDDING_MODEL", "Embedding model.")] = "text-embedding-v4"
    dimension_asked: Annotated[
        int, Meta(ge=0), Setting("EMBEDDING_DIMENSION", "Vector size; 0 takes the model's default.")
    ] = 0
    concurrency: Annotated[
        int,
        Meta(ge=1, le=64),
        Setting("EMBEDDING_CONCURRENCY", "Calls to DashScope under way at once in one instance."),
    ] = 16
    call_timeout: Annotated[
        float,
        Meta(gt=0, le=300),
        Setting("DASHSCOPE_TIMEOUT", "Seconds one call may take before it is given up and retried."),
    ] = 20.0
    requests_per_second: Annotated[
        float,
        Meta(ge=0),
        Setting("QUOTA_REQUESTS_PER_SECOND", "The account's quota; 0 takes the documented one of the model."),
    ] = 0.0
    tokens_per_minute: Annotated[
        int,
        Meta(ge=0),
        Setting("QUOTA_TOKENS_PER_MINUTE", "The account's quota; 0 takes the documented one of the model."),
    ] = 0
    quota_share: Annotated[
        float,
        Meta(gt=0, le=1),
        Setting("QUOTA_SHARE", "Part of the account's quota that one instance of this function may use."),
    ] = 1.0
    most_cost: Annotated[
        float,
        Meta(ge=0),
        Setting("MAX_COST_CNY", "What one instance may spend on DashScope before it stops, in CNY; 0 is no limit."),
    ] = 0.0

    def __post_init__(self) -> None:
        key = self.api_key.reveal()
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ValueError("DASHSCOPE_API_KEY holds a space, a line break or another character no key has")
        if self.model_name not in EMBEDDING_MODELS:
            raise ValueError(f"EMBEDDING_MODEL must be one of {', '.join(EMBEDDING_MODELS)}, not {self.model_name!r}")
        if self.dimension_asked and self.dimension_asked not in self.model.dimensions:
            allowed = ", ".join(map(str, self.model.dimensions))
            raise ValueError(
                f"EMBEDDING_DIMENSION must be one of {allowed} for {self.model_name}, not {self.dimension_asked}"
            )
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise ValueError("DASHSCOPE_BASE_URL must start with https:// (or http:// inside a VPC)")
        if self.network == "workspace" and not self.workspace and not self.base_url:
            raise ValueError("DASHSCOPE_WORKSPACE is needed when DASHSCOPE_NETWORK is workspace")

    @property
    def model(self) -> EmbeddingModel:
        """Limits and price of the model."""
        return EMBEDDING_MODELS[self.model_name]

    @property
    def dimension(self) -> int:
        """Vector size in use."""
        return self.dimension_asked or self.model.default_dimension

    @property
    def address(self) -> str:
        """Base URL in use."""
        url = self.base_url or NETWORKS[self.network].format(workspace=self.workspace, region=self.region)
        return url.rstrip("/")


class MilvusSettings(Struct, frozen=True, kw_only=True):
    """How to reach Milvus, and under which name our collections stand there."""

    uri: Annotated[str, Setting("MILVUS_URI", "Address of Milvus, such as http://host:19530.")]
    token: Annotated[Secret, Setting("MILVUS_TOKEN", "user:password, or an API key.")] = Secret("")
    database: Annotated[str, Setting("MILVUS_DATABASE", "Database; empty takes the default one.")] = ""
    collection: Annotated[
        str,
        Meta(pattern=f"^{_COLLECTION.pattern}$"),
        Setting("MILVUS_COLLECTION", "Name in front of the collections: letters, digits and underscores."),
    ] = "search"
    timeout: Annotated[float, Meta(gt=0, le=300), Setting("MILVUS_TIMEOUT", "Seconds one call may take.")] = 10.0

    def __post_init__(self) -> None:
        if not self.uri.startswith(("http://", "https://", "tcp://")):
            raise ValueError("MILVUS_URI must be an address such as http://host:19530 (a file cannot be shared)")


class BucketSettings(Struct, frozen=True, kw_only=True):
    """Which objects are ours."""

    bucket: Annotated[str, Setting("OSS_BUCKET", "Bucket whose documents are indexed.")]
    prefix: Annotated[str, Setting("OSS_PREFIX", "Only keys that start with this are indexed.")] = ""
    suffix: Annotated[str, Setting("OSS_SUFFIX", "Only keys that end with this are indexed.")] = ""
    region: Annotated[str, Setting("OSS_REGION", "Region of the bucket.")] = "cn-beijing"
    endpoint: Annotated[str, Setting("OSS_ENDPOINT", "Address of OSS; empty takes the region's internal one.")] = ""
    timeout: Annotated[float, Meta(gt=0, le=300), Setting("OSS_TIMEOUT", "Seconds without a byte from OSS.")] = 20.0
    access_key_id: Annotated[
        str, Setting("ALIBABA_CLOUD_ACCESS_KEY_ID", "Set by Function Compute from the function's role.")
    ]
    access_key_secret: Annotated[
        Secret, Setting("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "Set by Function Compute likewise.")
    ]
    security_token: Annotated[Secret, Setting("ALIBABA_CLOUD_SECURITY_TOKEN", "Set by Function Compute likewise.")] = (
        Secret("")
    )


class IngestionSettings(Struct, frozen=True, kw_only=True):
    """How documents are cut, and how large they may be."""

    chunk_tokens: Annotated[
        int, Meta(ge=32, le=2_000), Setting("CHUNK_TOKENS", "Size of a chunk, in estimated tokens.")
    ] = 384
    max_file_bytes: Annotated[int, Meta(ge=1), Setting("MAX_FILE_BYTES", "Larger objects are recorded as failed.")] = (
        2 * 1024**3
    )
    sync_concurrency: Annotated[
        int, Meta(ge=1, le=64), Setting("SYNC_CONCURRENCY", "Documents a reconcile repairs at once.")
    ] = 4
    max_deleted_share: Annotated[
        float,
        Meta(ge=0, le=1),
        Setting("RECONCILE_MAX_DELETED_SHARE", "A reconcile that would remove a larger share of the index stops."),
    ] = 0.2


class TenantSettings(Struct, frozen=True, kw_only=True):
    """Whose a document is."""

    source: Annotated[
        str,
        Setting(
            "TENANT_FROM", "Whose a document is: prefix (the key's first folder) or metadata.NAME; empty: nobody's."
        ),
    ] = ""

    def __post_init__(self) -> None:
        if not RULE.fullmatch(self.source):
            raise ValueError("TENANT_FROM must be prefix or metadata.NAME, or empty")

    def tenancy(self, root: str = "") -> Tenancy:
        """The rule for documents whose keys all begin with ``root``."""
        return Tenancy(self.source, root)


class AccessSettings(Struct, frozen=True, kw_only=True):
    """Who may call over HTTP."""

    api_keys: Annotated[
        Secret,
        Setting("API_KEYS", "Keys that callers may present, separated by commas; KEY@tenant is bound to a tenant."),
    ] = Secret("")
    allow_anonymous: Annotated[
        bool, Setting("ALLOW_ANONYMOUS", "true lets everybody in; for machines of one's own.")
    ] = False
    domain: Annotated[
        str, Setting("PUBLIC_DOMAIN", "Domain callers reach the function by; no event comes under it.")
    ] = ""

    def __post_init__(self) -> None:
        if not self.keys and not self.allow_anonymous:
            raise ValueError("API_KEYS holds no key: set one, or set ALLOW_ANONYMOUS=true on a private machine")
        for entry in self.keys:
            read_key(entry)

    @property
    def keys(self) -> tuple[str, ...]:
        """The entries of accepted keys; several let callers change over one by one."""
        return tuple(key for key in map(str.strip, self.api_keys.reveal().split(",")) if key)


class RecordSettings(Struct, frozen=True, kw_only=True):
    """Where the record lies in each envelope of an event: names separated by dots."""

    eventbridge_path: Annotated[str, Setting("RECORD_PATH_EVENTBRIDGE", "In a CloudEvent.")] = "data"
    mns_queue_path: Annotated[str, Setting("RECORD_PATH_MNS_QUEUE", "In an event of an MNS queue.")] = (
        "data.messageBody"
    )
    mns_json_path: Annotated[str, Setting("RECORD_PATH_MNS_JSON", "In an MNS topic's message, form JSON.")] = "Message"
    mns_stream_path: Annotated[str, Setting("RECORD_PATH_MNS_STREAM", "In an MNS topic's message with attributes.")] = (
        "body"
    )
    kafka_path: Annotated[str, Setting("RECORD_PATH_KAFKA", "In an event of a Kafka topic.")] = "data.value"
    more_collections: Annotated[
        str, Setting("RECORD_COLLECTIONS", "Further collections a record may name, separated by commas.")
    ] = ""

    def __post_init__(self) -> None:
        if not all(map(_COLLECTION.fullmatch, self.collections)):
            raise ValueError("RECORD_COLLECTIONS must be names of letters, digits and underscores, separated by commas")

    @property
    def collections(self) -> tuple[str, ...]:
        """Further collections a record may name."""
        return tuple(name for name in map(str.strip, self.more_collections.split(",")) if name)


class EmbedSettings(Struct, frozen=True, kw_only=True):
    """What the embed function runs on; without MILVUS_URI it takes no events."""

    dashscope: DashScopeSettings
    access: AccessSettings
    milvus: MilvusSettings | None = None
    records: RecordSettings
    tenants: TenantSettings
    max_texts: Annotated[int, Meta(ge=1), Setting("EMBED_MAX_TEXTS", "Texts allowed in one request.")] = 2_000


class IngestSettings(Struct, frozen=True, kw_only=True):
    """What the ingest function runs on."""

    dashscope: DashScopeSettings
    milvus: MilvusSettings
    bucket: BucketSettings
    ingestion: IngestionSettings
    tenants: TenantSettings

    def __post_init__(self) -> None:
        most = self.dashscope.model.tokens_per_row // _TOKENS_PER_ESTIMATED
        if self.ingestion.chunk_tokens > most:
            raise ValueError(f"CHUNK_TOKENS must be at most {most} for {self.dashscope.model_name}")


class RerankSettings(Struct, frozen=True, kw_only=True):
    """Which model orders what a search found, and how much of it."""

    model_name: Annotated[str, Setting("RERANK_MODEL", "Rerank model.")] = "qwen3-rerank"
    # Never more than a search finds at least, so that the same candidates are reranked whatever page is asked for.
    documents: Annotated[
        int, Meta(ge=1, le=50), Setting("RERANK_DOCUMENTS", "Chunks reranked, the best of those found.")
    ] = 30
    by_default: Annotated[bool, Setting("RERANK_DEFAULT", "Whether a request that does not say is reranked.")] = False

    def __post_init__(self) -> None:
        if self.model_name not in RERANK_MODELS:
            raise ValueError(f"RERANK_MODEL must be one of {', '.join(RERANK_MODELS)}, not {self.model_name!r}")

    @property
    def model(self) -> RerankModel:
        """Limits and price of the model."""
        return RERANK_MODELS[self.model_name]


class SearchSettings(Struct, frozen=True, kw_only=True):
    """What the search function runs on."""

    dashscope: DashScopeSettings
    milvus: MilvusSettings
    access: AccessSettings
    rerank: RerankSettings


def read(kind: type[Settings], environ: Mapping[str, str]) -> Settings:
    """Build ``kind`` from the environment.

    Raises:
        ConfigurationError: ``invalid_settings``, naming every variable that is missing or wrong.
    """
    problems: list[str] = []
    settings = _read(kind, environ, problems)
    if settings is None:
        raise ConfigurationError("invalid_settings", "; ".join(problems))
    return settings


def variables(kind: type[Any]) -> Iterator[tuple[str, str, Any]]:
    """Every environment variable ``kind`` reads: its name, its meaning, its default or ``msgspec.NODEFAULT``."""
    for field in fields(kind):
        if setting := _setting(field):
            yield setting.variable, setting.meaning, field.default
        else:
            yield from variables(_group(field))


def _setting(field: FieldInfo) -> Setting | None:
    said: tuple[Any, ...] = getattr(field.type, "__metadata__", ())
    return next((one for one in said if isinstance(one, Setting)), None)


def _group(field: FieldInfo) -> type[Any]:
    """The settings class of a field that is no setting itself; it may be optional."""
    group: type[Any] = (typing.get_args(field.type) or (field.type,))[0]
    return group


def _absent(kind: type[Any], environ: Mapping[str, str]) -> bool:
    required = [name for name, _, default in variables(kind) if default is msgspec.NODEFAULT]
    return not any(environ.get(name, "").strip() for name in required)


def _read(kind: type[Settings], environ: Mapping[str, str], problems: list[str]) -> Settings | None:
    values: dict[str, Any] = {}
    before = len(problems)
    for field in fields(kind):
        if setting := _setting(field):
            _read_setting(setting, field, environ, values, problems)
        else:
            unset = not field.required and _absent(_group(field), environ)
            values[field.name] = None if unset else _read(_group(field), environ, problems)
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except ValueError as error:
        problems.append(str(error))
        return None


def _read_setting(
    setting: Setting, field: FieldInfo, environ: Mapping[str, str], values: dict[str, Any], problems: list[str]
) -> None:
    text = environ.get(setting.variable, "").strip()
    if not text:
        if field.required:
            problems.append(f"{setting.variable} is not set ({setting.meaning})")
        return
    plain = typing.get_args(field.type)[0]
    try:
        values[field.name] = Secret(text) if plain is Secret else msgspec.convert(text, field.type, strict=False)
    except msgspec.ValidationError as error:
        choices = ", ".join(typing.get_args(plain))
        wrong = f" must be one of {choices}, not {text!r}" if choices else f": {error} ({setting.meaning})"
        problems.append(setting.variable + wrong)
