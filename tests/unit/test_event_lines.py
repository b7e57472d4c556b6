"""Server-Sent Events, as clients cut them into lines."""

from __future__ import annotations

import json

import pytest

from functions.search.answers import write_event


@pytest.mark.parametrize("text", ["\u2028", "a\u2029b", "\u0085", "\r\n", "\x0b\x0c\x1c\x1d\x1e", "\u2027é\u00c2"])
def test_a_client_that_ends_lines_at_any_line_break_reads_the_event(text: str) -> None:
    lines = write_event("token", {"text": text}).decode().splitlines()
    assert (lines[0], lines[2:]) == ("event: token", [""])
    assert json.loads(lines[1].removeprefix("data: ")) == {"text": text}
