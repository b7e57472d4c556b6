"""Whether the lock fits every machine of a developer: ``python -m ops.platforms PYLOCK`` for ``make lock``.

``requirements.txt`` has hashes without file names. The same resolution in the format of PEP 751 has the names, so the
two together tell whether each package can be installed, without a compiler, on each platform.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import parse_wheel_filename

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK: Final = Path(__file__).parent.parent / "requirements.txt"
_PYTHON: Final = (3, 11)
# Debian 12 has glibc 2.36. faiss-cpu, which Milvus Lite needs, starts at macOS 14.
_NEWEST_GLIBC_MINOR: Final = 36
_MACOS: Final = (14, 0)
_PINNED: Final = re.compile(r"^([a-z0-9._-]{1,100})==", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def tags() -> dict[str, frozenset[Tag]]:
    """The wheels that each platform can install."""
    platforms = {
        "Linux x86-64": _linux("x86_64"),
        "Linux arm64": _linux("aarch64"),
        "macOS arm64": list(mac_platforms(_MACOS, "arm64")),
    }
    return {
        name: frozenset((*cpython_tags(_PYTHON, platforms=accepted), *compatible_tags(_PYTHON, "cp311", accepted)))
        for name, accepted in platforms.items()
    }


def find_missing(lock: str, resolved: dict[str, Any]) -> Iterator[str]:
    """Name each package that the lock does not let a platform install.

    Args:
        lock: the content of ``requirements.txt``.
        resolved: the content of a ``pylock.toml`` of the same packages.
    """
    pinned, hashes = set(_PINNED.findall(lock)), set(_HASH.findall(lock))
    for package in resolved["packages"]:
        if package["name"] not in pinned:
            continue  # for another platform, such as Windows
        for platform, accepted in tags().items():
            wheels = [wheel for wheel in package.get("wheels", ()) if parse_wheel_filename(_file(wheel))[3] & accepted]
            files = wheels or [package["sdist"]] if "sdist" in package else wheels
            if not any(file["hashes"]["sha256"] in hashes for file in files):
                yield f"{package['name']} cannot be installed on {platform}: no file of it has its hash in the lock"


def _linux(machine: str) -> list[str]:
    minors = range(_NEWEST_GLIBC_MINOR, 4, -1)
    return [*(f"manylinux_2_{minor}_{machine}" for minor in minors), f"manylinux2014_{machine}", f"linux_{machine}"]


def _file(wheel: dict[str, Any]) -> str:
    return str(wheel.get("name") or wheel["url"].rpartition("/")[2])


def main(pylock: str) -> int:
    """Print what is missing; 1 if anything is."""
    missing = list(find_missing(_LOCK.read_text("utf-8"), tomllib.loads(Path(pylock).read_text("utf-8"))))
    print("\n".join(missing) or "The lock fits Linux x86-64, Linux arm64 and macOS arm64.")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
