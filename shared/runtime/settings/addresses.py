"""Addresses in settings: a wrong one is named at the start of a function, before anything is sent there."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# A name, an address of version 4, or one of version 6 in brackets, and perhaps a port.
_PLACE = re.compile(r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?")
_FORBIDDEN = re.compile(r"[\s\x00-\x1f\x7f\"'<>\\^`{|}]")
_MAX_PORT = 65_535


def check_address(variable: str, value: str, schemes: tuple[str, ...] = ("https", "http")) -> None:
    """Check that a setting is the address of a server.

    Args:
        value: empty where the setting is optional and not used.
        schemes: that it may have; the first is the usual one.

    Raises:
        ValueError: it is none; the message names the variable, and not the value, which may hold a password.
    """
    if not value:
        return
    if not value.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        others = f" (or {', '.join(f'{scheme}://' for scheme in schemes[1:])})" if schemes[1:] else ""
        raise ValueError(f"{variable} must start with {schemes[0]}://{others}")
    if _FORBIDDEN.search(value):
        raise ValueError(f"{variable} holds a space, a quote or another character that no address has")
    try:
        parts = urlsplit(value)
        is_place = _PLACE.fullmatch(parts.netloc.rpartition("@")[2]) is not None and (parts.port or 1) <= _MAX_PORT
    except ValueError:
        is_place = False
    if not is_place:
        raise ValueError(f"{variable} must name a host, and perhaps a port, such as {schemes[0]}://host.example:8080")


def name_place(address: str) -> str:
    """An address as it may be shown to callers and in logs: without user, password and query, which may be secrets."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
