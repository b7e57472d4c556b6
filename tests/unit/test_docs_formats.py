"""The page of formats lists the extensions and limits that the parsers have."""

from __future__ import annotations

import re

import pytest

from shared.parsing import FORMATS, Limits
from tests.pages import Page, nothing_missing, read

MEBIBYTE = 1 << 20


@pytest.fixture(params=["docs/formats.md", "docs/zh/formats.md"])
def page(request: pytest.FixtureRequest) -> Page:
    return read(request.param)


def test_every_extension_is_listed_and_no_other(page: Page) -> None:
    table = page.tables[0]
    nothing_missing(FORMATS, {name for row in table[1:] for name in re.findall(r"`(\w+)`", row[1])})


def test_what_is_read_is_described_for_every_format(page: Page) -> None:
    described = {name for row in page.tables[1][1:] for name in re.findall(r"`(\w+)`", row[0])}
    nothing_missing(FORMATS.values(), described)


def test_the_limits_are_those_of_the_code(page: Page) -> None:
    limits, text = Limits(), "\n".join(" | ".join(row) for row in page.tables[-1])
    for shown in (
        f"{limits.max_whole_bytes // MEBIBYTE} MiB",
        f"{limits.max_bytes / (1 << 30):g} GiB",
        f"{limits.characters_per_byte} ",
        f"{limits.min_characters:,}",
        f"{limits.max_characters:,}",
        f"{limits.max_pages:,}",
        f"{limits.max_rows:,}",
        f"{limits.max_unpacked_bytes // MEBIBYTE} MiB",
        f"{limits.max_members:,}",
        f"{limits.max_nesting}",
        f"{limits.max_memory_bytes // MEBIBYTE} MiB",
        f"{limits.max_seconds} ",
        f" {limits.seconds_per_mebibyte} ",
        f"{limits.max_line_characters:,}",
    ):
        assert shown in text
