"""The settings of each function, composed of the groups."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from shared.runtime.environment import Setting
from shared.runtime.settings.access import AccessSettings, TenantSettings
from shared.runtime.settings.admin import AdminSettings
from shared.runtime.settings.content import IngestionSettings, RecordSettings
from shared.runtime.settings.dashscope import AnswerSettings, DashScopeSettings, RerankSettings
from shared.runtime.settings.ocr import OcrSettings
from shared.runtime.settings.sources import SourceSettings
from shared.runtime.settings.storage import BucketSettings, MilvusSettings
from shared.runtime.settings.uploads import UploadSettings

# Digits count one token each, four times what the size of a chunk takes them for.
_TOKENS_PER_ESTIMATED = 4


class EmbedSettings(Struct, frozen=True, kw_only=True):
    """What the embed function runs on; without MILVUS_URI it takes no events."""

    dashscope: DashScopeSettings
    access: AccessSettings
    milvus: MilvusSettings | None = None
    records: RecordSettings
    tenants: TenantSettings
    max_texts: Annotated[int, Meta(ge=1), Setting("EMBED_MAX_TEXTS", "Texts allowed in one request.")] = 2_048


class IngestSettings(Struct, frozen=True, kw_only=True):
    """What the ingest function runs on."""

    dashscope: DashScopeSettings
    milvus: MilvusSettings
    bucket: BucketSettings
    ingestion: IngestionSettings
    ocr: OcrSettings
    tenants: TenantSettings

    def __post_init__(self) -> None:
        most = self.dashscope.model.tokens_per_row // _TOKENS_PER_ESTIMATED
        if self.ingestion.chunk_tokens > most:
            raise ValueError(f"CHUNK_TOKENS must be at most {most} for {self.dashscope.model_name}")


class SearchSettings(Struct, frozen=True, kw_only=True):
    """What the search function runs on."""

    dashscope: DashScopeSettings
    milvus: MilvusSettings
    access: AccessSettings
    admin: AdminSettings
    rerank: RerankSettings
    answer: AnswerSettings
    sources: SourceSettings
    uploads: UploadSettings
    sample_share: Annotated[
        float,
        Meta(ge=0, le=1),
        Setting("QUERY_SAMPLE_SHARE", "Part of the queries kept for `migrate check`; 0 keeps none."),
    ] = 0
    calibration: Annotated[
        str, Setting("SCORE_CALIBRATION", "Weights of the scores as JSON, as python -m ops calibrate prints them.")
    ] = ""
