"""Conditions of a request: which version of an object the client wants, or has already."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from local.oss.refusal import Refusal

if TYPE_CHECKING:
    from local.oss.call import Call
    from local.oss.stored_object import StoredObject


def require_match(etags: str, stored: StoredObject) -> None:
    """Insist that ``stored`` has one of ``etags``, as ``If-Match`` lists them; empty is no condition.

    Raises:
        Refusal: it has not.
    """
    if etags and not _matches(etags, stored):
        raise Refusal("PreconditionFailed")


def unchanged(call: Call, stored: StoredObject) -> bool:
    """Whether the client has this version already.

    Raises:
        Refusal: it asked for another one.
    """
    require_match(call.header("If-Match"), stored)
    second = int(stored.modified)
    limit = _http_time(call.header("If-Unmodified-Since"))
    if limit is not None and second > limit:
        raise Refusal("PreconditionFailed")
    if call.header("If-None-Match"):
        return _matches(call.header("If-None-Match"), stored)
    since = _http_time(call.header("If-Modified-Since"))
    return since is not None and second <= since


def _matches(etags: str, stored: StoredObject) -> bool:
    return etags == "*" or stored.etag in {etag.strip().strip('"').upper() for etag in etags.split(",")}


def _http_time(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except ValueError:
        return None
