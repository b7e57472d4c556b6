"""Who may call over HTTP, and which tenant a document belongs to."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from shared.domain.tenants import RULE, Tenancy
from shared.runtime.auth import read_key
from shared.runtime.environment import Secret, Setting


class AccessSettings(Struct, frozen=True, kw_only=True):
    """Who may call over HTTP."""

    api_keys: Annotated[
        Secret,
        Setting("API_KEYS", "Keys that callers may present, separated by commas; KEY@tenant is bound to a tenant."),
    ] = Secret("")
    allow_anonymous: Annotated[
        bool, Setting("ALLOW_ANONYMOUS", "true accepts requests without a key; for private machines.")
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


class TenantSettings(Struct, frozen=True, kw_only=True):
    """Which tenant a document belongs to."""

    source: Annotated[
        str,
        Setting(
            "TENANT_FROM", "Tenant of a document: prefix (the key's first folder) or metadata.NAME; empty: no tenants."
        ),
    ] = ""

    def __post_init__(self) -> None:
        if not RULE.fullmatch(self.source):
            raise ValueError("TENANT_FROM must be prefix or metadata.NAME, or empty")

    def tenancy(self, root: str = "") -> Tenancy:
        """The rule for documents under the key prefix ``root``."""
        return Tenancy(self.source, root)
