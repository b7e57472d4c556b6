"""The tenant of a document: taken from its key or its metadata, by one rule for all documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

# What Milvus keeps of a name; the longest key of an object is just shorter.
MOST_BYTES = 1_024
# What no expression of Milvus can hold, so that nobody could be bound to such a tenant.
_UNSAFE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
RULE = re.compile(r"|prefix|metadata\.[^\W\d]\w{0,63}")


class Tenancy(Struct, frozen=True):
    """The rule.

    Attributes:
        source: ``prefix`` for the first folder of the key, ``metadata.NAME`` for the text or whole number there; empty
            for none.
        root: what stands before that folder in every key.
    """

    source: str = ""
    root: str = ""

    @property
    def rule(self) -> str:
        """The rule in one text: what was stored under another must be looked at again."""
        return f"{self.source}:{self.root}" if self.source == "prefix" else self.source

    def of(self, key: str, metadata: Mapping[str, Any]) -> str:
        """The tenant of a document; empty where the rule names none, and then only unbound keys see it."""
        tenant = self._named(key, metadata)
        # A name that does not fit names no tenant: cut off, it might be the name of another.
        is_usable = len(tenant.encode("utf-8", "surrogatepass")) <= MOST_BYTES and not _UNSAFE.search(tenant)
        return tenant if is_usable else ""

    def _named(self, key: str, metadata: Mapping[str, Any]) -> str:
        if self.source == "prefix":
            folder, slash, _ = key.removeprefix(self.root).lstrip("/").partition("/")
            return folder if slash else ""
        value = metadata.get(self.source.removeprefix("metadata.")) if self.source else None
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
