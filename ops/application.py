"""The package of this project for the registry of Serverless Devs, so that ``s init`` copies it.

Its layout is that of the registry's own examples (https://github.com/devsapp/start-fc): ``publish.yaml``, readmes and
``version.md`` at the top, the project in ``src``. ``s init`` renders ``src/s.yaml`` as a template with the marks
``{{ }}`` and ``<% %>``, and writes parameters of the type ``secret`` into ``.env``.
"""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING, Final

from ops.template import DeploymentError

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE: Final = "infrastructure/application"
# What only developers of the project need.
_LEFT_OUT: Final = ("tests/", "benchmarks/", ".ci/", f"{PACKAGE}/")
_DESCRIPTION: Final = "publish.yaml"
_VERSION: Final = "Version: "


def build(root: Path, folder: Path) -> int:
    """Put the package together in ``folder``, which is emptied first; returns the number of files of the project.

    Raises:
        DeploymentError: the project is no git repository, so that its files are not known; or ``folder`` holds
            something else than an earlier package.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / _DESCRIPTION).is_file():
        raise DeploymentError(f"{folder} holds something else than a package: name another folder")
    names = [name for name in _list_files(root) if not name.startswith(_LEFT_OUT)]
    shutil.rmtree(folder, ignore_errors=True)
    for name in names:
        target = folder / "src" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, target)
    for file in sorted((root / PACKAGE).iterdir()):
        shutil.copy(file, folder / file.name)
    publish = folder / _DESCRIPTION
    publish.write_text(_set_version(publish.read_text("utf-8"), _read_version(root)), "utf-8")
    return len(names)


def _list_files(root: Path) -> list[str]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"],  # noqa: S607 - the user's own
            cwd=root,
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        raise DeploymentError(f"{root} is no git repository: which files belong to the project is not known") from None
    names = [name for name in listed.decode().split("\0") if name]
    return [name for name in names if (root / name).is_file()]


def _read_version(root: Path) -> str:
    return str(tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def _set_version(text: str, version: str) -> str:
    lines = (f"{_VERSION}{version}" if line.startswith(_VERSION) else line for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines)
