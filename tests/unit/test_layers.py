"""Imports point one way: no room imports upwards, no two rooms import each other, each SDK is imported in one file."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
# From the first room, which imports nothing of ours, to the last. Rooms of one row do not import each other.
ROWS = (
    ("shared.domain",),
    ("shared.runtime", "shared.language"),
    ("shared.embedding", "shared.parsing", "shared.store"),
    ("shared.ingestion", "shared.records", "shared.retrieval"),
    ("shared.migration",),
    ("functions.embed", "functions.ingest", "functions.search"),
    ("ops",),
    ("local",),
)
# The packages of a vendor, and the files that may import them.
VENDORS = {
    "dashscope": ("shared/embedding/dashscope.py",),
    "pymilvus": ("shared/store/",),
    "grpc": ("shared/store/",),
    "alibabacloud_oss_v2": ("shared/ingestion/bucket.py",),
}
# The emulators of `local` use the vendors' packages too.
DEPLOYED = ("shared", "functions")


class Import(NamedTuple):
    """One import: of which module, in which file, on which line."""

    file: str
    line: int
    module: str


def read_imports(root: Path, folders: tuple[str, ...]) -> list[Import]:
    """All imports, those inside functions and for type checkers included; ``from a import b`` counts as ``a.b``."""
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            file = path.relative_to(root).as_posix()
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found += [Import(file, node.lineno, name.name) for name in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found += [Import(file, node.lineno, f"{node.module}.{name.name}") for name in node.names]
    return found


def row_of(module: str) -> int | None:
    """The row of the room a module belongs to."""
    return next((i for i, row in enumerate(ROWS) for room in row if is_in(module, room)), None)


def room_of(module: str) -> str:
    return next((room for row in ROWS for room in row if is_in(module, room)), "")


def is_in(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def module_of(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def upward(imports: list[Import]) -> list[str]:
    wrong = []
    for each in imports:
        importer, imported = row_of(module_of(each.file)), row_of(each.module)
        if importer is None or imported is None:
            continue
        is_sideways = imported == importer and room_of(module_of(each.file)) != room_of(each.module)
        if imported > importer or is_sideways:
            wrong.append(f"{each.file}:{each.line} imports {each.module}")
    return wrong


def outside(imports: list[Import]) -> list[str]:
    return [
        f"{each.file}:{each.line} imports {each.module}"
        for each in imports
        for vendor, files in VENDORS.items()
        if is_in(each.module, vendor) and not each.file.startswith(files)
    ]


IMPORTS = read_imports(ROOT, ("shared", "functions", "local", "ops"))


def test_every_room_has_its_row() -> None:
    rooms = {f"shared.{path.parent.name}" for path in (ROOT / "shared").glob("*/__init__.py")}
    assert rooms == {room for row in ROWS for room in row if room.startswith("shared.")}


def test_the_rooms_are_those_that_the_docstring_of_shared_lists() -> None:
    docstring = ast.get_docstring(ast.parse((ROOT / "shared/__init__.py").read_text("utf-8"))) or ""
    for row in ROWS:
        for room in row:
            if room.startswith("shared."):
                assert room.removeprefix("shared.") in docstring.split()


def test_no_room_imports_upwards_or_sideways() -> None:
    assert upward(IMPORTS) == []


def test_no_vendor_is_imported_outside_its_file() -> None:
    assert outside([each for each in IMPORTS if each.file.startswith(DEPLOYED)]) == []


def test_the_time_is_read_from_the_clock() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "shared").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("time.time", "time.sleep", "datetime.now")
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("shared/domain/models.py", "from shared.runtime import clock"),
        ("shared/runtime/auth.py", "from shared.store.expressions import among"),
        ("shared/records/writing.py", "import shared.ingestion.bucket"),
        ("shared/store/client.py", "def f():\n    from functions.search.app import app"),
        ("functions/embed/app.py", "from functions import search"),
    ],
)
def test_an_import_upwards_or_sideways_is_found(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(line)
    assert len(upward(read_imports(tmp_path, ("shared", "functions")))) == 1


@pytest.mark.parametrize(
    "line", ["import dashscope", "from dashscope.embeddings import TextEmbedding", "import grpc.aio"]
)
def test_a_vendor_outside_its_file_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/other.py").write_text(line)
    assert len(outside(read_imports(tmp_path, ("shared",)))) == 1
