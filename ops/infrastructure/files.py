"""The template and the Terraform module as files of the project, for readers and for Terraform."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ops.docs.settings import copy_alone
from ops.infrastructure.names import load_marked
from ops.infrastructure.template import make_template
from ops.infrastructure.terraform import render_module

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "infrastructure"


def render(root: Path) -> dict[str, str]:
    """The text of each file, by its path in the project; the ``.env`` file of the project changes none."""
    with copy_alone(root) as path:
        template = make_template(load_marked(path, {}))
    text = json.dumps(template, indent=2, ensure_ascii=False) + "\n"
    module = {f"{FOLDER}/terraform/{name}": content for name, content in render_module(template).items()}
    return {f"{FOLDER}/template.json": text, **module}


def write(root: Path) -> list[str]:
    """Bring the files up to date; returns those that have changed."""
    changed = []
    for name, text in render(root).items():
        file = root / name
        if not file.is_file() or file.read_text("utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            changed.append(name)
    return changed
