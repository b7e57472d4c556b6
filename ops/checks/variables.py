"""What is odd about the ``.env`` files: lines that set nothing, and variables that nothing reads.

Serverless Devs passes both over without a word. Most lines hold secrets, so no value is ever shown.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, Final

from ops.credentials import VARIABLES
from ops.dotenv import read_statements, unify_lines
from ops.template import environment, read_dotenv, variables
from shared.runtime.settings import EmbedSettings, IngestSettings, SearchSettings, list_variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ops.deployment import Deployment

_KINDS: Final[tuple[type[Any], ...]] = (EmbedSettings, IngestSettings, SearchSettings)
# What the commands read besides: the key with which `ask` asks, and another address than the services' own.
_OPERATORS: Final = ("API_KEY", "ALIBABA_CLOUD_ENDPOINT")
_ENVIRONMENT: Final = re.compile(r"env\(\s*['\"](\w+)['\"]")
# The last line of a key or certificate ends with = as if it set a variable; its text is not repeated.
_SHOWN: Final = re.compile(r"[A-Z][A-Z0-9_.-]{0,63}|[a-z][a-z0-9_.-]{0,63}")
_QUOTES: Final = tuple("'\"`")
_LIKENESS: Final = 0.85
_MOST_LINES: Final = 5


def find_oddities(path: Path, deployment: Deployment, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each line and each variable of the files that is probably not what was meant.

    Args:
        path: of ``s.yaml``, beside which the files are.
        environ: the process's variables.
    """
    yield from find_odd_lines(path, environ)
    file = {name: value for it in _list_files(path, environ) for name, value in variables(it, environ).items()}
    yield from (sentence for sentence, _ in find_unread(deployment, environment(path, environ), file))


def find_odd_lines(path: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each line of the files beside ``path`` that does not say what it seems to say."""
    for file in _list_files(path, environ):
        found = list(_find_faults(unify_lines(read_dotenv(file))))
        yield from (f"{file.name}, line {line}: {fault}" for line, fault in found[:_MOST_LINES])
        if len(found) > _MOST_LINES:
            yield f"{file.name}: {len(found) - _MOST_LINES} more lines like these"


def find_unread(
    deployment: Deployment, environ: Mapping[str, str], file: Mapping[str, str]
) -> Iterator[tuple[str, bool]]:
    """Yield a sentence for each variable that nothing reads, and whether it looks like another one misspelt.

    Args:
        environ: all variables; of those only misspelt ones are named.
        file: those of the ``.env`` files, which were all set on purpose.
    """
    known = list_passed(deployment) | list_read() | {*VARIABLES, *_OPERATORS}
    for name in sorted(environ.keys() - known):
        meant = name.upper().replace("-", "_").replace(".", "_")
        like = [meant] if meant in known else difflib.get_close_matches(meant, known, 1, _LIKENESS)
        if like and (name in file or meant == name):
            yield f"nothing reads {name}: is {like[0]} meant?", True
        elif name in file:
            yield f"nothing reads {_show(name)}, which the .env file sets", False


def list_passed(deployment: Deployment) -> set[str]:
    """The variables that ``s.yaml`` reads."""
    return set(_ENVIRONMENT.findall(str(deployment.written)))


def list_read() -> set[str]:
    """The variables that the functions read."""
    return {name for kind in _KINDS for name, _, _ in list_variables(kind)}


def _list_files(path: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    yield path.with_name(".env")
    name = environ.get("ENVIRONMENT", "")  # as `--env` sets it
    if re.fullmatch(r"[\w.-]+", name):
        yield path.with_name(f".env.{name}")


def _find_faults(text: str) -> Iterator[tuple[int, str]]:
    line = 1
    set_at: dict[str, tuple[int, str]] = {}
    for name, value, source in read_statements(text):
        content = source.strip()
        if name:
            before, other = set_at.get(name, (0, value))
            if other != value:
                yield line, f"it sets {_show(name)} once more, and line {before} does not count"
            if fault := _find_fault_of_value(source, value):
                yield line, fault
            set_at[name] = (line, value)
        elif content and not content.startswith("#"):
            yield line, "it sets nothing; write NAME=value"
        line += source.count("\n")


def _show(name: str) -> str:
    return name if _SHOWN.fullmatch(name) else "a variable whose name is not shown"


def _find_fault_of_value(source: str, value: str) -> str:
    written = re.sub(r"^[^=:]*[=:]\s*", "", source.strip(), count=1)
    if written.startswith(_QUOTES):
        is_open = value.startswith(written[0]) and written.count(written[0]) == 1
        return "the quote before the value has no end, and becomes a part of the value" if is_open else ""
    if re.search(r"\S#\S", written.partition(" #")[0]):
        return "the value ends before #; put it in quotes if # is a part of it"
    return ""
