"""What one emulator serves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from local.oss.notification import Notification

_BUCKET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_RESERVED: Final = frozenset({"control", "healthz"})


@dataclass(frozen=True)
class Settings:
    """What one emulator serves.

    Attributes:
        root: the folder.
        port: 0 for any free one.
        announce_existing: emit an event for each file that lies in the folder at the start.
        access_key_id: the only one accepted; empty for any.
        allowed_origins: web pages that may upload, as a rule of CORS of the bucket names them.
        quiet: how long a file must be at rest before a change by hand is announced.

    Raises:
        ValueError: the bucket cannot have this name.
    """

    root: Path
    bucket: str
    host: str = "127.0.0.1"
    port: int = 0
    notifications: tuple[Notification, ...] = ()
    announce_existing: bool = False
    access_key_id: str = ""
    allowed_origins: tuple[str, ...] = ()
    quiet: timedelta = timedelta(milliseconds=300)

    def __post_init__(self) -> None:
        if not _BUCKET_NAME.fullmatch(self.bucket) or self.bucket in _RESERVED:
            raise ValueError(
                f"{self.bucket!r} is no bucket name: use 3 to 63 lower-case letters, digits and hyphens, "
                "a letter or digit at both ends, and neither control nor healthz."
            )
