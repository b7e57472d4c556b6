"""Ruled tables of a PDF page: lines drawn on it, the cells between them, and the words in each cell."""

from __future__ import annotations

import ctypes
from bisect import bisect
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from shared.parsing.figures import is_figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from shared.parsing.pdf_turn import Turn
    from shared.parsing.pdf_words import Word

# fpdf_edit.h
_PATH: Final = 2
_LINE_TO: Final = 0
_MOST_OBJECTS: Final = 6_000
_MOST_PARTS: Final = 4_000
_MOST_RULES: Final = 600
_MOST_GRIDS: Final = 60
_MOST_COLUMNS: Final = 64
_MOST_ROWS: Final = 500
# Points: how thick a rule may be, how far two rules that meet may be apart, and how short one may be.
_THICK: Final = 2.5
NEAR: Final = 2.5
_SHORT: Final = 4.0
# A cell that holds most of a page is a frame around text.
_LARGEST_SHARE: Final = 0.6
_FRAME_WORDS: Final = 100
_FEWEST_FILLED: Final = 0.2
# How often a word may be in a table because of merged cells, on average; a form of boxes in boxes is no table.
_MOST_REPEATED: Final = 1.6
_LABEL_WORDS: Final = 8
_MOST_FORM_COLUMNS: Final = 8


class Rule(Struct, frozen=True):
    """A straight line: ``at`` is its y (its x, where it is vertical), ``start`` and ``end`` the other way.

    It may be the side of a box that is filled and has no line around it, such as a coloured cell.
    """

    at: float
    start: float
    end: float
    is_filled: bool = False


class Rules(Struct, frozen=True):
    """The lines of one page.

    Attributes:
        across, down: drawn lines, and the sides of boxes.
        drawn: those without the sides of boxes that are only filled, where there are both.
    """

    across: list[Rule] = []
    down: list[Rule] = []
    drawn: Rules | None = None


def read_rules(raw: Any, page: Any, turn: Turn) -> Rules:
    """The rules that are drawn on ``page``, by pdfium's API ``raw``, after ``turn``."""
    across: list[Rule] = []
    down: list[Rule] = []
    parts = 0
    for index in range(min(raw.FPDFPage_CountObjects(page), _MOST_OBJECTS)):
        shape = raw.FPDFPage_GetObject(page, index)
        if raw.FPDFPageObj_GetType(shape) != _PATH:
            continue
        is_filled = _is_filled(raw, shape)
        for line in _lines(raw, shape):
            parts += 1
            left, bottom, right, top = turn(*line)
            if top - bottom <= _THICK and right - left > _SHORT:
                across.append(Rule((bottom + top) / 2, left, right, is_filled))
            elif right - left <= _THICK and top - bottom > _SHORT:
                down.append(Rule((left + right) / 2, bottom, top, is_filled))
        if parts > _MOST_PARTS:
            break
    return Rules(_joined(across), _joined(down), _find_drawn(across, down))


def _find_drawn(across: list[Rule], down: list[Rule]) -> Rules | None:
    """The rules that are no sides of filled boxes, where both kinds are on the page."""
    lines, columns = ([rule for rule in rules if not rule.is_filled] for rules in (across, down))
    if not lines or not columns or len(lines) + len(columns) == len(across) + len(down):
        return None
    return Rules(_joined(lines), _joined(columns))


_Box = tuple[float, float, float, float]


def _bounds(raw: Any, shape: Any) -> _Box:
    edges = [ctypes.c_float() for _ in range(4)]
    if not raw.FPDFPageObj_GetBounds(shape, *map(ctypes.byref, edges)):
        return 0.0, 0.0, 0.0, 0.0
    left, bottom, right, top = (edge.value for edge in edges)
    return left, bottom, right, top


def _lines(raw: Any, shape: Any) -> Iterator[_Box]:
    """The boxes of the straight lines of a path; its own where it is a rule by itself."""
    left, bottom, right, top = _bounds(raw, shape)
    if min(right - left, top - bottom) <= _THICK:
        yield left, bottom, right, top
        return
    matrix = raw.FS_MATRIX()
    raw.FPDFPageObj_GetMatrix(shape, ctypes.byref(matrix))
    x, y = ctypes.c_float(), ctypes.c_float()
    start: tuple[float, float] | None = None
    first = (0.0, 0.0)
    for index in range(min(raw.FPDFPath_CountSegments(shape), _MOST_PARTS)):
        part = raw.FPDFPath_GetPathSegment(shape, index)
        raw.FPDFPathSegment_GetPoint(part, ctypes.byref(x), ctypes.byref(y))
        point = (
            matrix.a * x.value + matrix.c * y.value + matrix.e,
            matrix.b * x.value + matrix.d * y.value + matrix.f,
        )
        if raw.FPDFPathSegment_GetType(part) != _LINE_TO:
            first = point
        elif start is not None:
            yield _box(start, point)
        if raw.FPDFPathSegment_GetClose(part):
            yield _box(point, first)
        start = point


def _is_filled(raw: Any, shape: Any) -> bool:
    """Whether a path is a surface without a line around it; a thin one is a line."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    raw.FPDFPath_GetDrawMode(shape, ctypes.byref(fill), ctypes.byref(stroke))
    left, bottom, right, top = _bounds(raw, shape)
    return not stroke.value and min(right - left, top - bottom) > _THICK


def _box(one: tuple[float, float], other: tuple[float, float]) -> _Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1])


def _joined(rules: Iterable[Rule]) -> list[Rule]:
    """``rules`` with those in one line that touch as one."""
    joined: list[Rule] = []
    at = 0.0
    for rule in _aligned(sorted(rules, key=lambda rule: rule.at)):
        last = joined[-1] if joined else None
        if last is not None and rule.at == at and rule.start <= last.end + NEAR:
            joined[-1] = Rule(at, last.start, max(last.end, rule.end))
        else:
            joined.append(rule)
            at = rule.at
    return joined


def _aligned(rules: Sequence[Rule]) -> list[Rule]:
    """``rules``, in order of their place, with nearly equal places made equal; in order along each."""
    aligned: list[Rule] = []
    at = before = 0.0
    for number, rule in enumerate(rules):
        if not number or rule.at - before > NEAR:
            at = rule.at
        before = rule.at
        aligned.append(Rule(at, rule.start, rule.end))
    return sorted(aligned, key=lambda rule: (rule.at, rule.start))


class Grid(Struct):
    """Cells between rules: places of its lines from left to right and from bottom to top."""

    xs: list[float]
    ys: list[float]
    across: list[Rule]
    down: list[Rule]

    @property
    def box(self) -> _Box:
        """Left, lower, right and upper edge."""
        return self.xs[0], self.ys[0], self.xs[-1], self.ys[-1]

    def holds(self, x: float, y: float) -> bool:
        """Whether the point is within the grid."""
        left, bottom, right, top = self.box
        return left <= x <= right and bottom <= y <= top

    def regions(self) -> list[list[int]]:
        """For each row from the top and each column, the number of the cell it belongs to; merged cells share one."""
        columns, rows = len(self.xs) - 1, len(self.ys) - 1
        owner = list(range(columns * rows))
        across, down = _by_place(self.across), _by_place(self.down)
        for row in range(rows):
            top = rows - 1 - row
            middle = (self.ys[top] + self.ys[top + 1]) / 2
            for column in range(columns):
                here = row * columns + column
                if column and not _covers(down[self.xs[column]], middle):
                    owner[here] = owner[here - 1]
                elif row and not _covers(across[self.ys[top + 1]], (self.xs[column] + self.xs[column + 1]) / 2):
                    owner[here] = owner[here - columns]
        return [owner[row * columns : (row + 1) * columns] for row in range(rows)]

    def place(self, word: Word) -> tuple[int, int]:
        """Row from the top, and column, of ``word``."""
        column = bisect(self.xs, (word.left + word.right) / 2) - 1
        row = len(self.ys) - 1 - bisect(self.ys, word.middle)
        return min(max(row, 0), len(self.ys) - 2), min(max(column, 0), len(self.xs) - 2)

    def sort(self, words: Sequence[Word]) -> list[list[list[Word]]] | None:
        """``words`` by row and column, each cell that a merged one covers holding its words; None if it is no table."""
        regions = self.regions()
        cells: dict[int, list[Word]] = {}
        for word in words:
            row, column = self.place(word)
            cells.setdefault(regions[row][column], []).append(word)
        if not _is_table(regions, cells, len(words)):
            return None
        sorted_ = [[cells.get(number, []) for number in row] for row in regions]
        repeated = _count_repeated(regions, cells)
        return sorted_ if repeated <= _MOST_REPEATED * len(words) else None


def _count_repeated(regions: list[list[int]], cells: dict[int, list[Word]]) -> int:
    """How many words the rows have; a short label next to several rows, in one column, counts once."""
    # What reaches the right side of the table is the last value of a form, however wide.
    covered = Counter(
        number
        for row in regions
        for place, number in enumerate(row)
        if number != row[-1] or row.index(number) == place or len(row) > _MOST_FORM_COLUMNS
    )
    wide = Counter(number for column in zip(*regions, strict=True) for number in set(column))
    return sum(
        len(words) * (1 if wide[number] == 1 and _is_label(words) else covered[number])
        for number, words in cells.items()
    )


def _is_label(words: Sequence[Word]) -> bool:
    """Whether a cell is a short text; figures next to several rows are those of the bars of a chart."""
    return len(words) <= _LABEL_WORDS and not any(is_figure(word.text) for word in words)


def _by_place(rules: Iterable[Rule]) -> dict[float, list[Rule]]:
    found: dict[float, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.at, []).append(rule)
    return found


def _covers(rules: Sequence[Rule], point: float) -> bool:
    return any(rule.start <= point <= rule.end for rule in rules)


def _is_table(regions: list[list[int]], cells: dict[int, list[Word]], count: int) -> bool:
    largest = max(map(len, cells.values()), default=0)
    if largest > _FRAME_WORDS and largest > _LARGEST_SHARE * count:
        return False
    rows = sum(1 for row in regions if any(number in cells for number in row))
    columns = sum(1 for column in zip(*regions, strict=True) if any(number in cells for number in column))
    total = len({number for row in regions for number in row})
    return rows > 1 and columns > 1 and len(cells) > 2 and len(cells) >= _FEWEST_FILLED * total


def find_grids(rules: Rules) -> Iterator[Grid]:
    """Groups of rules that meet and make rows and columns."""
    if len(rules.across) > _MOST_RULES or len(rules.down) > _MOST_RULES:
        return
    left = list(rules.across)
    count = 0
    open_down = list(rules.down)
    while left and count < _MOST_GRIDS:
        across, down = [left.pop()], list[Rule]()
        for rule in across:
            met = [other for other in open_down if _meet(rule, other)]
            open_down = [other for other in open_down if not _meet(rule, other)]
            down += met
            reached = [other for other in left if any(_meet(other, one) for one in met)]
            left = [other for other in left if other not in reached]
            across += reached
        xs, ys = sorted({rule.at for rule in down}), sorted({rule.at for rule in across})
        if 3 <= len(xs) <= _MOST_COLUMNS + 1 and 3 <= len(ys) <= _MOST_ROWS + 1:
            count += 1
            yield Grid(xs, ys, across, down)


def _meet(across: Rule, down: Rule) -> bool:
    return across.start - NEAR <= down.at <= across.end + NEAR and down.start - NEAR <= across.at <= down.end + NEAR
