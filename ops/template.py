"""Renders ``s.yaml`` as Serverless Devs does: variables, environment and references between resources.

Only the forms the project uses are known (https://docs.serverless-devs.com/user-guide/spec/): ``${vars.a.b}``,
``${env('NAME', 'default')}``, ``${env('NAME', vars.a)}`` and ``${resources.a.props.b}``. A file that says ``extend``
is laid over the one it names: mappings are merged, lists replaced. Where a text is one expression, the value keeps
its type; as part of a longer text it becomes text. Everything taken from the environment is text. What ``s`` 3.1.10
was seen to do, this does too: expressions outside ``vars`` and ``resources`` stay as they are, a variable that is set
but empty counts as unset, and the process's environment wins over ``.env``.
"""

from __future__ import annotations

import copy
import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import yaml

from ops.dotenv import parse_variables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


LOCAL_STACK: Final = "LOCAL_STACK"
"""Names the folder of the local stack among the settings of its parts, and of a command that asks it."""


class DeploymentError(ValueError):
    """``s.yaml`` cannot be used; the message is one sentence that says where and why."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as ``s`` reads it: ``on`` and ``yes`` are texts, and there are no dates."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own shape


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", "-+.0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first))


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    # PyYAML would read 010 as eight, after YAML 1.1.
    return int(str(loader.construct_scalar(node)))


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise yaml.MarkedYAMLError(problem=f"{twice!r} stands twice in one mapping", problem_mark=node.start_mark)
    loader.flatten_mapping(node)
    return {
        loader.construct_object(key, deep=True): loader.construct_object(value, deep=True) for key, value in node.value
    }


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)

_EXPRESSION = re.compile(r"\$\{([^{}]*)\}")
_ENVIRONMENT = re.compile(
    r"""env\(\s*(['"])(?P<name>\w+)\1\s*(?:,\s*(?:(?P<quote>['"])(?P<default>.*?)(?P=quote)|(?P<other>vars(?:\.[\w-]+)+))\s*)?\)"""
)
_REFERENCE = re.compile(r"(?:vars|resources)(?:\.[\w-]+)+")


def parse(path: Path) -> dict[str, Any]:
    """The file as written, its expressions unresolved.

    Raises:
        DeploymentError: the file cannot be read or is not YAML.
    """
    try:
        document = copy.deepcopy(_parse_text(path.read_text("utf-8")))
    except OSError as error:
        raise DeploymentError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeploymentError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise DeploymentError(f"{path} must be a mapping with edition, name and resources")
    return document


@lru_cache(maxsize=8)
def _parse_text(text: str) -> Any:
    """The document of a text; one command reads the same files several times."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader


def render(path: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """The file with every expression replaced by its value.

    Raises:
        DeploymentError: not YAML, or an expression that is unknown, unresolved or refers to itself.
    """
    return _Rendering(_extended(path), environment(path, environ)).document()


def environment(path: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """``environ``, and what it leaves to the ``.env`` file beside ``s.yaml``.

    The local stack is no deployment: keys, prefixes and real services of the file are not for it.

    Raises:
        DeploymentError: the file cannot be used.
    """
    if LOCAL_STACK in environ:
        return dict(environ)
    return {**variables(path.parent / ".env", environ), **environ}


def variables(file: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a file such as ``.env`` sets; nothing if there is none. ``s`` loads the ``.env`` beside ``s.yaml``.

    Args:
        environ: the variables to which values may refer; those of the process by default.

    Raises:
        DeploymentError: it cannot be read, or a value refers to a variable that is not set.
    """
    try:
        return parse_variables(read_dotenv(file), environ)
    except DeploymentError:
        raise
    except ValueError as error:
        raise DeploymentError(f"{file} {error}") from None


def read_dotenv(file: Path) -> str:
    """The text of a file such as ``.env``; empty if there is none.

    Raises:
        DeploymentError: it cannot be read, or is not UTF-8.
    """
    try:
        text = file.read_text("utf-8")
    except (FileNotFoundError, IsADirectoryError):  # some call their virtual environment .env
        return ""
    except OSError as error:
        raise DeploymentError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 of English letters is UTF-8 too, with a NUL beside each of them
        raise DeploymentError(f"{file} is not text in UTF-8: save it as UTF-8")
    return text


def _extended(path: Path) -> dict[str, Any]:
    """The file as written, laid over the file it extends."""
    document = parse(path)
    base = document.pop("extend", None)
    return lay_over(parse(path.with_name(str(base))), document) if base else document


def lay_over(base: Any, over: Any) -> Any:
    """``over``, and what it leaves of ``base``: mappings are merged, all else is replaced."""
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: lay_over(base.get(key), value) for key, value in over.items()}
    return over


class _Rendering:
    """One pass over a document; values are resolved when something asks for them."""

    def __init__(self, document: dict[str, Any], environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._under_way: list[str] = []

    def document(self) -> dict[str, Any]:
        return {
            key: self._value(value) if key in ("vars", "resources") else value for key, value in self._document.items()
        }

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            # ``s`` drops what is null, so that an unset property is an absent one.
            return {str(key): self._value(item) for key, item in value.items() if item is not None}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> Any:
        whole = _EXPRESSION.fullmatch(text)
        if whole:
            return self._expression(whole[1])
        return _EXPRESSION.sub(lambda found: _as_text(self._expression(found[1])), text)

    def _expression(self, expression: str) -> Any:
        if expression in self._under_way:
            raise DeploymentError(f"${{{expression}}} refers to itself")
        self._under_way.append(expression)
        try:
            environment = _ENVIRONMENT.fullmatch(expression)
            if environment:
                default = self._reference(environment["other"]) if environment["other"] else environment["default"]
                return self._variable(environment["name"], default)
            if _REFERENCE.fullmatch(expression):
                return self._reference(expression)
        finally:
            self._under_way.pop()
        raise DeploymentError(
            f"${{{expression}}} is none of ${{vars.name}}, ${{env('NAME', 'default')}} and ${{resources.name.props.it}}"
        )

    def _variable(self, name: str, default: str | None) -> str:
        value = self._environ.get(name) or default
        if value is None:
            raise DeploymentError(f"the environment variable {name} is not set, and the file gives it no default")
        return value

    def _reference(self, expression: str) -> Any:
        value: Any = self._document
        for name in expression.split("."):
            if not isinstance(value, dict) or value.get(name) is None:
                raise DeploymentError(f"${{{expression}}} refers to nothing: there is no {name}")
            value = value[name]
        return self._value(value)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        raise DeploymentError(f"a {type(value).__name__} cannot stand inside a text")
    return str(value)
