"""An object at rest: one version of it, and what changes from one version to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os


@dataclass(frozen=True)
class Identity:
    """What tells one state of a file from the next without reading it."""

    inode: int
    modified_ns: int
    size: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """The identity that ``status`` describes."""
        return cls(status.st_ino, status.st_mtime_ns, status.st_size)


@dataclass(frozen=True)
class Properties:
    """What an uploader says about an object: its media type and ``x-oss-meta-`` pairs, names without that prefix.

    Attributes:
        content_encoding: how its bytes are compressed, as the uploader says; OSS stores and sends them as they are.
        symlink_target: of a symbolic link, the key that it leads to; empty for other objects.
    """

    content_type: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    content_encoding: str = ""
    symlink_target: str = ""


@dataclass(frozen=True)
class StoredObject:
    """One version of an object.

    Attributes:
        etag: upper-case MD5, or ``<hash>-<parts>`` after a multipart upload; without quotes.
        crc64: CRC-64/ECMA of the content, as OSS reports it.
    """

    key: str
    identity: Identity
    etag: str
    crc64: int
    properties: Properties

    @property
    def size(self) -> int:
        """Bytes."""
        return self.identity.size

    @property
    def modified(self) -> float:
        """Seconds since the epoch."""
        return self.identity.modified_ns / 1e9

    @property
    def multipart(self) -> bool:
        """Whether the ETag says nothing about the content's MD5."""
        return "-" in self.etag


@dataclass(frozen=True)
class Change:
    """An object that came, changed or went.

    Attributes:
        now: the new version, or ``None`` after a removal.
        size_before: bytes of the version it replaced, 0 if there was none.
        etag_before: ETag of that version, empty if there was none or it was never asked for.
    """

    key: str
    now: StoredObject | None
    size_before: int = 0
    etag_before: str = ""

    @property
    def etag(self) -> str:
        """Of the new version, or of the one that went."""
        return self.now.etag if self.now else self.etag_before

    @property
    def size(self) -> int:
        """Bytes of the new version, or of the one that went."""
        return self.now.size if self.now else self.size_before

    @property
    def gained(self) -> int:
        """Bytes by which the bucket has grown."""
        return (self.now.size if self.now else 0) - self.size_before


@dataclass(frozen=True)
class Arrival(Change):
    """A change that is no removal."""

    now: StoredObject
