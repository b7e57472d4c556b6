"""API keys of callers, and what each may see.

An entry of ``API_KEYS`` is ``KEY``, which sees everything, or ``KEY@tenant1+tenant2``, which sees the documents of
those tenants alone. Keys are compared in constant time, against all of them, as digests.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Scope(Struct, frozen=True):
    """What a caller may see.

    Attributes:
        tenants: only documents of these tenants may be seen; ``None`` is everything, documents without a tenant too.
    """

    tenants: frozenset[str] | None = None

    def narrow(self, tenant: str | None) -> Scope:
        """Reduce this scope to one tenant; ``None`` keeps all of it.

        Raises:
            RequestError: ``tenant_forbidden`` (403): the tenant is outside of it.
        """
        if tenant is None:
            return self
        if self.tenants is not None and tenant not in self.tenants:
            raise RequestError("tenant_forbidden", "This API key is not bound to that tenant.", status=403)
        return Scope(frozenset({tenant}))


EVERYTHING = Scope()


def read_key(entry: str) -> tuple[str, Scope]:
    """An entry of ``API_KEYS``: the key and what it may see.

    Raises:
        ValueError: there is no key before the last ``@``, or no tenant after it.
    """
    key, bound, names = entry.rpartition("@")
    if not bound:
        return entry, EVERYTHING
    tenants = frozenset(map(str.strip, names.split("+")))
    if not key or "" in tenants:
        raise ValueError("API_KEYS: an entry is KEY or KEY@tenant1+tenant2, and a key itself holds no @")
    return key, Scope(tenants)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class Authenticator:
    """Accepts requests that carry one of the configured API keys; without any key it accepts every request."""

    def __init__(self, entries: Sequence[str]) -> None:
        self._known = tuple((_digest(key), scope) for key, scope in map(read_key, entries))

    def authenticate(self, authorization: str, api_key: str) -> Scope:
        """Return what the caller may see, by the headers ``Authorization: Bearer`` and ``x-api-key``.

        The query string is never read, because proxies log it.

        Raises:
            RequestError: ``unauthorized`` (401), the same whatever was wrong.
        """
        if not self._known:
            return EVERYTHING
        digest = _digest(api_key or authorization.removeprefix("Bearer ").strip())
        # Every key is compared, so that the time taken does not tell which key is similar.
        scopes = [scope for known, scope in self._known if hmac.compare_digest(digest, known)]
        if not scopes:
            raise RequestError(
                "unauthorized", "Present an API key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.", status=401
            )
        return scopes[0]
