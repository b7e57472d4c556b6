"""Why a process ended, as far as its log tells: the one line worth showing to people."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 64 * 1024
_MOST_CHARACTERS = 300
# Gunicorn goes on for a few lines about its own end; earlier lines have another cause.
_LINES_OF_THE_END = 20
# The first line of a traceback that is not indented names the exception.
_EXCEPTION = re.compile(r"^Traceback \(most recent call last\):\n(?:[ \t].*\n)*(\S.*)$", re.MULTILINE)


def last_words(log: Path, since: int = 0) -> str:
    """The line at the end of ``log`` that best explains why the process ended.

    That is the ``reason`` of a critical JSON line, such as a refused setting; else the exception of the last
    traceback; else the last line that does not only record a request or the like. Empty when there is no line.

    Args:
        since: byte of the log where this process began to write.
    """
    text = _end(log, since)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not _is_information(line)]
    if not lines:
        return ""
    recent = lines[-_LINES_OF_THE_END:]
    return (_critical_reason(recent) or _exception(text, recent) or lines[-1])[:_MOST_CHARACTERS]


def _end(log: Path, since: int) -> str:
    with suppress(FileNotFoundError), log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(since, size - _MOST_BYTES))
        return file.read().decode("utf-8", "replace")
    return ""


def _is_information(line: str) -> bool:
    with suppress(ValueError):
        record = json.loads(line)
        return isinstance(record, dict) and record.get("level") == "info"
    return False


def _critical_reason(lines: list[str]) -> str:
    for line in reversed(lines):
        with suppress(ValueError):
            record = json.loads(line)
            if isinstance(record, dict) and record.get("level") == "critical" and record.get("reason"):
                return str(record["reason"])
    return ""


def _exception(text: str, recent: list[str]) -> str:
    named = [str(match).strip() for match in _EXCEPTION.findall(text)]
    return named[-1] if named and named[-1] in recent else ""
