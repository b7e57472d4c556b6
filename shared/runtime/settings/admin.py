"""Who may operate the deployment over HTTP, and which function does what they ask for."""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from shared.runtime.auth import read_keys
from shared.runtime.environment import Secret, Setting
from shared.runtime.settings.addresses import check_address


class AdminSettings(Struct, frozen=True, kw_only=True):
    """The page for operators and its routes; off without a key."""

    api_keys: Annotated[
        Secret,
        Setting(
            "ADMIN_API_KEYS",
            "Keys of operators, separated by commas: they open /admin and see everything; sha256:HEX may stand for a "
            "key. Empty: /admin is off.",
        ),
    ] = Secret("")
    ingest_function: Annotated[
        str, Setting("INGEST_FUNCTION", "Name of the ingest function, which /admin asks to try documents again.")
    ] = ""
    endpoint: Annotated[
        str, Setting("FC_ENDPOINT", "Address of Function Compute's API; empty takes the region's internal one.")
    ] = ""

    def __post_init__(self) -> None:
        if any("@" in key for key in self.keys):
            raise ValueError("ADMIN_API_KEYS: a key of operators is bound to no tenant, so it holds no @")
        read_keys(self.keys)
        check_address("FC_ENDPOINT", self.endpoint)

    @property
    def keys(self) -> tuple[str, ...]:
        """The entries of accepted keys."""
        return tuple(key for key in map(str.strip, self.api_keys.reveal().split(",")) if key)

    @property
    def is_on(self) -> bool:
        """Whether the routes for operators are answered."""
        return bool(self.keys)
