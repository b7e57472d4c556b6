"""Credentials for the OSS SDK, which asks for them with each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.runtime.credentials import Credentials, current_credentials
from shared.runtime.environment import Secret

if TYPE_CHECKING:
    from shared.runtime.settings import BucketSettings


class CredentialsProvider:
    """Gives the SDK, for each request, the credentials of the current invocation, or else those of the settings."""

    def __init__(self, sdk: Any, settings: BucketSettings) -> None:
        self._sdk = sdk
        self._fallback = Credentials(
            Secret(settings.access_key_id), settings.access_key_secret, settings.security_token
        )

    def get_credentials(self) -> Any:
        """The SDK's own type of credentials."""
        chosen = current_credentials() or self._fallback
        return self._sdk.credentials.Credentials(
            chosen.access_key_id.reveal(), chosen.access_key_secret.reveal(), chosen.security_token.reveal() or None
        )
