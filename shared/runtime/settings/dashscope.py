"""How to reach DashScope, with which models and which share of the quota. Times are seconds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.domain.catalog import (
    ANSWER_MODELS,
    EMBEDDING_MODELS,
    RERANK_MODELS,
    AnswerModel,
    EmbeddingModel,
    RerankModel,
)
from shared.runtime.environment import Secret, Setting
from shared.runtime.settings.addresses import check_address
from shared.runtime.settings.placeholders import check_filled_in, check_whole

_NEW_KEY = "get a key at https://bailian.console.aliyun.com/?tab=model#/api-key"
# https://help.aliyun.com/zh/ram/user-guide/create-an-accesskey-pair: ids of access keys begin so
_ACCESS_KEY = re.compile(r"(?:LTAI|STS\.)[A-Za-z0-9]{8,}")
# It is a part of a host name where DASHSCOPE_NETWORK is workspace.
_WORKSPACE = re.compile(r"[A-Za-z0-9_-]{1,128}")
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
    requested_dimension: Annotated[
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
    query_timeout: Annotated[
        float,
        Meta(gt=0, le=300),
        Setting("QUERY_EMBEDDING_TIMEOUT", "Seconds to embed a query, retries included; then only words count."),
    ] = 3.0
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
        Setting("QUOTA_SHARE", "Part of the account's quota that one instance may use at most."),
    ] = 1.0
    max_cost: Annotated[
        float,
        Meta(ge=0),
        Setting("MAX_COST_CNY", "What one instance may spend on DashScope before it stops, in CNY; 0 is no limit."),
    ] = 0.0

    def __post_init__(self) -> None:
        _check_key(self.api_key.reveal())
        if self.model_name not in EMBEDDING_MODELS:
            raise ValueError(f"EMBEDDING_MODEL must be one of {', '.join(EMBEDDING_MODELS)}, not {self.model_name!r}")
        if self.requested_dimension and self.requested_dimension not in self.model.dimensions:
            allowed = ", ".join(map(str, self.model.dimensions))
            raise ValueError(
                f"EMBEDDING_DIMENSION must be one of {allowed} for {self.model_name}, not {self.requested_dimension}"
            )
        check_address("DASHSCOPE_BASE_URL", self.base_url)
        if "/compatible-mode" in self.base_url:
            raise ValueError("DASHSCOPE_BASE_URL must end in /api/v1: /compatible-mode/v1 is for clients of OpenAI")
        if self.workspace and not _WORKSPACE.fullmatch(self.workspace):
            raise ValueError("DASHSCOPE_WORKSPACE must be the id of a workspace: letters, digits and hyphens")
        if self.network == "workspace" and not self.workspace and not self.base_url:
            raise ValueError("DASHSCOPE_WORKSPACE is needed when DASHSCOPE_NETWORK is workspace")

    @property
    def model(self) -> EmbeddingModel:
        """Limits and price of the model."""
        return EMBEDDING_MODELS[self.model_name]

    @property
    def dimension(self) -> int:
        """Vector size in use."""
        return self.requested_dimension or self.model.default_dimension

    @property
    def address(self) -> str:
        """Base URL in use."""
        url = self.base_url or NETWORKS[self.network].format(workspace=self.workspace, region=self.region)
        return url.rstrip("/")


def _check_key(key: str) -> None:
    check_filled_in("DASHSCOPE_API_KEY", key, advice=_NEW_KEY)
    check_whole("DASHSCOPE_API_KEY", key, advice=_NEW_KEY)
    if not key.isascii() or not key.isprintable() or set(key) & set(" \"'`"):
        raise ValueError("DASHSCOPE_API_KEY holds a space, a quote, a line break or another character no key has")
    if _ACCESS_KEY.fullmatch(key):
        raise ValueError(f"DASHSCOPE_API_KEY holds the id of an access key, which DashScope does not take: {_NEW_KEY}")


class RerankSettings(Struct, frozen=True, kw_only=True):
    """Which model orders what a search found, and how much of it."""

    model_name: Annotated[str, Setting("RERANK_MODEL", "Rerank model.")] = "qwen3-rerank"
    # Never more than a search finds at least, so that the same candidates are reranked whatever page is asked for.
    documents: Annotated[
        int, Meta(ge=1, le=50), Setting("RERANK_DOCUMENTS", "Chunks reranked, the best of those found.")
    ] = 30
    by_default: Annotated[bool, Setting("RERANK_DEFAULT", "Whether a request is reranked by default.")] = False

    def __post_init__(self) -> None:
        if self.model_name not in RERANK_MODELS:
            raise ValueError(f"RERANK_MODEL must be one of {', '.join(RERANK_MODELS)}, not {self.model_name!r}")

    @property
    def model(self) -> RerankModel:
        """Limits and price of the model."""
        return RERANK_MODELS[self.model_name]


class AnswerSettings(Struct, frozen=True, kw_only=True):
    """Which model writes answers from what a search found, and how long an answer may be."""

    model_name: Annotated[str, Setting("ANSWER_MODEL", "Chat model of POST /answer; empty switches answers off.")] = ""
    timeout: Annotated[
        float,
        Meta(gt=0, le=300),
        Setting("ANSWER_TIMEOUT", "Seconds in which an answer must be written; then the hits alone are returned."),
    ] = 30.0
    max_tokens: Annotated[
        int, Meta(ge=50, le=4_000), Setting("ANSWER_MAX_TOKENS", "Most tokens of an answer; a longer one is cut.")
    ] = 800

    def __post_init__(self) -> None:
        if self.model_name and self.model_name not in ANSWER_MODELS:
            raise ValueError(
                f"ANSWER_MODEL must be empty or one of {', '.join(ANSWER_MODELS)}, not {self.model_name!r}"
            )

    @property
    def model(self) -> AnswerModel | None:
        """Limits and prices of the model; ``None`` where answers are off."""
        return ANSWER_MODELS[self.model_name] if self.model_name else None
