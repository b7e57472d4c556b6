"""No pattern takes more than linear time, whatever a text repeats."""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from re._parser import SubPattern, parse  # type: ignore[import-not-found]
from typing import TYPE_CHECKING, Any

import pytest

import shared
from tests.growth import SMALL, grows_linearly
from tests.profile import sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A pattern of quadratic time takes longer than this for a small text; nearly all take far less and need no more.
ENOUGH_SECONDS = 0.02

# What patterns repeat; each is tried alone, and after what patterns begin with.
UNITS = [
    *(
        " ",
        "\n",
        "\t",
        "a",
        "A",
        "1",
        "1 ",
        "a ",
        "-",
        "- ",
        ".",
        ",",
        "1,",
        "1.",
        "a-",
        "a.",
        "_",
        "a_",
        "/",
        "\\",
        '"',
    ),
    *(
        "'",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "<",
        ">",
        "<a ",
        "<!--",
        "=",
        "a=",
        ":",
        ";",
        "%",
        "&",
        "#",
        "*",
        "`",
        "|",
        "@",
    ),
    *(
        "中",
        "中 ",
        "一",
        "第",
        "。",
        "，",
        "年1",
        "\u3000",
        "é",
        "e\u0301",
        "\u200b",
        "\u00ad",
        "\x1b[",
        "\x02",
        "\ufffe",
    ),
    *(
        '""',
        '"a',
        '="',
        "a\n",
        " \n",
        "\r\n",
        "0",
        "0.",
        ".0",
        "E+",
        "$",
        "$A1",
        "A1:",
        "_x000D",
        "!",
        "?",
        "~",
        "^",
        "+",
    ),
    *(
        "ref",
        "ref=",
        "<mergeCell ",
        "page ",
        "Page 1 of ",
        "第1",
        "aA",
        "a1",
        "1a",
        "a@",
        "http://",
        "://",
        "%41",
        "\\u00",
    ),
]
STARTS = ["", '"', "<a "]


def find_patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for module in pkgutil.walk_packages(shared.__path__, "shared."):
        loaded = importlib.import_module(module.name)
        for holder in (loaded, *(value for value in vars(loaded).values() if isinstance(value, type))):
            for name, value in vars(holder).items():
                values = (
                    value
                    if isinstance(value, (tuple, list))
                    else value.values()
                    if isinstance(value, dict)
                    else [value]
                )
                for place, pattern in enumerate(values):
                    if isinstance(pattern, re.Pattern):
                        yield f"{module.name}.{name}.{place}".removeprefix("shared."), pattern


PATTERNS = {id(pattern): pytest.param(pattern, id=name) for name, pattern in find_patterns()}


def is_linear(call: Callable[[Any], object], start: str, unit: str, *, as_bytes: bool) -> bool:
    def make(size: int) -> str | bytes:
        text = start + unit * (size // len(unit))
        return text.encode() if as_bytes else text

    text = make(SMALL)
    began = time.process_time()
    call(text)
    return time.process_time() - began < ENOUGH_SECONDS or grows_linearly(call, make)


def search_all(pattern: re.Pattern[Any]) -> Callable[[Any], object]:
    return lambda text: sum(1 for _ in pattern.finditer(text))


@pytest.mark.parametrize("pattern", sample(PATTERNS.values()))
def test_a_pattern_takes_linear_time(pattern: re.Pattern[Any]) -> None:
    as_bytes = isinstance(pattern.pattern, bytes)
    for call in (search_all(pattern), pattern.fullmatch):
        slow = [
            (start, unit) for start in STARTS for unit in UNITS if not is_linear(call, start, unit, as_bytes=as_bytes)
        ]
        assert not slow, (pattern.pattern, slow[:3])


def repeats_a_group_possessively(parsed: Any) -> bool:
    """Whether part of a parsed pattern is ``(?:…)*+`` or alike, of more than one character."""
    for operation, arguments in parsed:
        inside = list(find_parts(arguments))
        if str(operation) == "POSSESSIVE_REPEAT" and not (
            len(inside[0]) == 1 and not list(find_parts(inside[0][0][1]))
        ):
            return True
        if any(map(repeats_a_group_possessively, inside)):
            return True
    return False


def find_parts(arguments: Any) -> Iterator[Any]:
    """The patterns in what an operation of a parsed pattern works on."""
    if isinstance(arguments, SubPattern):
        yield arguments
    elif isinstance(arguments, list | tuple):
        for argument in arguments:
            yield from find_parts(argument)


@pytest.mark.parametrize("pattern", sample(PATTERNS.values()))
def test_no_group_is_repeated_possessively(pattern: re.Pattern[Any]) -> None:
    # Before 3.11.5 Python goes on from the wrong place behind one whose last turn fails, and Debian 12 has 3.11.2: use
    # (?>(?:…)*). https://github.com/python/cpython/issues/106052
    assert not repeats_a_group_possessively(parse(pattern.pattern, pattern.flags & ~re.UNICODE))


@pytest.mark.parametrize(
    ("pattern", "is_found"),
    [("(?:ab?c)*+", True), ("(x(?:ab|c)++)", True), ("[ab]*+a++.?+", False), ("(?>(?:ab)*)", False)],
)
def test_a_possessive_group_is_found(pattern: str, is_found: bool) -> None:
    assert repeats_a_group_possessively(parse(pattern)) is is_found
