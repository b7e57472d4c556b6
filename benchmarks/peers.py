"""Environments for the peers: their packages are not among the project's own."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER: Final = Path(".local")
_NAME: Final = "bench-peers"
_PACKAGES: Final = (
    "langchain-community==0.4.2",
    "langchain-text-splitters==1.1.2",
    "llama-index-embeddings-dashscope==0.6.0",
    "dashscope==2.0.2",
)
_SECONDS: Final = 900.0


def installed(name: str = _NAME, packages: Sequence[str] = _PACKAGES) -> Path:
    """The interpreter of an environment that holds the peers; the first time this takes a minute.

    Args:
        name: of the environment.
        packages: what it holds, with versions.

    Raises:
        RuntimeError: they cannot be installed; the message is pip's last line.
    """
    folder = _FOLDER / name
    python = folder.absolute() / "bin" / "python"
    ready = folder / "ready"
    wanted = "\n".join(packages)
    if not ready.exists() or ready.read_text() != wanted:
        venv.create(folder, with_pip=True, clear=True)
        _install(python, packages)
        ready.write_text(wanted)
    return python


def _install(python: Path, packages: Sequence[str]) -> None:
    print(f"Installing {', '.join(packages)} ...", file=sys.stderr, flush=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    try:
        result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"the peers cannot be installed within {_SECONDS:g} s") from None
    if result.returncode:
        raise RuntimeError(f"the peers cannot be installed: {(result.stderr.strip() or 'pip failed').splitlines()[-1]}")
