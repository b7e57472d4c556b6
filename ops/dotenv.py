"""Variables of the text of a ``.env`` file, read as ``s`` 3.1.10 reads it: by dotenv 16.3 and dotenv-expand 10.

The commands and ``s`` must agree on every value, or a deployment gets another key than the one that was checked. A
value ends at ``#`` unless it is quoted, quotes may hold several lines, and ``$NAME``, ``${NAME}`` and
``${NAME:-default}`` are replaced, in single quotes too. ``s`` replaces several times, so that no backslash protects a
dollar sign before a name: what it would replace by nothing is refused here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME: Final = re.compile(r"[^\S\n]*(?:export[^\S\n]+)?([\w.-]+)(?:[^\S\n]*=|:[^\S\n])[^\S\n]*", re.ASCII)
_REST: Final = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?:\n|\Z)")
_REFERENCE: Final = re.compile(r"\$\{?(\w+)(?::-([^}\\]*))?\}?", re.ASCII)
_LEFT: Final = re.compile(r"\$\{?\w", re.ASCII)
_QUOTES: Final = "'\"`"
# Of references in one value, those that replaced ones bring with them included.
_MOST_REFERENCES: Final = 100


def parse_variables(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that a text sets; of several lines for one variable the last counts.

    Args:
        environ: variables of the process, which win over those of the text.

    Raises:
        ValueError: a value refers to a variable that is not set. The message holds no value.
    """
    found = {name: value for name, value, _ in read_statements(unify_lines(text)) if name}
    known = {**found, **environ}
    for name in found.keys() - environ.keys():
        found[name] = _expand(name, found[name], known)
    return found


def unify_lines(text: str) -> str:
    """The text as `dotenv` splits it: without a byte order mark, and with one kind of line end."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def read_statements(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield name, value and source of each statement; a line that sets nothing has no name."""
    position = 0
    while position < len(text):
        begin, start, name, value = position, _NAME.match(text, position), "", ""
        if start:
            name = start[1]
            value, position = _read_value(text, start.end())
        else:
            position = _find_line_end(text, position) + 1
        yield name, value, text[begin:position]


def _read_value(text: str, start: int) -> tuple[str, int]:
    """The value that begins at ``start``, and where the next line begins."""
    line_end = _find_line_end(text, start)
    end = _find_closing_quote(text, start)
    rest = _REST.match(text, end + 1) if end else None
    raw = text[start : end + 1] if rest else text[start:line_end].partition("#")[0].strip()
    is_expanded = raw.startswith('"')
    if len(raw) > 1 and raw[0] in _QUOTES and raw[-1] == raw[0]:
        raw = raw[1:-1]
    value = raw.replace("\\n", "\n").replace("\\r", "\r") if is_expanded else raw
    return value, rest.end() if rest else line_end + 1


def _find_line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _find_closing_quote(text: str, start: int) -> int:
    """Offset of the quote that ends what the one at ``start`` begins; 0 if there is none."""
    if start >= len(text) or text[start] not in _QUOTES:
        return 0
    end = text.find(text[start], start + 1)
    while end > 0 and text[end - 1] == "\\":
        end = text.find(text[start], end + 1)
    return max(end, 0)


def _expand(name: str, value: str, known: Mapping[str, str]) -> str:
    for _ in range(_MOST_REFERENCES):
        start = _find_last_dollar(value)
        reference = _REFERENCE.match(value, start) if start >= 0 else None
        if reference is None:
            break
        replacement = known.get(reference[1]) or reference[2]
        if replacement is None and reference[1] not in known:
            break
        value = f"{value[:start]}{replacement or ''}{value[reference.end() :]}"
    value = value.replace("\\$", "$")
    if _LEFT.search(value):
        raise ValueError(
            f"sets {name} to a value with $ before the name of a variable that is not set. Serverless Devs leaves it "
            "out, in quotes and after a backslash too: choose a value without $, or remove the line from the file and "
            f"export {name} in the shell"
        )
    return value


def _find_last_dollar(value: str) -> int:
    """Offset of the last dollar sign without a backslash; -1 if there is none."""
    start = value.rfind("$")
    while start > 0 and value[start - 1] == "\\":
        start = value.rfind("$", 0, start)
    return start
