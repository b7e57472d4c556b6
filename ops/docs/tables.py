"""Tables of Markdown pages that a marker names: their rows are read, and written again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    Rows = list[list[str]]

# What a person still has to write. No page may keep it.
TODO: Final = "TODO"

_TABLE: Final = re.compile(r"^<!-- table: (\w+) (\w+) -->\n(\|.*\n\|[-| ]+\|\n)((?:\|.*\n)*)", re.MULTILINE)
_BORDER: Final = re.compile(r"(?<!\\)\|")


class TableWriter(Protocol):
    """Writes the tables of one kind."""

    def rows(self, name: str, written: Rows, page: Rows) -> Rows:
        """The rows of a table.

        Args:
            name: what the marker calls the table.
            written: its rows as they stand on the page.
            page: the rows of all tables of this kind on the page.
        """


def read_rows(text: str, kind: str, name: str = "") -> Rows:
    """Rows of the page's tables of a kind; of one of them, if ``name`` is given."""
    found = [match for match in _TABLE.finditer(text) if match[1] == kind and match[2] in (name, name or match[2])]
    return [row for match in found for row in _split(match[4])]


def read_names(text: str, kind: str) -> list[str]:
    """Names of the page's tables of a kind."""
    return [match[2] for match in _TABLE.finditer(text) if match[1] == kind]


def rewrite(text: str, writers: Mapping[str, TableWriter]) -> str:
    """The page with every marked table as its writer wants it."""

    def replace(match: re.Match[str]) -> str:
        kind, name, head, body = match.groups()
        rows = writers[kind].rows(name, _split(body), read_rows(text, kind))
        lines = "".join(f"| {' | '.join(cells)} |\n" for cells in rows).replace("|  |", "| |")
        return f"<!-- table: {kind} {name} -->\n{head}{lines}"

    return _TABLE.sub(replace, text)


def code(text: str) -> str:
    """A cell's text as code."""
    return f"`{text}`"


def plain(cell: str) -> str:
    """A cell's text without marks of code."""
    return cell.replace("`", "").strip()


def _split(body: str) -> Rows:
    return [[cell.strip() for cell in _BORDER.split(line)[1:-1]] for line in body.splitlines()]
