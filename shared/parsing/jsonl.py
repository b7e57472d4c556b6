"""JSON lines: one record to a line, streamed.

Lines that are not JSON are left out with a warning, and so is a last line that is cut off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.domain.errors import DocumentError
from shared.domain.models import Location, ParsedDocument
from shared.parsing import json
from shared.parsing.cut_json import complete
from shared.parsing.encoding import lines
from shared.parsing.json_markup import show_markup
from shared.parsing.record import decode, make_block
from shared.parsing.refusing import refuse, report_cut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

# A file with more broken lines than this, and than twice its records, is refused before it is read to its end.
_MOST_BROKEN = 100
_MOST_NAMED = 10
# A list with one item on each line is read as its items.
_BRACKETS = frozenset({"[", "]", "],"})


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The records of a file; ``row`` is the number of the line, or of the record where records take several lines.

    Raises:
        DocumentError: while read: ``broken_file`` naming a line where most are not JSON, ``too_deep``, ``too_large``.
    """
    if _is_spread(path, limits):
        try:
            return json.parse(path, limits)
        except DocumentError as error:
            if error.code != "broken_file":
                raise
    warnings: list[str] = []
    return ParsedDocument("", _blocks(path, limits, warnings), warnings=warnings)


def _blocks(path: Path, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    faults = _Faults()
    for row, line in enumerate(lines(path, limits.max_line_characters, cut=False, records=True), start=1):
        if row > limits.max_rows:
            raise refuse("too_large", f"The file has more than {limits.max_rows} records.")
        if not line.strip() or line.strip() in _BRACKETS:
            continue
        try:
            value = _decode(line.strip())
        except ValueError:
            faults.add(row, line)
            continue
        faults.count_record()
        if "<" in line:
            value = show_markup(value, limits, warnings)
        yield make_block(value, Location(row=row), limits.max_nesting, warnings)
    faults.report(warnings)


def _is_spread(path: Path, limits: Limits) -> bool:
    """Whether the first record goes on after its line, in a file that may be read as a whole."""
    if path.stat().st_size > limits.max_whole_bytes:
        return False
    text = next((line.strip() for line in lines(path, limits.max_line_characters, cut=True) if line.strip()), "")
    if not text.startswith("{"):
        return False
    try:
        _decode(text)
    except ValueError:
        return True
    return False


def _decode(line: str) -> Any:
    """The value of a line, which may be one of a list's."""
    try:
        return decode(line.removesuffix(","))
    except ValueError:
        if line.startswith("["):
            return decode(line.removeprefix("[").removesuffix(","))
        if line.endswith("]"):
            return decode(line.removesuffix("]"))
        raise


class _Faults:
    """Counts the lines that are not JSON, and those that are."""

    def __init__(self) -> None:
        self._records = 0
        self._last = ""
        self._broken = 0
        self._rows: list[int] = []

    def add(self, row: int, line: str) -> None:
        """Count a broken line.

        Raises:
            DocumentError: ``broken_file`` when there are many, and far more than records.
        """
        self._broken += 1
        self._last = line
        if len(self._rows) < _MOST_NAMED:
            self._rows.append(row)
        if self._broken > max(_MOST_BROKEN, 2 * self._records):
            self._refuse_if_most()

    def count_record(self) -> None:
        """Count a line that is JSON."""
        self._records += 1
        self._last = ""

    def report(self, warnings: list[str]) -> None:
        """Add a warning for broken lines.

        Raises:
            DocumentError: ``broken_file`` when there are more than records.
        """
        self._refuse_if_most()
        if complete(self._last):
            report_cut(warnings)
            self._broken -= 1
            self._rows = self._rows[: self._broken]
        if self._broken:
            more = " and others" if self._broken > len(self._rows) else ""
            named = ", ".join(map(str, self._rows))
            warnings.append(f"Lines that are not valid JSON were left out: {self._broken} (line {named}{more}).")

    def _refuse_if_most(self) -> None:
        if self._broken > self._records:
            rest = ", nor are most other lines" if self._broken > 1 else ""
            raise refuse("broken_file", f"Line {self._rows[0]} is not valid JSON{rest}.")
