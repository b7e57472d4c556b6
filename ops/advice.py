"""What to do about a document that failed, by code: the page's own words."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

_WORDS = Path(__file__).resolve().parent.parent / "functions/search/page/words.en.json"


@cache
def _read_advice() -> dict[str, str]:
    return dict(json.loads(_WORDS.read_text("utf-8"))["advice"])


def find_advice(code: str) -> str:
    """Return a sentence for the code of a failure; empty where nothing has to be done."""
    return _read_advice().get(code, "")
