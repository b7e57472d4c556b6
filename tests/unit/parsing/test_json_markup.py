"""Strings of JSON that are HTML are read as what a browser would show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.parsing.test_damage import read

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "<p>The <b>pump</b> is&nbsp;ready.</p><ul><li>first</li><li>second</li></ul><script>x()</script>"


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_a_description_in_html_is_read_without_its_tags(tmp_path: Path, name: str) -> None:
    records: list[dict[str, Any]] = [{"sku": "P1", "texts": [{"body": PAGE}]}, {"sku": "P2", "texts": []}]
    written = json.dumps(records) if name == "a.json" else "\n".join(map(json.dumps, records))
    texts, warnings = read(tmp_path, name, written.encode())
    assert texts[0].split("\n") == ["sku: P1", "texts[1].body: The pump is ready. first second"]
    assert not warnings


@pytest.mark.parametrize(
    "text",
    [
        "Press <b>OK</b>, then <br> once.",
        "Write ```<p>text</p>``` for a paragraph.",
        "if (a < b) { return '</p>' && c; }",
        "<?php echo '<p>x</p>';",
        "a < b and c > d",
        "It ends with </table> in all cases.",
        "<div></div>",
    ],
)
def test_tags_that_a_text_is_about_stay(tmp_path: Path, text: str) -> None:
    texts, _ = read(tmp_path, "a.json", json.dumps({"sku": "P1", "note": text}).encode())
    assert texts == [f"sku: P1\nnote: {text}"]
