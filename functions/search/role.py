"""The credentials of the role under which search runs."""

from __future__ import annotations

import os

from flask import request

from shared.runtime.credentials import Credentials, read_credentials
from shared.runtime.environment import Secret

_NAMES = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")


def find_credentials() -> Credentials | None:
    """Those of the invocation, else those the instance was started with; ``None`` without a role."""
    found = read_credentials(request.headers.get)
    key_id, secret, token = (os.environ.get(f"ALIBABA_CLOUD_{name}", "") for name in _NAMES)
    if found is None and key_id and secret:
        return Credentials(Secret(key_id), Secret(secret), Secret(token))
    return found
