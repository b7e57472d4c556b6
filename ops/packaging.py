"""Builds ``build/<function>``: the function, the part of ``shared`` it imports, and its locked dependencies.

What belongs in a package is read from the import statements, starting at ``functions/<name>/app.py``, without running
anything: so imports that wait inside a function for their first use count too. The paths inside a package are those of
the repository, so that tests import what is deployed. Dependencies lie in ``python/``, fetched as wheels for the
runtime (x86-64, glibc of Debian 12, Python 3.11) whatever machine builds them, each checked against its hash.
"""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

OUR_PACKAGES: Final = ("functions", "shared")
# pip takes a wheel for any of these; Debian 12 has glibc 2.36.
PLATFORMS: Final = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")
PYTHON: Final = "3.11"
_CACHES: Final = ("__pycache__", "*.pyc")


class PackagingError(RuntimeError):
    """A package cannot be built; the message says which and why."""


@dataclass(frozen=True)
class Package:
    """What was built.

    Attributes:
        files: how many files lie in ``folder``.
        size: their bytes, unpacked.
    """

    folder: Path
    files: int
    size: int


def build(root: Path, functions: Sequence[str] = ()) -> Iterator[Package]:
    """Build the packages of ``functions`` (all, if none is named) below ``root/build``, replacing what lies there.

    Raises:
        PackagingError: a function that does not exist, an import that cannot be followed, or a failed install.
    """
    for name in functions or sorted(path.parent.name for path in root.glob("functions/*/app.py")):
        folder = root / "build" / name
        shutil.rmtree(folder, ignore_errors=True)
        stage(root, name, folder)
        _install(root / "functions" / name / "requirements.txt", folder / "python")
        yield _measured(folder)


def stage(root: Path, name: str, folder: Path) -> None:
    """Copy our own code of the function ``name`` into ``folder``: its directory, and the modules it imports.

    Raises:
        PackagingError: there is no such function, or a module it imports does not exist.
    """
    own = root / "functions" / name
    if not (own / "app.py").is_file():
        raise PackagingError(f"there is no function {name}: {own / 'app.py'} does not exist")
    shutil.copytree(own, folder / "functions" / name, ignore=shutil.ignore_patterns(*_CACHES, "requirements.txt"))
    for module in modules(root, name):
        target = folder / module.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(module, target)


def modules(root: Path, name: str) -> list[Path]:
    """The files of ``functions`` and ``shared`` that the function's app needs, found through its imports.

    ``shared.serving`` is always among them: gunicorn reads it, nothing imports it.

    Raises:
        PackagingError: an import of ours that leads nowhere.
    """
    found: dict[str, Path] = {}
    waiting = [f"functions.{name}.app", "shared.serving"]
    while waiting:
        module = waiting.pop()
        if module in found:
            continue
        path = _file(root, module)
        if path is None:
            raise PackagingError(f"functions.{name} needs {module}, which does not exist")
        found[module] = path
        waiting += _imports(root, module, path)
    return sorted(found.values())


def _imports(root: Path, module: str, path: Path) -> Iterator[str]:
    """The modules of ours that ``module`` needs: what it imports, and every package above that."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _running(ast.parse(path.read_text("utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = list(_imported_from(root, package, node))
        elif isinstance(node, ast.Call):
            names = list(_imported_by_call(root, module, node))
        else:
            continue
        yield from (above for name in names if name.split(".")[0] in OUR_PACKAGES for above in _with_parents(name))
    yield from _with_parents(package)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """``node`` and all below it, but what stands there for type checkers alone."""
    yield node
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
            children: Iterable[ast.AST] = otherwise
        case _:
            children = ast.iter_child_nodes(node)
    for child in children:
        yield from _running(child)


def _imported_from(root: Path, package: str, node: ast.ImportFrom) -> Iterator[str]:
    """``from a import b`` needs ``a``, and ``a.b`` if that is a module."""
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    base = ".".join((*above, *([node.module] if node.module else [])))
    yield base
    yield from (f"{base}.{alias.name}" for alias in node.names if _file(root, f"{base}.{alias.name}"))


def _imported_by_call(root: Path, module: str, call: ast.Call) -> Iterator[str]:
    """``import_module("a.b")`` needs ``a.b``; a name put together, ``f"a.{x}"``, may mean anything in ``a``."""
    if "import_module" not in (getattr(call.func, "id", ""), getattr(call.func, "attr", "")) or not call.args:
        return
    match call.args[0]:
        case ast.Constant(value=str(name)):
            yield name
        case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]) if start.endswith("."):
            folder = root.joinpath(*start.rstrip(".").split("."))
            yield from (f"{start}{file.stem}" for file in sorted(folder.glob("*.py")) if file.stem != "__init__")
        case _:
            raise PackagingError(f"{module} imports a name that only running it tells: begin it with its package")


def _with_parents(module: str) -> Iterator[str]:
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))


def _file(root: Path, module: str) -> Path | None:
    path = root.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _install(requirements: Path, target: Path) -> None:
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    installed = subprocess.run(  # noqa: S603  # our own interpreter, no outside input
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
            *("--require-hashes", "--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"),
            *platforms,
            *("--target", str(target), "--requirement", str(requirements)),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if installed.returncode:
        reason = next(iter(reversed(installed.stderr.strip().splitlines())), "pip said nothing")
        raise PackagingError(f"{requirements} cannot be installed: {reason}")
    # Console scripts point at the building machine's Python, and nothing calls them.
    shutil.rmtree(target / "bin", ignore_errors=True)
    for cache in target.rglob("__pycache__"):
        shutil.rmtree(cache)


def _measured(folder: Path) -> Package:
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return Package(folder, len(sizes), sum(sizes))
