"""Jupyter notebooks: the cells in order; text as Markdown, code and what it printed as code."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

from shared.domain.models import ParsedDocument
from shared.parsing import markdown
from shared.parsing.cut_json import complete
from shared.parsing.encoding import clean, decode_whole
from shared.parsing.refusing import refuse, report_cut
from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

# A fence longer than any that a cell has.
_FENCE = "~" * 24
_LONGEST_OUTPUT_CHARACTERS = 20_000
_OUTPUT_WARNING = f"Outputs of cells beyond {_LONGEST_OUTPUT_CHARACTERS:,} characters were left out."


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a notebook.

    Raises:
        DocumentError: ``broken_file``, ``too_deep``, ``too_large``.
    """
    warnings: list[str] = []
    notebook = _load(decode_whole(path, limits.max_whole_bytes, records=True), warnings)
    written = "\n\n".join(_write(cell, warnings) for cell in _cells(notebook))
    return ParsedDocument("", _blocks(clean(written), limits, warnings), warnings=warnings)


def _load(text: str, warnings: list[str]) -> object:
    """The notebook; of a file that was cut off, what is left."""
    try:
        with suppress(ValueError):
            return json.loads(text)
        with suppress(ValueError):
            notebook = json.loads(complete(text))
            report_cut(warnings)
            return notebook
    except RecursionError:
        raise refuse("too_deep", "The notebook nests its values too deeply to be read.") from None
    raise refuse("broken_file", "The file is not valid JSON.")


def _blocks(text: str, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    data = text.encode()
    with closing(TemporaryCopy([data], len(data))) as copy:
        document = markdown.parse(copy.path, limits)
        yield from document.blocks
        warnings += document.warnings


def _cells(notebook: object) -> Iterator[dict[str, Any]]:
    """The cells; notebooks before version 4 have them in worksheets."""
    if not isinstance(notebook, dict):
        raise refuse("format_mismatch", "The name says that this is a notebook, but it has no cells.")
    sheets = notebook.get("worksheets")
    holders = [notebook, *(sheets if isinstance(sheets, list) else ())]
    for holder in holders:
        cells = holder.get("cells") if isinstance(holder, dict) else None
        yield from (cell for cell in cells if isinstance(cell, dict)) if isinstance(cells, list) else ()


def _write(cell: dict[str, Any], warnings: list[str]) -> str:
    """A cell as Markdown."""
    source = _text(cell.get("source", cell.get("input", "")))
    kind = cell.get("cell_type")
    if kind == "heading":
        level = cell.get("level")
        return f"{'#' * (level if isinstance(level, int) and 0 < level < 7 else 1)} {' '.join(source.split())}"
    if kind in ("markdown", "html"):
        return source
    outputs = cell.get("outputs")
    printed = "\n".join(map(_output, outputs)) if isinstance(outputs, list) else ""
    if len(printed) > _LONGEST_OUTPUT_CHARACTERS:
        warnings += [] if _OUTPUT_WARNING in warnings else [_OUTPUT_WARNING]
        printed = printed[:_LONGEST_OUTPUT_CHARACTERS]
    return "\n\n".join(f"{_FENCE}\n{text}\n{_FENCE}" for text in (source, printed) if text.strip())


def _output(output: object) -> str:
    """What a cell printed or returned; pictures and pages are left out."""
    if not isinstance(output, dict):
        return ""
    data = output.get("data")
    plain = data.get("text/plain") if isinstance(data, dict) else None
    if output.get("output_type") in ("error", "pyerr"):
        return f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
    return _text(output.get("text", plain))


def _text(value: object) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
