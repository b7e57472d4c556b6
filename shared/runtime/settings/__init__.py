"""Settings: one frozen object for each function, in groups by concern; `shared.runtime.environment` reads them.

To add a setting, add a field with its `Setting` to its group and run `make docs`.
"""

from shared.runtime.environment import Secret, list_variables, read_settings
from shared.runtime.settings.access import AccessSettings, TenantSettings
from shared.runtime.settings.admin import AdminSettings
from shared.runtime.settings.content import IngestionSettings, RecordSettings
from shared.runtime.settings.dashscope import AnswerSettings, DashScopeSettings, RerankSettings
from shared.runtime.settings.functions import EmbedSettings, IngestSettings, SearchSettings
from shared.runtime.settings.ocr import OcrSettings
from shared.runtime.settings.sources import SourceSettings
from shared.runtime.settings.storage import BucketSettings, MilvusSettings
from shared.runtime.settings.uploads import UploadSettings

__all__ = [
    "AccessSettings",
    "AdminSettings",
    "AnswerSettings",
    "BucketSettings",
    "DashScopeSettings",
    "EmbedSettings",
    "IngestSettings",
    "IngestionSettings",
    "MilvusSettings",
    "OcrSettings",
    "RecordSettings",
    "RerankSettings",
    "SearchSettings",
    "Secret",
    "SourceSettings",
    "TenantSettings",
    "UploadSettings",
    "list_variables",
    "read_settings",
]
