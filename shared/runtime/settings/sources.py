"""Whether callers may open the documents that search finds, and where their browsers reach the bucket."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from shared.runtime.environment import Setting
from shared.runtime.settings.addresses import check_address


class SourceSettings(Struct, frozen=True, kw_only=True):
    """Links to the documents themselves; off by default, because for them the role of search must read the bucket."""

    is_on: Annotated[
        bool,
        Setting(
            "SOURCE_LINKS",
            "true lets callers open whole documents by links that expire after ten minutes; the role of search reads "
            "the bucket then.",
        ),
    ] = False
    region: Annotated[str, Setting("OSS_REGION", "Region of the bucket.")] = "cn-beijing"
    endpoint: Annotated[
        str,
        Setting(
            "SOURCE_ENDPOINT",
            "Where browsers reach the bucket: a domain that points at it; empty takes the region's public address.",
        ),
    ] = ""

    def __post_init__(self) -> None:
        check_address("SOURCE_ENDPOINT", self.endpoint)
