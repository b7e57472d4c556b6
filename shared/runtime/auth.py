"""API keys of callers, and what each may see.

An entry is ``KEY``, which sees everything, or ``KEY@tenant1+tenant2``, which sees the documents of those tenants alone.
In place of the key it may hold ``sha256:`` and the key's SHA-256 in hexadecimal digits, so that neither settings nor
their logs hold a usable key. Keys are long and random, so that a plain hash protects them.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from shared.domain.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HASH = re.compile(r"sha256:([0-9A-Fa-f]{64})")
_HASH_PREFIX = "sha256:"


class Scope(Struct, frozen=True):
    """What a caller may see.

    Attributes:
        tenants: only documents of these tenants may be seen; ``None`` is everything, documents without a tenant too.
        is_admin: whether the routes for operators may be called.
    """

    tenants: frozenset[str] | None = None
    is_admin: bool = False

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
OPERATOR = Scope(is_admin=True)
# Scopes by the SHA-256 of their key.
Keys = dict[bytes, Scope]


class KeySource(Protocol):
    """Where more keys come from."""

    def read(self) -> Mapping[bytes, Scope]:
        """The keys in force."""


def read_key(entry: str) -> tuple[bytes, Scope]:
    """An entry: the digest of the key and what it may see.

    Raises:
        ValueError: there is no key before the last ``@``, no tenant after it, or no SHA-256 after ``sha256:``.
    """
    key, bound, names = entry.rpartition("@")
    if not bound:
        return _digest_entry(entry), EVERYTHING
    tenants = frozenset(map(str.strip, names.split("+")))
    if not key or "" in tenants:
        raise ValueError("API_KEYS: an entry is KEY or KEY@tenant1+tenant2, and a key itself holds no @")
    return _digest_entry(key), Scope(tenants)


def read_keys(entries: Iterable[str]) -> Keys:
    """The keys of several entries; the first entry of a key counts.

    Raises:
        ValueError: as `read_key`.
    """
    found: Keys = {}
    for digest, scope in map(read_key, entries):
        found.setdefault(digest, scope)
    return found


def _digest_entry(key: str) -> bytes:
    if not key.lower().startswith(_HASH_PREFIX):
        return _digest(key)
    given = _HASH.fullmatch(key.lower())
    if given is None:
        raise ValueError("API_KEYS: sha256: is followed by the 64 hexadecimal digits of the key's SHA-256")
    return bytes.fromhex(given[1])


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class Authenticator:
    """Accepts requests that carry one of the configured API keys; without any key it accepts every request.

    Args:
        entries: keys, as settings hold them.
        more: further keys, which may change while the process lives.
        operators: keys that open the routes for operators too, as settings hold them.
    """

    def __init__(self, entries: Iterable[str], more: KeySource | None = None, operators: Iterable[str] = ()) -> None:
        self._known = read_keys(entries)
        self._more = more
        self._operators = frozenset(read_keys(operators))

    @property
    def is_open(self) -> bool:
        """Whether every caller is accepted."""
        return not self._known and self._more is None

    def authenticate(self, authorization: str, api_key: str) -> Scope:
        """Return what the caller may see, by the headers ``Authorization: Bearer`` and ``x-api-key``.

        The query string is never read, because proxies log it.

        Raises:
            RequestError: ``unauthorized`` (401), the same whatever was wrong.
        """
        scope = self.find(authorization, api_key)
        if scope is None:
            raise RequestError(
                "unauthorized", "Present an API key as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.", status=401
            )
        return scope

    def find(self, authorization: str, api_key: str) -> Scope | None:
        """As `authenticate`, with ``None`` for a caller without a valid key."""
        key = api_key or _bearer(authorization)
        # What is looked up is a digest, so that the time taken says nothing about the keys.
        digest = _digest(key)
        if key and digest in self._operators:
            return OPERATOR
        if self.is_open:
            return EVERYTHING
        if not key:
            return None
        return self._known.get(digest) or (self._more.read().get(digest) if self._more else None)


def _bearer(authorization: str) -> str:
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
