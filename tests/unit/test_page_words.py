"""The words of the page in both languages."""

from __future__ import annotations

import json
import re
from typing import Any

from local.stack import PROJECT

FOLDER = PROJECT / "functions" / "search" / "page"
ENGLISH, CHINESE = (json.loads((FOLDER / f"words.{name}.json").read_text("utf-8")) for name in ("en", "zh"))


def describe(words: dict[str, Any], name: str = "") -> set[tuple[str, str]]:
    """Each text's name with the places that it fills; the forms of one text count as one."""
    if "other" in words and name:
        return {(name, "".join(sorted(set(re.findall(r"\{\d\}", "".join(words.values()))))))}
    found = set()
    for key, word in words.items():
        path = f"{name}.{key}".strip(".")
        if isinstance(word, dict):
            found |= describe(word, path)
        else:
            found.add((path, "".join(sorted(re.findall(r"\{\d\}", str(word))))))
    return found


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    assert describe(ENGLISH) == describe(CHINESE)


def test_the_script_uses_no_word_that_is_missing() -> None:
    script = "".join(path.read_text("utf-8") for path in sorted(FOLDER.iterdir()) if path.suffix in (".js", ".html"))
    used = set(re.findall(r"\bsay\.(\w+)|data-(?:say|label|hint|title)=\"(\w+)\"", script))
    assert {one or other for one, other in used} - set(ENGLISH) == set()
