"""Installs the locked packages: pip fetches uv, whose version and hashes stand in the lock, and uv the rest.

    .venv/bin/python ops/install.py requirements.txt

uv takes a quarter of pip's time, but reads none of pip's settings; those that say where packages come from are handed
on. Where uv is refused or fails, pip installs everything. Only the standard library is used: nothing is installed yet.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PIP = [sys.executable, "-m", "pip"]
_INSTALL = [*_PIP, "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
# The requirement of uv and the lines it goes on with: its hashes.
_UV = re.compile(r"^uv==(?:.*\\\n)*.*", re.MULTILINE)
# pip's name of a setting, uv's variable, and what separates several values there.
_SETTINGS = (
    ("index-url", "UV_DEFAULT_INDEX", " "),
    ("extra-index-url", "UV_INDEX", " "),
    ("find-links", "UV_FIND_LINKS", ","),
    ("no-index", "UV_NO_INDEX", ""),
    ("trusted-host", "UV_INSECURE_HOST", " "),
    ("cert", "SSL_CERT_FILE", ""),
    ("timeout", "UV_HTTP_TIMEOUT", ""),
    ("proxy", "ALL_PROXY", ""),
)


def translate_settings(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the variables of uv that say what ``pip config list`` says: a line is ``section.name='value'``.

    An environment variable comes first, then the ``install`` section, then ``global``, as with pip.
    """
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        name, _, value = line.partition("=")
        section, _, setting = name.lower().rpartition(".")
        found.setdefault(setting.removeprefix("default-"), {})[section] = value.strip("'\"")
    for setting, variable, separator in _SETTINGS:
        sections = found.get(setting, {})
        value = next((sections[s] for s in (":env:", "install", "global") if sections.get(s)), "")
        if value:
            yield variable, separator.join(value.replace("\\n", " ").split()) if separator else value


def read_requirement(lock: str) -> str:
    """Return the requirement of uv with its hashes. Raises ValueError where the lock has none."""
    match = _UV.search(lock)
    if match is None:
        raise ValueError("the lock names no version of uv")
    return match[0] + "\n"


def install_uv(lock: Path) -> None:
    """Install uv as the lock names it. Raises ValueError, OSError and CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        requirement = Path(folder, "uv.txt")
        requirement.write_text(read_requirement(lock.read_text(encoding="utf-8")), encoding="utf-8")
        subprocess.run([*_INSTALL, "--requirement", str(requirement)], check=True)  # noqa: S603


def install_with_uv(lock: Path, environ: Mapping[str, str]) -> None:
    """Install the whole lock by uv; what the environment already says of uv is kept."""
    listed = subprocess.run([*_PIP, "config", "list"], check=True, capture_output=True, text=True).stdout  # noqa: S603
    settings = {**dict(translate_settings(listed.splitlines())), **environ}
    program = str(Path(sys.executable).parent / "uv")
    # As pip does: the system's certificates, and every index is asked for the locked version, not only the first.
    options = ["--system-certs", "--index-strategy", "unsafe-best-match", "--compile-bytecode", "--require-hashes"]
    command = [program, "pip", "install", "--quiet", "--python", sys.executable, *options, "--requirement", str(lock)]
    subprocess.run(command, check=True, env=settings)  # noqa: S603


def main(lock: Path) -> int:
    """Install everything that ``lock`` names, and return the exit status."""
    try:
        install_uv(lock)
        install_with_uv(lock, os.environ)
    except (ValueError, OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"Installing with uv failed ({error}): pip installs everything.\n")
    else:
        return 0
    return subprocess.run([*_INSTALL, "--requirement", str(lock)], check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
