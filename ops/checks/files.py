"""Rules for the files that follow from ``s.yaml``: template, Terraform module and package; drift is a warning.

`make infra` and `make deploy` use ``s.yaml`` itself, so that drift stops neither; it would mislead those who use the
files: readers, Terraform and `s init`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from ops.application import PACKAGE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_READ: Final = re.compile(r"env\(\s*['\"](\w+)['\"]")
# `s init` renders s.yaml as a template with these.
_MARKS: Final = ("{{", "}}", "<%", "%>")


def find_drift(root: Path) -> list[str]:
    """Return a sentence for each file of a project that does not fit its ``s.yaml``; absent folders have none."""
    return [*_find_old_files(root), *_find_unfit_package(root)]


def _find_old_files(root: Path) -> Iterator[str]:
    from ops.infrastructure import files

    if not (root / files.FOLDER).is_dir():
        return
    for name, text in files.render(root).items():
        file = root / name
        if not file.is_file():
            yield f"{name} is missing: run `make docs`"
        elif file.read_text("utf-8") != text:
            yield f"{name} does not follow from s.yaml: run `make docs`, then look at what changed"


def _find_unfit_package(root: Path) -> Iterator[str]:
    name = f"{PACKAGE}/publish.yaml"
    if not (root / name).is_file():
        return
    declared = (root / "s.yaml").read_text("utf-8")
    for mark in _MARKS:
        if mark in declared:
            yield f"s.yaml holds {mark}, which `s init` takes for a mark of its template: write it in another way"
    try:
        parameters = _read_parameters(yaml.safe_load((root / name).read_text("utf-8")))
    except yaml.YAMLError:
        yield f"{name} is not YAML"
        return
    known = set(_READ.findall(declared))
    for parameter in sorted(parameters - known):
        yield f"{name} asks for {parameter}, which s.yaml does not read: take it out, or read it in s.yaml"
    if not parameters:
        yield f"{name} asks for no parameter: `s init` would ask for no DASHSCOPE_API_KEY"


def _read_parameters(content: Any) -> set[str]:
    """The names under Parameters, whether declared or only required."""
    parameters = content.get("Parameters") if isinstance(content, dict) else None
    if not isinstance(parameters, dict):
        return set()
    return {str(name) for name in (*(parameters.get("properties") or {}), *(parameters.get("required") or ()))}
