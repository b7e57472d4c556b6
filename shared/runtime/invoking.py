"""Asynchronous calls of another function, signed with the credentials of the invocation.

Function Compute's SDK would add 4 MB to a package and half a second to a start for this one call; its signature is
ACS3-HMAC-SHA256: https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from shared.domain.errors import ConfigurationError, TransientError
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.runtime.credentials import Credentials
    from shared.runtime.retrying import Deadline

_ALGORITHM = "ACS3-HMAC-SHA256"
_VERSION = "2023-03-30"
_REGION, _ACCOUNT = re.compile("[a-z0-9-]{1,63}"), re.compile("[0-9]{1,32}")
_CONNECT_SECONDS, _CALL_SECONDS = 3.05, 10.0


class Target(Struct, frozen=True):
    """The function to call.

    Attributes:
        name: of the function.
        region: of the function.
        account: number of the account.
        endpoint: address of Function Compute's API; empty takes the region's internal one.
    """

    name: str
    region: str
    account: str
    endpoint: str = ""

    @property
    def address(self) -> str:
        """Address of the call.

        Raises:
            ConfigurationError: ``invocation_refused``: region or account can be no part of a host's name.
        """
        # Both come in headers of the call; a slash in them would name another host, which would get the token.
        if not self.endpoint and not (_REGION.fullmatch(self.region) and _ACCOUNT.fullmatch(self.account)):
            message = "The call names no region and account of Function Compute: set FC_ENDPOINT."
            raise ConfigurationError("invocation_refused", message)
        base = self.endpoint or f"https://{self.account}.{self.region}-internal.fc.aliyuncs.com"
        return f"{base.rstrip('/')}/{_VERSION}/functions/{quote(self.name, safe='-_.~')}/invocations"


def invoke_later(target: Target, event: Any, credentials: Credentials, deadline: Deadline) -> None:
    """Queue an event for a function; that the function has handled it is not waited for.

    Raises:
        TransientError: ``event_not_queued``: Function Compute cannot be reached, or is busy.
        ConfigurationError: ``invocation_refused``: it refuses; the role of this function may not call the other one.
    """
    import requests  # late: only this one route needs it

    from shared.runtime.connection import bounded_session

    body = msgspec.json.encode(event)
    headers = sign(target.address, body, credentials, clock.time(), secrets.token_hex(16))
    headers |= {"x-fc-invocation-type": "Async"}
    seconds = deadline.timeout(_CALL_SECONDS)
    try:
        with bounded_session(target.address, 1) as session:
            limits = (min(_CONNECT_SECONDS, seconds), seconds)
            status = session.post(target.address, body, headers=headers, timeout=limits).status_code
    except requests.RequestException:
        raise TransientError("event_not_queued", "Function Compute did not answer; nothing was queued.") from None
    if status in (401, 403, 404):
        message = f"Function Compute refuses ({status}): may the role of search call {target.name}?"
        raise ConfigurationError("invocation_refused", message)
    if status != 202:
        raise TransientError("event_not_queued", f"Function Compute did not queue the event ({status}).")


def sign(address: str, body: bytes, credentials: Credentials, now: float, nonce: str) -> dict[str, str]:
    """The headers of a signed call, the signature included.

    Args:
        now: seconds since the epoch.
        nonce: used for one call only.
    """
    place = urlsplit(address)
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "content-type": "application/json",
        "host": place.netloc,
        "x-acs-action": "InvokeFunction",
        "x-acs-content-sha256": digest,
        "x-acs-date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "x-acs-signature-nonce": nonce,
        "x-acs-version": _VERSION,
    }
    if credentials.security_token:
        headers["x-acs-security-token"] = credentials.security_token.reveal()
    names = ";".join(sorted(headers))
    request = "\n".join(("POST", place.path, "", _canonicalize(headers), names, digest))
    text = f"{_ALGORITHM}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = hmac.new(credentials.access_key_secret.reveal().encode(), text.encode(), hashlib.sha256).hexdigest()
    credential = credentials.access_key_id.reveal()
    return {
        **headers,
        "authorization": f"{_ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}",
    }


def _canonicalize(headers: Mapping[str, str]) -> str:
    return "".join(f"{name}:{headers[name].strip()}\n" for name in sorted(headers))
