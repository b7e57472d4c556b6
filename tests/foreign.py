"""Environments of foreign packages, made below a temporary folder for one module of tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

CLIENTS = Path(__file__).with_name("clients")
_INSTALL_SECONDS = 600


def make_environment(requirements: str, folder: Path) -> Path:
    """The Python of a new environment with the packages of a file in tests/clients; a skip where they cannot be had."""
    python = folder / "bin" / "python"
    uv = shutil.which("uv") or next(map(str, Path(sys.prefix, "bin").glob("uv")), None)
    steps = [[sys.executable, "-m", "venv", *(["--without-pip"] if uv else []), str(folder)]]
    if uv is None:
        steps.append([str(python), "-m", "pip", "install", "--quiet", "uv"])
        uv = str(folder / "bin" / "uv")
    steps.append([uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(CLIENTS / requirements)])
    for step in steps:
        _run_or_skip(step, requirements)
    return python


def install_node_packages(folder: Path) -> Path:
    """A folder with the packages and files of tests/clients for Node.js; a skip where they cannot be had."""
    npm = shutil.which("npm")
    if npm is None:
        _skip("package.json", "npm is not installed")
    for name in ("package.json", "tsconfig.json", "call.ts", "ali_oss.mjs"):
        shutil.copy(CLIENTS / name, folder)
    # A registry that cannot be reached is not asked again for minutes.
    quick = ("--fetch-retries=1", "--fetch-timeout=60000")
    options = ("--silent", "--no-audit", "--no-fund", "--prefix", str(folder))
    _run_or_skip([str(npm), "install", *quick, *options], "package.json")
    return folder


def _run_or_skip(step: list[str], what: str) -> None:
    try:
        done = subprocess.run(step, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        _skip(what, "the installation took too long")
    if done.returncode:
        _skip(what, done.stderr.strip()[-300:])


def _skip(what: str, reason: str) -> None:
    warnings.warn(f"NOT TESTED with foreign clients of {what}: {reason}", stacklevel=1)
    pytest.skip(reason)
