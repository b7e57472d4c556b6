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
    if not all(map(_can_be_listed, tenants)):
        raise ValueError("a tenant has at least one character, no +, @, comma or line break, and no space around it")
    bound = f"@{'+'.join(tenants)}" if tenants else ""
    entry = f"sha256:{hashlib.sha256(key.encode()).hexdigest()}{bound}"
    read_key(entry)
    return Entry(key, entry)


def advise_on_env_file(entry: str) -> str:
    """What to do so that a ``.env`` file does not cut the entry short; empty where nothing has to be done."""
    if "$" in entry:
        return "A .env file cannot hold this entry, because of the $ in it: use API_KEYS_FILE."
    return "In a .env file, put the value in double quotes: # begins a comment there." if "#" in entry else ""


def _can_be_listed(tenant: str) -> bool:
    is_whole = tenant.isprintable() and tenant == tenant.strip()
    return bool(tenant) and is_whole and not any(character in tenant for character in "+@,")
