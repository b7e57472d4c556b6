"""Temporary credentials of Alibaba Cloud that an invocation brings along.

Every invocation of a custom runtime carries fresh ones of the function's role in its headers; those in the environment
are from the start of the instance and may have expired since.
https://www.alibabacloud.com/help/en/functioncompute/fc/user-guide/context-and-log-format
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.runtime.environment import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ACCESS_KEY_ID = "x-fc-access-key-id"
ACCESS_KEY_SECRET = "x-fc-access-key-secret"  # noqa: S105 - name of a header
SECURITY_TOKEN = "x-fc-security-token"  # noqa: S105 - name of a header


class Credentials(Struct, frozen=True):
    """An access key with its token; none of them ever shows in a log, an error or a repr."""

    access_key_id: Secret
    access_key_secret: Secret
    security_token: Secret = Secret("")


_current: ContextVar[Credentials | None] = ContextVar("credentials", default=None)


def read_credentials(get_header: Callable[[str, str], str]) -> Credentials | None:
    """The credentials in the headers of an invocation, or ``None``: of a function without a role.

    Args:
        get_header: gives the value of a header, or the default it is called with.
    """
    key_id, secret, token = (get_header(name, "") for name in (ACCESS_KEY_ID, ACCESS_KEY_SECRET, SECURITY_TOKEN))
    return Credentials(Secret(key_id), Secret(secret), Secret(token)) if key_id and secret else None


def current_credentials() -> Credentials | None:
    """The credentials of the invocation that is being handled, or ``None``."""
    return _current.get()


@contextmanager
def use_credentials(credentials: Credentials | None) -> Iterator[None]:
    """Make ``credentials`` those of the invocation inside the block."""
    token = _current.set(credentials)
    try:
        yield
    finally:
        _current.reset(token)
