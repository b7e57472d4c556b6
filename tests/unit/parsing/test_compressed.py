"""Files compressed as a whole by gzip, under the name of what is inside."""

from __future__ import annotations

import gzip
import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from shared import parsing
from shared.domain.disk import FullDiskError
from shared.domain.errors import DocumentError
from shared.parsing.limits import Limits
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from pathlib import Path

PAGE = b"<!doctype html><html><body><h1>Tides</h1><p>The flood begins at six.</p></body></html>"


def read(path: Path, key: str, content: bytes, limits: Limits = Limits()) -> tuple[str, list[str]]:  # noqa: B008 - frozen
    path.write_bytes(content)
    found = parsing.parse_bounded(path, key, limits, Deadline.after(60))
    return found.format, [block.text for block in found.blocks]


@pytest.mark.parametrize("key", ["tides.html", "tides.HTM"])
def test_a_compressed_file_is_read_as_what_is_inside(tmp_path: Path, key: str) -> None:
    assert read(tmp_path / "object", key, gzip.compress(PAGE)) == read(tmp_path / "object", key, PAGE)


def test_parts_compressed_one_after_the_other_are_all_read(tmp_path: Path) -> None:
    whole = gzip.compress(b"The flood begins. ") + gzip.compress(b"The ebb follows.")
    assert read(tmp_path / "object", "a.txt", whole) == ("txt", ["The flood begins. The ebb follows."])


@pytest.mark.parametrize("key", ["tides.gz", "tides.tgz", "tides"])
def test_an_archive_by_its_own_name_stays_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(DocumentError, match="gzip archive"):
        read(tmp_path / "object", key, gzip.compress(PAGE))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (gzip.compress(PAGE)[:-12], "broken_file"),
        (gzip.compress(PAGE)[:20] + bytes(40), "broken_file"),
        (gzip.compress(bytes(3 << 20)), "too_large"),
        (gzip.compress(gzip.compress(PAGE)), "format_mismatch"),
        (gzip.compress(b""), "empty_document"),
    ],
    ids=["cut", "spoilt", "bomb", "twice", "empty"],
)
def test_what_is_no_file_inside_is_refused_by_name(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read(tmp_path / "object", "tides.html", content, Limits(max_unpacked_bytes=1 << 20))
    assert refused.value.code == code


def test_the_text_of_a_compressed_file_is_bounded_by_its_compressed_size(tmp_path: Path) -> None:
    limits = Limits(min_characters=1_000)
    content = gzip.compress(b"The flood begins at six. \n\n" * 20_000)
    _, texts = read(tmp_path / "object", "a.txt", content, limits)
    assert sum(map(len, texts)) <= max(limits.min_characters, limits.characters_per_byte * len(content))


@pytest.mark.parametrize("size", [10, 1 << 20], ids=["at its end", "at once"])
def test_a_full_disk_says_nothing_about_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    path = tmp_path / "object"
    path.write_bytes(gzip.compress(os.urandom(size)))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "wb"))  # noqa: PTH123, SIM115
    with pytest.raises(FullDiskError):
        parsing.parse(path, "a.txt")
