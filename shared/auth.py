"""API keys of callers: compared in constant time, against all of them, as digests."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from shared.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class Gate:
    """Lets in who presents one of ``keys``; lets everybody in when there are none."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._digests = tuple(map(_digest, keys))

    def check(self, authorization: str, api_key: str) -> None:
        """Check the headers ``Authorization: Bearer`` and ``x-api-key``; never the query, which proxies log.

        Raises:
            RequestError: ``unauthorized`` (401), the same whatever was wrong.
        """
        if not self._digests:
            return
        digest = _digest(api_key or authorization.removeprefix("Bearer ").strip())
        # Every key is compared, so that the time taken tells nothing about which one was near.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        if not any(matches):
            raise RequestError(
                "unauthorized", "Present an API key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.", status=401
            )
