"""A disk counts as full while a small part of it is still free, so that a write that has begun can end."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

from local.disk import explain_shortage

if TYPE_CHECKING:
    from pathlib import Path

MEBIBYTE = 1 << 20


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(
    ("total", "free", "is_full"),
    [
        (100_000, 31, True),
        (100_000, 33, False),
        (64, 1, True),
        (64, 2, False),
        (64, 0, True),
    ],
    ids=["a large disk", "a large disk with room", "a small disk", "a small disk with room", "nothing free"],
)
def test_a_disk_is_full_before_nothing_is_free(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, total: int, free: int, is_full: bool
) -> None:
    used = Usage(total * MEBIBYTE, (total - free) * MEBIBYTE, free * MEBIBYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: used)
    found = explain_shortage([tmp_path])
    assert bool(found) == is_full
    assert (str(tmp_path) in found) == is_full


def test_a_folder_that_is_gone_is_not_a_full_disk(tmp_path: Path) -> None:
    assert explain_shortage([tmp_path / "gone"]) == ""
