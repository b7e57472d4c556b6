"""Who may call over HTTP, and which tenant a document belongs to."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from shared.domain.errors import ConfigurationError
from shared.domain.tenants import RULE, Tenancy
from shared.runtime.auth import Authenticator, read_keys
from shared.runtime.environment import Secret, Setting
from shared.runtime.keyfile import KeyFile
from shared.runtime.origins import read_origins
from shared.runtime.settings.placeholders import check_filled_in


class AccessSettings(Struct, frozen=True, kw_only=True):
    """Who may call over HTTP."""

    api_keys: Annotated[
        Secret,
        Setting(
            "API_KEYS",
            "Keys that callers may present, separated by commas; KEY@tenant is bound to a tenant, and sha256:HEX may "
            "stand for a key.",
        ),
    ] = Secret("")
    keys_file: Annotated[
        str,
        Setting(
            "API_KEYS_FILE",
            "File with more keys, one a line, for example in a mounted OSS bucket; read again within 60 s of a change.",
        ),
    ] = ""
    allow_anonymous: Annotated[
        bool, Setting("ALLOW_ANONYMOUS", "true accepts requests without a key; for private machines.")
    ] = False
    domain: Annotated[
        str, Setting("PUBLIC_DOMAIN", "Domain callers reach the function by; no event comes under it.")
    ] = ""
    cors_origins: Annotated[
        str,
        Setting(
            "CORS_ORIGINS",
            "Origins of web pages that may call from a browser, separated by commas; * is every page, empty is none.",
        ),
    ] = ""

    def __post_init__(self) -> None:
        if not self.keys and not self.keys_file and not self.allow_anonymous:
            raise ValueError("API_KEYS holds no key: set one, or set ALLOW_ANONYMOUS=true on a private machine")
        for key in self.keys:
            check_filled_in("API_KEYS", key, advice="`.venv/bin/python -m ops keys` makes a key")
        read_keys(self.keys)
        read_origins(self.cors_origins)

    @property
    def keys(self) -> tuple[str, ...]:
        """The entries of accepted keys; several let callers change over one by one."""
        return tuple(key for key in map(str.strip, self.api_keys.reveal().split(",")) if key)

    @property
    def origins(self) -> frozenset[str]:
        """Origins of web pages that may call."""
        return read_origins(self.cors_origins)

    def authenticator(self, operators: tuple[str, ...] = ()) -> Authenticator:
        """What accepts callers.

        Args:
            operators: entries of the keys of operators.

        Raises:
            ConfigurationError: ``invalid_settings``: the file of keys cannot be used.
        """
        try:
            return Authenticator(self.keys, KeyFile(self.keys_file) if self.keys_file else None, operators)
        except ValueError as error:
            raise ConfigurationError("invalid_settings", str(error)) from None


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
