"""The environment the peers live in: their packages are none of the project's."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(".local", "bench-peers")
_PACKAGES: Final = (
    "langchain-community==0.4.2",
    "langchain-text-splitters==1.1.2",
    "llama-index-embeddings-dashscope==0.6.0",
    "dashscope==2.0.2",
)


def installed() -> Path:
    """The interpreter of an environment that holds the peers; the first time this takes a minute.

    Raises:
        RuntimeError: they cannot be installed; the message is pip's last line.
    """
    python = _FOLDER.absolute() / "bin" / "python"
    ready = _FOLDER / "ready"
    wanted = "\n".join(_PACKAGES)
    if not ready.exists() or ready.read_text() != wanted:
        venv.create(_FOLDER, with_pip=True, clear=True)
        _install(python)
        ready.write_text(wanted)
    return python


def _install(python: Path) -> None:
    print(f"Installing {', '.join(_PACKAGES)} into {_FOLDER} ...", file=sys.stderr, flush=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES]
    result = subprocess.run(command, check=False, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"the peers cannot be installed: {(result.stderr.strip() or 'pip failed').splitlines()[-1]}")
