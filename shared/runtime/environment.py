"""Read a settings class from the environment: once, into frozen values, with errors that name the variable.

A field's `Setting` says which environment variable it comes from, the rest of its type what it may hold. An empty
variable counts as unset, because that is how `s.yaml` renders an optional one.
"""

from __future__ import annotations

import re
import typing
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import fields

from shared.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from msgspec.structs import FieldInfo

_WORDS = {bool: "true or false", int: "a whole number", float: "a number"}
_BOUND = re.compile(r"^Expected `\w+` ([<>]=?) (\S+)")
_BOUNDS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}
Settings = TypeVar("Settings", bound=Struct)


class Secret:
    """A value that never shows in a log, an error or a repr."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one call that needs it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "***" if self._value else "(unset)"


class Setting(Struct, frozen=True):
    """Which environment variable a field is read from, and the sentence that describes it to the operator."""

    variable: str
    description: str


def read_settings(kind: type[Settings], environ: Mapping[str, str]) -> Settings:
    """Build ``kind`` from the environment.

    Raises:
        ConfigurationError: ``invalid_settings``, naming every variable that is missing or wrong.
    """
    problems: list[str] = []
    settings = _read(kind, environ, problems)
    if settings is None:
        raise ConfigurationError("invalid_settings", "; ".join(problems))
    return settings


def list_variables(kind: type[Any]) -> Iterator[tuple[str, str, Any]]:
    """Every environment variable ``kind`` reads: its name, its description, its default or ``msgspec.NODEFAULT``."""
    for field in fields(kind):
        if setting := _setting(field):
            yield setting.variable, setting.description, field.default
        else:
            yield from list_variables(_group(field))


def _setting(field: FieldInfo) -> Setting | None:
    annotations: tuple[Any, ...] = getattr(field.type, "__metadata__", ())
    return next((one for one in annotations if isinstance(one, Setting)), None)


def _group(field: FieldInfo) -> type[Any]:
    """The settings class of a field that is no setting itself; it may be optional."""
    group: type[Any] = (typing.get_args(field.type) or (field.type,))[0]
    return group


def _absent(kind: type[Any], environ: Mapping[str, str]) -> bool:
    required = [name for name, _, default in list_variables(kind) if default is msgspec.NODEFAULT]
    return not any(environ.get(name, "").strip() for name in required)


def _read(kind: type[Settings], environ: Mapping[str, str], problems: list[str]) -> Settings | None:
    values: dict[str, Any] = {}
    before = len(problems)
    for field in fields(kind):
        if setting := _setting(field):
            _read_setting(setting, field, environ, values, problems)
        else:
            unset = not field.required and _absent(_group(field), environ)
            values[field.name] = None if unset else _read(_group(field), environ, problems)
    if len(problems) > before:
        return None
    try:
        return kind(**values)
    except ValueError as error:
        problems.append(str(error))
        return None


def _read_setting(
    setting: Setting, field: FieldInfo, environ: Mapping[str, str], values: dict[str, Any], problems: list[str]
) -> None:
    text = environ.get(setting.variable, "").strip()
    if not text:
        if field.required:
            problems.append(f"{setting.variable} is not set ({setting.description})")
        return
    plain = typing.get_args(field.type)[0]
    try:
        values[field.name] = Secret(text) if plain is Secret else msgspec.convert(text, field.type, strict=False)
    except msgspec.ValidationError as error:
        choices = ", ".join(typing.get_args(plain))
        wrong = f"one of {choices}, not {text!r}" if choices else f"{_describe(plain, error)} ({setting.description})"
        problems.append(f"{setting.variable} must be {wrong}")


def _describe(plain: Any, error: msgspec.ValidationError) -> str:
    """What a value should have been, in words; msgspec speaks of Python's types."""
    bound = _BOUND.search(str(error))
    if bound:
        return f"{_BOUNDS[bound[1]]} {bound[2]}"
    return _WORDS.get(plain, "of another form")
