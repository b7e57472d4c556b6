"""Why an address does not answer, in words: libraries say it as nested representations of their own objects."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from ops.refusals import find_next_step

# The first that is found counts: a proxy's refusal is also a connection's.
_REASONS: Final = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"ProxyError|Tunnel connection failed", "the proxy lets nothing through"),
        (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError", "its certificate is not accepted"),
        (r"Name or service not known|Failed to resolve|getaddrinfo|NameResolution", "its name is not known"),
        (r"[Cc]onnection refused", "nothing listens there"),
        (r"[Tt]imed? ?out|Timeout", "it took too long"),
        (r"reset by peer|RemoteDisconnected|[Cc]onnection aborted|IncompleteRead|Broken pipe", "it broke off"),
        (r"No route to host|Network is unreachable", "there is no way to it"),
        (r"InvalidURL|MissingSchema|InvalidSchema|LocationParseError", "it is no address"),
    )
)
_LOCAL: Final = ("127.0.0.1", "localhost", "::1")
_MOST_CHARACTERS: Final = 200


def explain_silence(address: str, error: BaseException) -> str:
    """Return a sentence that says why nothing answers at an address, and one that says what to do."""
    found = f"{type(error).__name__}: {error}"
    reason = next((words for pattern, words in _REASONS if pattern.search(found)), found[:_MOST_CHARACTERS])
    return f"{reason}. {_choose_step(address)}"


def _choose_step(address: str) -> str:
    try:
        is_local = urlsplit(address).hostname in _LOCAL
    except ValueError:
        is_local = False
    if is_local:
        return "`make demo` starts the local stack; its logs are in `.local/logs`."
    return find_next_step("not_answered")  # not by the words: a proxy's 403 is no lack of rights
