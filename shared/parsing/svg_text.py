"""The texts of a drawing (SVG) inside a page, which a browser shows: labels of charts and diagrams."""

from __future__ import annotations

import re

# Possessive and up to the next bracket, so that time stays linear.
_PART = re.compile(
    r"<(?P<end>/?)(?P<name>[a-z][^\s/<>]*+)(?P<given>[^<>]*+)>|<[^<>]*+>|(?P<text>[^<]++)", re.IGNORECASE
)
_TEXTS = frozenset({"text", "foreignobject"})
_UNSHOWN = frozenset({"style", "script", "title", "desc", "metadata", "defs", "symbol"})
# Words that stand elsewhere than after the ones before.
_PLACED = re.compile(r"\s(?:x|dy)\s*=", re.IGNORECASE)
_BLOCKS = frozenset({"p", "div", "br", "li", "tr"})


def read_texts(drawing: str) -> list[str]:
    """The texts inside a drawing in the order of the file, without those that are not shown; references as they are."""
    texts: list[list[str]] = []
    inside, unshown = 0, 0
    for match in _PART.finditer(drawing):
        name = (match["name"] or "").lower()
        step = 0 if match["given"] and match["given"].endswith("/") else -1 if match["end"] else 1
        if name in _UNSHOWN:
            unshown = max(0, unshown + step)
        elif name in _TEXTS:
            inside = max(0, inside + step)
            texts += [[]] if step > 0 else []
        elif inside and not unshown and texts:
            is_apart = name in _BLOCKS or (name == "tspan" and _PLACED.search(match["given"] or ""))
            texts[-1].append(" " if is_apart else match["text"] or "")
    return [shown for text in texts if (shown := " ".join("".join(text).split()))]
