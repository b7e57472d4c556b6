"""The peers that read the same files, each in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from benchmarks import peers
from benchmarks.readings import converting
from benchmarks.readings.judges import Reading

if TYPE_CHECKING:
    from pathlib import Path

# docling brings torch, about 6 GB, and reads PDF only with models that it downloads: it is asked for by name.
PACKAGES: Final = {
    "markitdown": ("markitdown[docx,pdf,pptx,xlsx]==0.1.9",),
    "kreuzberg": ("kreuzberg==4.10.4",),
    "docling": ("docling==2.143.0",),
}
DEFAULT: Final = ("markitdown", "kreuzberg")
_SECONDS: Final = 1800
# Marks of Markdown that are no words of the document.
_COMMENT: Final = re.compile(r"<!--.{0,200}?-->", re.DOTALL)
_PICTURE: Final = re.compile(r"!\[([^\]\n]{0,500})\]\((?!data:)[^)\n]{0,500}\)")
_FENCE: Final = re.compile(r"^[ \t]*```.*$", re.MULTILINE)


def read(peer: str, folder: Path) -> dict[str, Reading]:
    """What a peer makes of each file of a folder, by the file's name.

    Raises:
        RuntimeError: it cannot be installed, or ended before the last file.
    """
    python = peers.installed(f"bench-{peer}", PACKAGES[peer])
    output = folder.with_name(f"{folder.name}-{peer}")
    # Without -P the folder of the script would hide modules of the standard library.
    command = [str(python), "-P", converting.__file__, peer, str(folder), str(output)]
    # Nothing may come from the network: files that need it are refused by the peer.
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    environ.pop("PYTHONPATH", None)
    print(f"{peer} reads {folder} ...", file=sys.stderr, flush=True)
    try:
        finished = subprocess.run(command, check=False, capture_output=True, text=True, env=environ, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"{peer} did not end within {_SECONDS} s") from None
    if finished.returncode:
        raise RuntimeError(f"{peer} ended: {(finished.stderr.strip() or 'no reason').splitlines()[-1]}")
    return dict(_load(line) for line in output.read_text().splitlines())


def _load(line: str) -> tuple[str, Reading]:
    answer = json.loads(line)
    text = clean(answer["text"])
    return answer["name"], Reading(text, (text,), "", answer["seconds"], answer["failure"])


def clean(text: str) -> str:
    """A peer's Markdown without comments, names of picture files and marks of code."""
    return _FENCE.sub("", _PICTURE.sub(r"\1", _COMMENT.sub("", text)))
