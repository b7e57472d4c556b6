"""Temporary credentials as Function Compute puts them into the headers of an invocation: fresh ones each time.

A token says when it expires, and the OSS emulator refuses it afterwards. Where the environment has an access key, such
as for a bucket in the cloud, that one is sent.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LIFETIME_SECONDS: Final = 3_600
_NAMES: Final = {
    "x-fc-access-key-id": "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "x-fc-access-key-secret": "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "x-fc-security-token": "ALIBABA_CLOUD_SECURITY_TOKEN",
}


def issue(environ: Mapping[str, str]) -> dict[str, str]:
    """The headers with credentials of one invocation."""
    if environ.get("ALIBABA_CLOUD_ACCESS_KEY_ID"):
        given = {header: environ.get(name, "") for header, name in _NAMES.items()}
        return {header: value for header, value in given.items() if value}
    expiry = int(time.time()) + LIFETIME_SECONDS
    values = (f"STS.{secrets.token_hex(12)}", secrets.token_hex(20), f"local.{secrets.token_hex(8)}.{expiry}")
    return dict(zip(_NAMES, values, strict=True))
