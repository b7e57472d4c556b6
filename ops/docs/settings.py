"""The tables of settings: defaults, the values of `s.yaml`, and the functions that read each."""

from __future__ import annotations

import re
import shutil
import tempfile
import typing
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from ops import deployment, template
from ops.docs.tables import TODO, code, plain
from shared.runtime.settings import EmbedSettings, IngestSettings, SearchSettings, list_variables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.docs.tables import Rows

FUNCTIONS: Final[dict[str, type[Struct]]] = {
    "embed": EmbedSettings,
    "ingest": IngestSettings,
    "search": SearchSettings,
}
# What a cell says instead of a value, by language.
WORDS: Final = {"en": {"required": "required", "": "empty"}, "zh": {"required": "必填", "": "空"}}
_NONE: Final = "–"
_ENVIRONMENT: Final = re.compile(r"\$\{env\('(\w+)'(?:, (?:'([^']*)'|vars\.(\w+)))?\)\}")


class Variable(Struct, frozen=True):
    """An environment variable that functions read.

    Attributes:
        group: name of the settings class that has it; of several, the first.
        default: as text; ``required`` where there is none, empty where it is empty.
        functions: the functions that read it.
    """

    name: str
    group: str
    description: str
    default: str
    functions: tuple[str, ...]


@cache
def list_settings() -> dict[str, Variable]:
    """Every variable that is a setting, by name, in the order in which the settings classes declare them."""
    found: dict[str, Variable] = {}
    for function, kind in FUNCTIONS.items():
        for group, variables in _group(kind):
            for name, description, default in variables:
                known = found.get(name)
                readers = (*known.functions, function) if known else (function,)
                found[name] = Variable(name, known.group if known else group, description, _text(default), readers)
    return found


def list_deployment_variables(root: Path) -> dict[str, str]:
    """The variables that only `s.yaml` and what extends it read, with their defaults."""
    with copy_alone(root) as path:
        rendered = template.render(path, {})["vars"]
    found: dict[str, str] = {}
    for file in sorted(root.glob("s*.yaml"), reverse=True):  # s.yaml first
        for match in _ENVIRONMENT.finditer(file.read_text("utf-8")):
            name, default, other = match.groups()
            if name not in list_settings():
                found.setdefault(name, rendered[other] if other else "required" if default is None else default)
    return found


def read_declared(root: Path) -> dict[str, dict[str, str]]:
    """What `s.yaml` passes to each function when no variable is set, by function and variable."""
    with copy_alone(root) as path:
        functions = deployment.load(path, {}).functions
    return {name: dict(function.environment_variables) for name, function in functions.items()}


@contextmanager
def copy_alone(root: Path) -> Iterator[Path]:
    """A copy of `s.yaml` where no .env file is."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copy(root / "s.yaml", folder))


class Writer:
    """Writes a table of the settings of one class: all columns but the meaning in another language than English."""

    def __init__(self, root: Path, language: str) -> None:
        self._words = WORDS[language]
        self._is_translated = language != "en"
        self._declared = read_declared(root)

    def rows(self, name: str, written: Rows, page: Rows) -> Rows:  # noqa: ARG002 - as all writers
        """One row for each setting of the class ``name``, in the order of the class."""
        meanings = {plain(row[0]): row[1] for row in page}
        return [
            [
                code(variable.name),
                meanings.get(variable.name, TODO) if self._is_translated else variable.description,
                self._value(variable.default),
                self._passed(variable),
                ", ".join(variable.functions),
            ]
            for variable in list_settings().values()
            if variable.group == name
        ]

    def _passed(self, variable: Variable) -> str:
        values = [
            self._value(self._declared[function][variable.name])
            for function in variable.functions
            if variable.name in self._declared[function]
        ]
        return " / ".join(values if len(set(values)) > 1 else values[:1]) or _NONE

    def _value(self, text: str) -> str:
        return self._words[text] if text in self._words else code(text)


class DeploymentWriter:
    """Writes the table of what only `s.yaml` reads: names and defaults."""

    def __init__(self, root: Path, language: str) -> None:
        self._words = WORDS[language]
        self._variables = list_deployment_variables(root)

    def rows(self, name: str, written: Rows, page: Rows) -> Rows:  # noqa: ARG002 - as all writers
        """The rows as they are, without variables that no longer exist, and with new ones at the end."""
        meanings = {plain(row[0]): row[1] for row in written}
        known = [name for name in meanings if name in self._variables]
        names = [*known, *(name for name in self._variables if name not in meanings)]
        return [[code(name), meanings.get(name, TODO), self._value(self._variables[name])] for name in names]

    def _value(self, text: str) -> str:
        return self._words[text] if text in self._words else code(text)


def _group(kind: type[Struct]) -> list[tuple[str, list[tuple[str, str, Any]]]]:
    """The variables of a function's settings by the class that declares them; its own ones last."""
    groups = [group for field in fields(kind) if (group := _class_of(field.type))]
    grouped = [(group.__name__, list(list_variables(group))) for group in groups]
    known = {name for _, variables in grouped for name, _, _ in variables}
    own = [variable for variable in list_variables(kind) if variable[0] not in known]
    return [*grouped, (kind.__name__, own)]


def _class_of(annotation: Any) -> type[Struct] | None:
    kinds = (annotation, *typing.get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Struct)), None)


def _text(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "required"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value or value == 0 else ""
