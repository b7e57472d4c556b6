"""How much a run of the tests tries: everything, or with ``TEST_PROFILE=fast`` the part a developer waits for.

Examples of hypothesis are the same in every run, so that no result depends on chance.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterable

Item = TypeVar("Item")

_FAST = "fast"
_FEW = 20
# Of so many cases the fast profile tries one.
_SAMPLED = 20

settings.register_profile("full", derandomize=True, database=None, deadline=None)
settings.register_profile(_FAST, settings.get_profile("full"), max_examples=_FEW)


def profile() -> str:
    """The name of the profile in force: ``full`` or ``fast``."""
    return os.environ.get("TEST_PROFILE") or "full"


def examples(full: int) -> int:
    """The number of examples to try instead of ``full``."""
    return min(full, _FEW) if profile() == _FAST else full


def histories(full: int) -> int:
    """The number of simulated histories to try instead of ``full``; ``SIMULATION_SEEDS`` in the environment sets it."""
    return int(os.environ.get("SIMULATION_SEEDS") or (full // 100 if profile() == _FAST else full))


def sample(cases: Iterable[Item]) -> list[Item]:
    """All cases, or with the fast profile some of them, for tests that measure time or have very many cases."""
    return list(cases)[_SAMPLED // 2 :: _SAMPLED] if profile() == _FAST else list(cases)


# For tests of seconds: of large files, and of what is ended by a limit of time or memory.
slow = pytest.mark.skipif(profile() == _FAST, reason="takes seconds; make test runs it")
