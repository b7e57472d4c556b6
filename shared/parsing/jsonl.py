"""JSON lines: one record to a line, streamed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import Location, ParsedDocument
from shared.parsing.encoding import lines
from shared.parsing.record import decode, make_block
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The records of a file; ``row`` is the number of the line.

    Raises:
        DocumentError: while read: ``broken_file`` naming the first line that is not JSON, ``too_deep``, ``too_large``.
    """
    warnings: list[str] = []
    return ParsedDocument("", _blocks(path, limits, warnings), warnings=warnings)


def _blocks(path: Path, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    for row, line in enumerate(lines(path, limits.max_line_characters, cut=False), start=1):
        if row > limits.max_rows:
            raise refuse("too_large", f"The file has more than {limits.max_rows} records.")
        if line.strip():
            yield make_block(_record(line, row), Location(row=row), limits.max_nesting, warnings)


def _record(line: str, row: int) -> object:
    try:
        return decode(line)
    except ValueError:
        raise refuse("broken_file", f"Line {row} is not valid JSON.") from None
