"""Whether operators may upload documents at ``/admin``, and which ones."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from shared.runtime.environment import Setting

# One PutObject takes no more: https://help.aliyun.com/zh/oss/developer-reference/putobject
_MOST_BYTES = 5 * 1024**3


class UploadSettings(Struct, frozen=True, kw_only=True):
    """Uploads by operators; off by default, because for them the role of search must write to the bucket."""

    is_on: Annotated[
        bool,
        Setting("UPLOADS", "true lets operators upload documents at /admin; the role of search writes to the bucket."),
    ] = False
    bucket: Annotated[str, Setting("UPLOAD_BUCKET", "Bucket that uploads go to: the one that ingest watches.")] = ""
    prefix: Annotated[str, Setting("UPLOAD_PREFIX", "Only keys that start with this can be uploaded.")] = ""
    suffix: Annotated[str, Setting("UPLOAD_SUFFIX", "Only keys that end with this can be uploaded.")] = ""
    max_bytes: Annotated[int, Meta(ge=1, le=_MOST_BYTES), Setting("UPLOAD_MAX_BYTES", "Larger files are refused.")] = (
        2 * 1024**3
    )

    def __post_init__(self) -> None:
        if self.is_on and not self.bucket:
            raise ValueError("UPLOAD_BUCKET must name the bucket where UPLOADS is true")
