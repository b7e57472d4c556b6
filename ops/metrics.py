"""Sizes of the code: what `make metrics` prints.

    python -m ops.metrics

For each room its files, lines, module sizes and function lengths; then the figures that have a target, as a table and
as one JSON line. It ends with status 1 if a figure misses its target.
"""

from __future__ import annotations

import ast
import json
import math
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table

from ops.printing import make_console

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

ROOT = Path(__file__).parents[1]
_PACKAGES = ("shared", "functions", "ops", "local", "benchmarks")
# From the first room, which imports nothing of ours, to the last; see the docstring of `shared`.
_LAYERS = (
    ("shared.domain",),
    ("shared.runtime", "shared.language"),
    ("shared.embedding", "shared.parsing", "shared.store"),
    ("shared.ingestion", "shared.records", "shared.retrieval"),
    ("functions",),
    ("ops",),
    ("local",),
)
_REASON = "Longer than 300 lines because"
_MAX_MODULE_LINES, _MAX_MEDIAN_LINES, _MAX_FUNCTION_LINES = 300, 100, 25


class Module(NamedTuple):
    """A source file.

    Attributes:
        name: its dotted name, such as ``shared.domain.models``.
        room: ``shared.<room>``, or the top-level package.
        functions: the lines of each function, the signature and the docstring included.
        imports: dotted names, those inside functions included.
        has_reason: whether its docstring says why it is longer than allowed.
    """

    name: str
    room: str
    lines: int
    functions: tuple[int, ...]
    imports: frozenset[str]
    has_reason: bool


class Figure(NamedTuple):
    """A measured value and its target."""

    name: str
    value: float
    unit: str
    target: str
    held: bool


def read_module(path: Path, root: Path) -> Module:
    """Measure one file."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
    parts = name.split(".")
    room = ".".join(parts[:2]) if parts[0] == "shared" and len(parts) > 1 else parts[0]
    functions = tuple(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    has_reason = _REASON in (ast.get_docstring(tree) or "")
    return Module(name, room, text.count("\n"), functions, frozenset(_imports(tree)), has_reason)


def read_modules(root: Path, packages: Iterable[str] = _PACKAGES) -> list[Module]:
    """Measure all files of the packages."""
    return [read_module(path, root) for package in packages for path in sorted((root / package).rglob("*.py"))]


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def count_upward_imports(modules: Iterable[Module]) -> int:
    """Imports of a room above, or of another room of the same layer."""
    levels = {room: level for level, layer in enumerate(_LAYERS) for room in layer}
    count = 0
    for module in modules:
        for name in module.imports:
            room = _room_of(name, levels)
            if module.room in levels and room and room != module.room:
                count += levels[room] >= levels[module.room]
    return count


def find_cycles(modules: Iterable[Module]) -> list[tuple[str, ...]]:
    """Groups of modules that import each other, directly or through others."""
    by_name = {module.name: module for module in modules}
    graph = {name: set(_targets(module, by_name)) - {name} for name, module in by_name.items()}
    reach = {name: _reach(name, graph) for name in graph}
    groups = {tuple(sorted(other for other in reach[name] if name in reach[other])) for name in graph}
    return sorted(group for group in groups if group)


def _targets(module: Module, names: Iterable[str]) -> Iterator[str]:
    for imported in module.imports:
        parent = imported.rpartition(".")[0]
        if target := next((name for name in (imported, parent) if name in names), ""):
            yield target


def _reach(start: str, graph: dict[str, set[str]]) -> set[str]:
    """What ``start`` imports, directly or through others."""
    found: set[str] = set()
    left = [start]
    while left:
        new = graph[left.pop()] - found
        found |= new
        left += new
    return found


def _room_of(name: str, rooms: Iterable[str]) -> str:
    return next((room for room in rooms if name == room or name.startswith(f"{room}.")), "")


def _p90(values: Sequence[int]) -> int:
    return sorted(values)[math.ceil(len(values) * 0.9) - 1] if values else 0


def _tabulate(modules: Sequence[Module]) -> Table:
    table = Table(title="sizes, in lines")
    columns = (
        "room",
        "files",
        "lines",
        "module median",
        "max",
        "function median",
        "p90",
        f"over {_MAX_FUNCTION_LINES}",
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "room" else "right", no_wrap=column == "room")
    for room in sorted({module.room for module in modules}):
        own = [module for module in modules if module.room == room]
        lines, functions = [module.lines for module in own], [length for module in own for length in module.functions]
        middle = f"{median(functions):g}" if functions else "-"
        too_long = sum(length > _MAX_FUNCTION_LINES for length in functions)
        cells = (len(own), sum(lines), f"{median(lines):g}", max(lines), middle, _p90(functions), too_long)
        table.add_row(room, *map(str, cells))
    return table


def _measure(modules: Sequence[Module], tests: Sequence[Module]) -> Iterator[Figure]:
    lines = [module.lines for module in modules if module.lines]
    functions = [length for module in modules for length in module.functions]
    unexplained = [module for module in modules if module.lines > _MAX_MODULE_LINES and not module.has_reason]
    yield _at_most("module median", median(lines), "lines", _MAX_MEDIAN_LINES)
    yield _at_most(
        "longest module without a reason", max((m.lines for m in modules if not m.has_reason), default=0),
        "lines", _MAX_MODULE_LINES,
    )  # fmt: skip
    yield _at_most("modules over 300 lines without a reason", len(unexplained), "modules", 0)
    yield _at_most("function p90", _p90(functions), "lines", _MAX_FUNCTION_LINES)
    yield _at_most("upward imports", count_upward_imports(modules), "imports", 0)
    yield _at_most("import cycles", len(find_cycles(modules)), "cycles", 0)
    yield Figure("tests per line of source", sum(m.lines for m in tests) / max(1, sum(lines)), "lines", "", held=True)


def _at_most(name: str, value: float, unit: str, bound: float) -> Figure:
    return Figure(name, value, unit, f"at most {bound:g}", value <= bound)


def main() -> int:
    """Print the sizes and the figures."""
    modules, tests = read_modules(ROOT), read_modules(ROOT, ("tests",))
    console = make_console()
    console.print(_tabulate([*modules, *tests]))
    for module in modules:
        if module.lines > _MAX_MODULE_LINES:
            reason = "its docstring says why" if module.has_reason else "no reason given"
            console.print(f"{module.name}: {module.lines} lines, {reason}", highlight=False)
    for cycle in find_cycles(modules):
        console.print(f"import cycle: {' <-> '.join(cycle)}", highlight=False)
    figures = list(_measure([module for module in modules if module.room != "benchmarks"], tests))
    table = Table("measured", "value", "unit", "target", "held", title="metrics")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:,.2f}", figure.unit, figure.target, "yes" if figure.held else "NO")
    console.print(table)
    print(json.dumps({"benchmark": "metrics", "figures": [figure._asdict() for figure in figures]}), flush=True)
    return 0 if all(figure.held for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
