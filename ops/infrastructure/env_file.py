"""What was created, kept in the ``.env`` file: lines are added, and none is changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ops.template import variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def add_variables(file: Path, found: Mapping[str, str]) -> list[str]:
    """Add the variables that ``file`` does not set, and return their names.

    A new file is readable by its owner alone. It is replaced as a whole, so that an interruption leaves the old or the
    new one.
    """
    known = variables(file)
    added = {name: value for name, value in found.items() if not known.get(name)}
    if not added:
        return []
    before = file.read_text("utf-8") if file.is_file() else ""
    mode = file.stat().st_mode & 0o777 if file.is_file() else 0o600
    lines = "".join(f"{name}={value}\n" for name, value in added.items())
    text = f"{before}{'' if not before or before.endswith(chr(10)) else chr(10)}{lines}"
    new = file.with_name(f"{file.name}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    new.replace(file)
    return list(added)
