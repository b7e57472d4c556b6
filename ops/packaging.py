"""Builds ``build/<function>``: the function, the part of ``shared`` it imports, and what it needs of its lock.

What belongs in a package is read from the import statements, starting at ``functions/<name>/app.py``, without running
anything: so imports that wait inside a function for their first use count too. The paths inside a package are those of
the repository, so that tests import what is deployed. Dependencies lie in ``python/``; see `ops.wheels`. Beside each
folder lies the same as a zip. Two builds of the same sources are the same bytes, so that a package can be compared with
the one that was tested, and uploading it again changes nothing.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ops import wheels
from ops.deployment import EventBridgeTrigger, HttpTrigger
from shared.runtime.revision import REVISION_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ops.deployment import Deployment, Trigger

# Downloaded wheels, and what was made of them: the next build needs neither network nor compiler.
SHELF: Final = ".local/wheels"
OUR_PACKAGES: Final = ("functions", "shared")
# The lock of what TELEMETRY=1 adds to every package.
TELEMETRY: Final = "telemetry.txt"
# Only what this names is uploaded, whatever else may come to lie in the folder.
ALLOWED: Final = "/*\n!/functions/\n!/shared/\n!/python/\n"
_ONLY_FOR_EVENTS: Final = {"embed": ("pymilvus",)}
_CACHES: Final = ("__pycache__", "*.pyc")
# Zip knows no time before 1980; any fixed one makes equal builds equal.
_MOMENT: Final = (2020, 1, 1, 0, 0, 0)
_SECONDS: Final = 1_577_836_800
_FILE_MODE: Final = 0o100644
_REVISION_LENGTH: Final = 12


class PackagingError(RuntimeError):
    """A package cannot be built; the message says which and why."""


def unused(deployment: Deployment) -> dict[str, tuple[str, ...]]:
    """What a function's package can do without in this deployment, by function.

    Only events make embed write to Milvus. Without a trigger that brings some, its package is a third of the size.
    """
    return {
        name: _ONLY_FOR_EVENTS[name]
        for name, function in deployment.functions.items()
        if name in _ONLY_FOR_EVENTS and not any(map(_brings_events, function.triggers))
    }


def build_for(deployment: Deployment, environ: Mapping[str, str], functions: Sequence[str] = ()) -> Iterator[Package]:
    """Build what this deployment needs of ``functions``, in the project that is the present folder.

    Args:
        environ: ``TELEMETRY=1`` adds OpenTelemetry.

    Raises:
        PackagingError: as for ``build``.
    """
    telemetry = environ.get("TELEMETRY", "") not in ("", "0")
    return build(Path.cwd(), functions, unused(deployment), telemetry=telemetry)


def _brings_events(trigger: Trigger) -> bool:
    match trigger:
        case HttpTrigger():
            return False
        case EventBridgeTrigger(trigger_config=config):
            return config.trigger_enable
        case _:
            return True


@dataclass(frozen=True)
class Package:
    """What was built.

    Attributes:
        folder: what is deployed.
        archive: the same as a zip.
        files: how many files lie in ``folder``.
        size: their bytes, unpacked.
        revision: the digest of its files, which the function repeats at ``/healthz``.
    """

    folder: Path
    archive: Path
    files: int
    size: int
    revision: str

    @property
    def zipped(self) -> int:
        """Bytes of the zip, which is what a cold start fetches."""
        return self.archive.stat().st_size


def build(
    root: Path,
    functions: Sequence[str] = (),
    without: Mapping[str, Sequence[str]] | None = None,
    into: Path | None = None,
    *,
    telemetry: bool = False,
) -> Iterator[Package]:
    """Build the packages of ``functions`` (all, if none is named) below ``into``, replacing what lies there.

    Args:
        root: the project.
        functions: names of folders below ``functions``.
        without: by function, distributions that its part of the deployment has no use for.
        into: ``root/build``, if it is not given.
        telemetry: with OpenTelemetry, for those who collect spans.

    Raises:
        PackagingError: a function that does not exist, an import that cannot be followed, or a dependency that cannot
            be had.
    """
    wanted = functions or sorted(path.parent.name for path in root.glob("functions/*/app.py"))
    if not wanted:
        raise PackagingError(f"{root} holds no functions to build: run this in the folder of the project")
    for name in wanted:
        folder = (into or root / "build") / name
        shutil.rmtree(folder, ignore_errors=True)
        stage(root, name, folder)
        try:
            for package in OUR_PACKAGES:
                wheels.compile_all(folder / package, f"{wheels.CODE}/{package}")
            lock = wheels.needed(_lock(root / "functions" / name), (without or {}).get(name, ()))
            lock = wheels.joined(lock, _lock(root / "functions", TELEMETRY)) if telemetry else lock
            _add_dependencies(lock, root / SHELF, folder / "python")
        except wheels.WheelError as error:
            raise PackagingError(f"the dependencies of {name} cannot be installed: {error}") from error
        yield _finished(folder)


def _lock(folder: Path, name: str = "requirements.txt") -> str:
    try:
        return (folder / name).read_text("utf-8")
    except FileNotFoundError:
        raise PackagingError(f"{folder / name} does not exist: run make lock") from None


def _add_dependencies(lock: str, shelf: Path, target: Path) -> None:
    target.mkdir()
    for wheel in wheels.fetch(lock, shelf):
        shutil.copytree(wheels.prepared(wheel, shelf), target, dirs_exist_ok=True)


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
        if (data := module.with_suffix(".json")).is_file():  # the data of a module has its name
            shutil.copyfile(data, target.with_suffix(".json"))


def modules(root: Path, name: str) -> list[Path]:
    """The files of ``functions`` and ``shared`` that the function's app needs, found through its imports.

    ``shared.runtime.serving`` is always among them: gunicorn reads it, nothing imports it.

    Raises:
        PackagingError: an import of ours that leads nowhere.
    """
    found: dict[str, Path] = {}
    waiting = [f"functions.{name}.app", "shared.runtime.serving"]
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


def _finished(folder: Path) -> Package:
    """The folder with its allow-list and fixed times and modes, and its zip in the same folder."""
    revision = _digest(folder)
    (folder / REVISION_FILE).write_text(revision, "ascii")
    (folder / ".fcignore").write_text(ALLOWED, "utf-8")
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else _FILE_MODE & 0o777)
        os.utime(path, (_SECONDS, _SECONDS))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    archive = folder.with_name(f"{folder.name}.zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for file in files:
            if file.name != ".fcignore":
                entry = zipfile.ZipInfo(str(file.relative_to(folder)), _MOMENT)
                entry.external_attr, entry.compress_type = _FILE_MODE << 16, zipfile.ZIP_DEFLATED
                packed.writestr(entry, file.read_bytes(), compresslevel=6)
    return Package(folder, archive, len(files), sum(file.stat().st_size for file in files), revision)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(folder)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:_REVISION_LENGTH]
