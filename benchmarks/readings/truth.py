"""What a generated document holds, and what must therefore come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# A label is text, several texts (a header of two rows), or none where the table has no header.
Label = str | tuple[str, ...] | None
# Cells of a row with their labels. The first identifies the row: its value occurs nowhere else.
Row = tuple[tuple[Label, str], ...]


@dataclass(frozen=True)
class Truth:
    """What a person sees in a document.

    Attributes:
        words: texts that must be found, each as often as it is seen.
        allowed: texts that may come out too: labels, sheet names, raw values.
        sentences: in reading order, no two alike.
        rows: table rows and records.
        is_repeating: whether words may come out more often than they are seen, as labels in front of each value do.
    """

    words: tuple[str, ...]
    allowed: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    is_repeating: bool = False


@dataclass(frozen=True)
class Sample:
    """A generated file.

    Attributes:
        kind: format and what is special about it, such as ``docx: merged cells``.
    """

    name: str
    kind: str
    content: bytes
    truth: Truth


@dataclass(frozen=True)
class Table:
    """A header and rows; an empty cell is an empty string."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def cells(self) -> tuple[tuple[str, ...], ...]:
        """Header and rows."""
        return (self.header, *self.rows)

    def truth(self, *around: str, sentences: tuple[str, ...] = ()) -> Truth:
        """What must come out, with the texts that stand around the table."""
        words = (*around, *sentences, *self.header, *(cell for row in self.rows for cell in row))
        return Truth(words, sentences=sentences, rows=self.records(), is_repeating=True)

    def records(self, labels: Iterable[Label] | None = None) -> tuple[Row, ...]:
        """The rows with their labels; cells that are empty say nothing."""
        named = tuple(labels) if labels is not None else self.header
        return tuple(tuple(pair for pair in zip(named, row, strict=True) if pair[1]) for row in self.rows)


def read_prose(*sentences: str, allowed: tuple[str, ...] = ()) -> Truth:
    """The truth of a document that holds ``sentences`` in this order and nothing else."""
    return Truth(sentences, allowed, sentences)
