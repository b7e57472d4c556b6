"""The sheets of a workbook one after the other, whether its parts are XML or binary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shared.domain.models import Block
    from shared.parsing.archive import Archive
    from shared.parsing.workbook import Sheet


def read_sheets(
    archive: Archive, sheets: Iterable[Sheet], read: Callable[[Sheet], Iterator[Block]], warnings: list[str]
) -> Iterator[Block]:
    """What ``read`` finds on each sheet that the file holds, then what is drawn on it; closes the file."""
    with archive:
        for sheet in sheets:
            if archive.report_missing(sheet.part):
                continue
            with archive.surviving_damage(sheet.part):
                yield from read(sheet)
            # Imported here: most workbooks hold cells only.
            from shared.parsing.sheetdrawing import read_drawings

            yield from read_drawings(archive, sheet, warnings)
