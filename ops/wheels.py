"""A function's dependencies: which of the locked ones it needs, and what of each is worth uploading.

The lock says who needs whom (uv's ``# via`` comments), so what only a part we never call needs can stay at home. Wheels
are fetched for the runtime (x86-64, glibc of Debian 12, Python 3.11) whatever machine builds, each checked against its
hash; tests, type stubs, headers and command lines are left out; the rest is compiled. Unchecked-hash ``.pyc`` files
(https://peps.python.org/pep-0552/) are never compared with their source: Python does not even look at it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

PYTHON: Final = "3.11"
CODE: Final = "/code"  # where Function Compute unpacks a package
# pip takes a wheel for any of these; Debian 12 has glibc 2.36.
PLATFORMS: Final = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(36, 4, -1)))

# What libraries ask for and nothing we call imports: command lines, asynchronous clients, a C parser that only builds
# need. The tests start every package without them.
NEVER_IMPORTED: Final = frozenset({"typer", "rich", "httpx", "httpx-sse", "pycparser", "tzdata", "regex"})

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_COMMENT = re.compile(r"^ +# +(.+)$", re.MULTILINE)
_TEST_FOLDERS = frozenset({"tests", "test", "_tests", "SelfTest", "testdata", "conftest.py"})
# Not numpy.f2py: pymilvus imports scipy where the runtime's own Python has one, and scipy imports that.
_LEFT_OUT_FOLDERS = frozenset({"include", "benchmarks", "docs", "examples", "distutils", "_pyinstaller", "__pycache__"})
_LEFT_OUT_SUFFIXES = frozenset(
    {
        *(".pyi", ".pyx", ".pxd", ".pxi", ".pyc", ".md", ".rst", ".proto"),
        *(".c", ".cc", ".cpp", ".h", ".hpp", ".a", ".f", ".f90"),
    }
)
# Command lines of DashScope's SDK, and parts of Pillow that draw letters, manage colours, show windows or read AVIF,
# with their libraries: pictures of documents are opened, turned and saved as JPEG.
_LEFT_OUT_FILES = re.compile(
    r"dashscope/a?cli/.+|PIL/_(avif|imaging(ft|cms|tk|math|morph))\..+"
    r"|pillow\.libs/lib(avif|harfbuzz|freetype|brotli\w*|lcms2|png16)-.+"
)
# What importlib.metadata answers from, and what the licences ask to be passed on.
_METADATA = re.compile(r"METADATA|entry_points\.txt|.*(?i:licen[cs]e|notice|copying|authors).*")


class WheelError(RuntimeError):
    """Dependencies cannot be had or used; the message says which and why."""


def needed(lock: str, without: Collection[str] = ()) -> str:
    """The part of a lock that is left when ``without`` and `NEVER_IMPORTED` go, with what only they need."""
    pins = _pins(lock)
    gone = (NEVER_IMPORTED | set(without)) & pins.keys()
    while orphans := {name for name, pin in pins.items() if name not in gone and gone.issuperset(_wanting(pin))}:
        gone |= orphans
    return "".join(pin for name, pin in pins.items() if name not in gone)


def joined(lock: str, more: str) -> str:
    """A lock, and what another one pins beyond it; both were resolved against the same versions."""
    pins = _pins(lock)
    return lock + "".join(pin for name, pin in _pins(more).items() if name not in pins)


def names(lock: str) -> list[str]:
    """The distributions a lock pins."""
    return list(_pins(lock))


def _pins(lock: str) -> dict[str, str]:
    """The lock's entries, version and hashes and comments, by name.

    Raises:
        WheelError: something is not pinned.
    """
    pins: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", lock):
        found = _PIN.match(entry)
        if found and _HASH.search(entry):
            pins[found[1].lower()] = f"{entry.rstrip()}\n"
        elif entry.strip() and not entry.startswith("#"):
            raise WheelError(f"{entry.split()[0]} is not pinned to a version and a hash: run make lock")
    return pins


def _wanting(pin: str) -> set[str]:
    """Who needs this distribution: others of the lock, or the project itself."""
    lines = (line.removeprefix("via").strip() for line in _COMMENT.findall(pin))
    return {line.lower() for line in lines if line and not line.startswith("-c ")} or {"the project"}


def fetch(lock: str, shelf: Path) -> list[Path]:
    """The wheels a lock pins, downloaded to ``shelf`` unless they lie there already; each has a locked hash.

    Raises:
        WheelError: one is not to be had for the runtime, or is not the file that was locked.
    """
    shelf.mkdir(parents=True, exist_ok=True)
    pins = _pins(lock)
    there = _on(shelf)
    missing = [pin for pin in pins.values() if there.keys().isdisjoint(_HASH.findall(pin))]
    if missing:
        _download("".join(missing), shelf)
        there = _on(shelf)
    found = [next((there[hash_] for hash_ in _HASH.findall(pin) if hash_ in there), None) for pin in pins.values()]
    if None in found:
        raise WheelError(f"pip brought no wheel for {list(pins)[found.index(None)]}")
    return sorted(filter(None, found))


def _on(shelf: Path) -> dict[str, Path]:
    return {hashlib.sha256(wheel.read_bytes()).hexdigest(): wheel for wheel in shelf.glob("*.whl")}


def _download(lock: str, shelf: Path) -> None:
    platforms = [argument for platform in PLATFORMS for argument in ("--platform", platform)]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirements:
        requirements.write(lock)
        requirements.flush()
        done = subprocess.run(  # noqa: S603  # our own interpreter, no outside input
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
                *("--require-hashes", "--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp"),
                *(*platforms, "--dest", str(shelf), "--requirement", requirements.name),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise WheelError(next(iter(reversed(done.stderr.strip().splitlines())), "pip printed nothing"))


def prepared(wheel: Path, shelf: Path) -> Path:
    """The folder that holds what a running function may need of ``wheel``, compiled; made once for each of our rules.

    Raises:
        WheelError: this Python is not the runtime's.
    """
    rules = hashlib.sha256(Path(__file__).read_bytes() + sys.version.encode()).hexdigest()[:12]
    part = shelf / f"{wheel.stem}-{rules}"
    if not part.exists():
        # Whole or not at all, even if this process dies on the way.
        with tempfile.TemporaryDirectory(dir=shelf) as name:
            making = Path(name, "part")
            making.mkdir()
            unpack(wheel, making)
            compile_all(making, f"{CODE}/python")
            making.rename(part)
    return part


def unpack(wheel: Path, target: Path) -> None:
    """Write into ``target`` what a running function may need of ``wheel``."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            place = _place(PurePosixPath(name))
            if place and not name.endswith("/"):
                file = target / place
                file.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, file.open("wb") as copy:
                    shutil.copyfileobj(source, copy)


def _place(path: PurePosixPath) -> PurePosixPath | None:
    """Where a wheel's file goes below the import path; ``None`` if it is left out."""
    parts = path.parts
    if parts[0].endswith(".data"):  # libraries may be there; scripts, headers and manuals are not for import
        return PurePosixPath(*parts[2:]) if parts[1] in ("purelib", "platlib") else None
    if parts[0].endswith(".dist-info"):
        return path if _METADATA.fullmatch(path.name) else None
    if not _TEST_FOLDERS.isdisjoint(parts[1:]) or not _LEFT_OUT_FOLDERS.isdisjoint(parts[1:-1]):
        return None
    if path.suffix in _LEFT_OUT_SUFFIXES or path.name == "py.typed" or _LEFT_OUT_FILES.fullmatch(str(path)):
        return None
    return path


def compile_all(folder: Path, place: str) -> None:
    """Compile a folder's Python files, which will lie at ``place``.

    Each call has a process of its own: what a compiler writes depends a little on what it has seen before, and so the
    same folder always becomes the same bytes.

    Raises:
        WheelError: this Python is not the runtime's.
    """
    if sys.version_info[:2] != tuple(map(int, PYTHON.split("."))):
        raise WheelError(f"Python {PYTHON} must build the packages, because it runs them; this is {sys.version[:6]}.")
    arguments = ("-q", "-q", "--invalidation-mode", "unchecked-hash", "-j", "1", "-s", ".", "-p", place, ".")
    # A file that this Python cannot read, such as a template, is left as it is: nothing imports it.
    subprocess.run(  # noqa: S603  # our own interpreter, no outside input
        [sys.executable, "-I", "-m", "compileall", *arguments],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONHASHSEED": "0"},
        check=False,
        capture_output=True,
    )
