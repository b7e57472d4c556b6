"""Values that were copied from a page and never filled in: named before anything is sent."""

from __future__ import annotations

import re

_PLACEHOLDER = re.compile(
    r"<[^<>]{0,100}>"  # <your key>
    r"|(?:sk-)?(?:x{3,200}|\*{3,200}|\.{3,200}|…)"  # sk-xxx, sk-...
    r"|(?:sk-|[^:]{0,100}:)?(?:your|my)[-_ ](?:own[-_ ])?(?:(?:api|dashscope|access)[-_ ]?){0,3}"
    r"(?:key|token|password|secret)"
    r"|(?:sk-)?(?:api[-_]?key|change[-_]?me|todo|placeholder)"
    r"|user(?:name)?:pass(?:word)?|[^:]{1,100}:<[^<>]{0,100}>",
    re.IGNORECASE,
)
_ABBREVIATED = re.compile(r"\*{3}|\.{3}|…")


def check_filled_in(variable: str, value: str, *, advice: str) -> None:
    """Check that a secret is not the placeholder of a page.

    Args:
        advice: where to get a real one.

    Raises:
        ValueError: it is one; the message names the variable and not the value.
    """
    if _PLACEHOLDER.fullmatch(value):
        raise ValueError(f"{variable} still holds a placeholder: {advice}")


def check_whole(variable: str, value: str, *, advice: str) -> None:
    """Check that a generated key was copied as a whole, and not as a page abbreviates it.

    Raises:
        ValueError: it is abbreviated.
    """
    if _ABBREVIATED.search(value):
        raise ValueError(f"{variable} is abbreviated, as a list of keys shows it: {advice}")
