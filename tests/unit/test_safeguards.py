"""The lists of safeguards and faults are true: what they name is there.

`make safeguards` takes each safeguard out and sees a test turn red.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from tests.safeguards import ROOT, SAFEGUARDS, Safeguard

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda one: one.name)
def test_a_safeguard_stands_where_the_list_says_and_its_removal_is_python(safeguard: Safeguard) -> None:
    assert safeguard.times_found(ROOT) == 1, safeguard.lost()
    ast.parse((ROOT / safeguard.file).read_text("utf-8").replace(safeguard.text, safeguard.without))


def test_the_tests_that_guard_are_there() -> None:
    named = {test.partition("[")[0] for one in SAFEGUARDS for test in one.tests}
    assert named - {f"{file.relative_to(ROOT)}::{name}" for file, name in _tests()} == set()


def test_the_tests_that_the_list_of_faults_names_are_there() -> None:
    named = set(re.findall(r"\btest_\w+", (ROOT / "docs/faults.md").read_text("utf-8")))
    assert named - {name for _, name in _tests()} == set()


def _tests() -> Iterator[tuple[Path, str]]:
    for file in ROOT.glob("tests/**/test_*.py"):
        for name in re.findall(r"^(?:    )?def (test_\w+)", file.read_text("utf-8"), re.MULTILINE):
            yield file, name
