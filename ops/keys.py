"""Makes API keys and their entries for API_KEYS, which hold a hash, so that no setting or log has a usable key."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from shared.runtime.auth import read_key

_KEY_BYTES: Final = 32


@dataclass(frozen=True)
class Entry:
    """A key and what is configured of it.

    Attributes:
        key: what its caller presents.
        entry: for ``API_KEYS`` or ``API_KEYS_FILE``.
    """

    key: str
    entry: str


def make_key(tenants: tuple[str, ...] = ()) -> Entry:
    """Make a new key, bound to tenants if there are any."""
    return hash_key(secrets.token_urlsafe(_KEY_BYTES), tenants)


def hash_key(key: str, tenants: tuple[str, ...] = ()) -> Entry:
    """Make the entry of a key.

    Raises:
        ValueError: the key or a tenant has characters that an entry cannot hold.
    """
    if not key or any(character in key for character in "@, \t\n"):
        raise ValueError("a key has at least one character, and no @, comma or space")
    if any(not name or any(character in name for character in "+@,") for name in tenants):
        raise ValueError("a tenant has at least one character, and no +, @ or comma")
    bound = f"@{'+'.join(tenants)}" if tenants else ""
    entry = f"sha256:{hashlib.sha256(key.encode()).hexdigest()}{bound}"
    read_key(entry)
    return Entry(key, entry)
