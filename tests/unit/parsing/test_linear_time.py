"""Reading takes time in proportion to size, whatever a file repeats."""

# ruff: noqa: E501 - the lists of units
from __future__ import annotations

import gc
import importlib
import re
import time
from itertools import chain
from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from shared.parsing import Limits, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SMALL, LARGE = 10_000, 100_000
MOST_GROWTH = 12
# Below this, the time of a small text says more about the machine than about the text.
LEAST_SECONDS = 0.06
TRIES = 10

# fmt: off
MARKS = ["*", "_", "[", "](", "(", "`", "~", "#", " ", "|", "-", "<", "&", "\\", "$", "![", "=", "\t", "中", "1", "a", ".", "\x1b[", "\x1b]", "\x08", "\x0c"]
UNITS = {
    "md": [*MARKS, "a*", "**a", "`a", "[a](", "<a ", "<!--", "> ", "- ", "1. ", "||\n|-|\n", "[a]: ", "~~", "$a", "![", "[[]", "data:", "data:image/png;base64,", "+++\n", "---\n", "a: \n", "- a\n", "- - ", "a\n", "<b>", "</", "**中", "```\n", "[^a]", "    a\n"],
    "html": [*MARKS, "<", "<a ", '<a b="', "<a b=", "<!--", "<script>", "<script></script ", "<textarea>", "</", "<p>", "<table>", "<tr><td>", "<li>", "&#9", "<style", "=", '"', "'", "中\n", "<sup>1</sup>", "<td rowspan=9 colspan=9>", "<math>", "<ruby>a<rt>", "<option>", '<iframe srcdoc="', "<dt>a<dd>", "<h1>", "<pre>", '<a style="', "<input>"],
    "txt": [*MARKS, "- ", "Q: a\n", "问：a\n", "答：", "(1", "第1", "。", "a-\n", "2020-", "\u3000", "…", "a\n", "中\n"],
}
# fmt: on
MODULES = [
    *("detection", "encoding", "front_matter", "html", "html_inline", "html_list", "html_table", "markdown"),
    *("markdown_inline", "markdown_parts", "markup", "prose", "text"),
]
PATTERNS = [
    pytest.param(pattern, id=f"{name}.{attribute}")
    for name in MODULES
    for attribute, pattern in vars(importlib.import_module(f"shared.parsing.{name}")).items()
    if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, str)
]


@pytest.fixture(autouse=True)
def _without_garbage_collection() -> Iterator[None]:
    """The collector runs over all objects of the test process, which says nothing about the parser."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def grows_linearly(run: Callable[[str], object], unit: str) -> bool:
    """Whether ten times the text takes at most twelve times as long, in the best of a few tries."""
    least = {SMALL: float("inf"), LARGE: float("inf")}
    for _ in range(TRIES):
        for size in least:
            text = unit * (size // len(unit))
            began = time.process_time()
            run(text)
            least[size] = min(least[size], time.process_time() - began)
        if least[LARGE] <= MOST_GROWTH * max(least[SMALL], LEAST_SECONDS):
            return True
    return False


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_takes_more_than_linear_time(pattern: re.Pattern[str]) -> None:
    for unit in dict.fromkeys(chain.from_iterable(UNITS.values())):
        assert grows_linearly(lambda text: sum(1 for _ in pattern.finditer(text)), unit), unit
        assert grows_linearly(pattern.fullmatch, unit), unit


@pytest.mark.parametrize(("suffix", "unit"), [(suffix, unit) for suffix, units in UNITS.items() for unit in units])
def test_no_parser_takes_more_than_linear_time(tmp_path: Path, suffix: str, unit: str) -> None:
    path = tmp_path / f"a.{suffix}"

    def read(text: str) -> None:
        path.write_text(text)
        try:
            for _ in parse(path, path.name, Limits()).blocks:
                pass
        except DocumentError:
            pass  # a refusal is quick enough too

    assert grows_linearly(read, unit)
