"""The list of safeguards is true: what it names is there. `make safeguards` takes each out and sees a test turn red."""

from __future__ import annotations

import ast

import pytest

from tests.safeguards import ROOT, SAFEGUARDS, Safeguard


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda one: one.name)
def test_a_safeguard_stands_where_the_list_says_and_its_removal_is_python(safeguard: Safeguard) -> None:
    assert safeguard.times_found(ROOT) == 1, safeguard.lost()
    ast.parse((ROOT / safeguard.file).read_text("utf-8").replace(safeguard.text, safeguard.without))


def test_the_tests_that_guard_are_there() -> None:
    named = {test for one in SAFEGUARDS for test in one.tests}
    missing = [
        test for test in named if f"def {_function(test)}(" not in (ROOT / test.split("::")[0]).read_text("utf-8")
    ]
    assert missing == []


def _function(test: str) -> str:
    return test.split("::")[1].partition("[")[0]
