"""A failure of this program is logged with its place, and never with the content that it failed at."""

from __future__ import annotations

import errno
import io
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.domain.errors import TransientError
from shared.runtime import logs

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "the secret words of a document"
ANY: dict[str, Any] = {}


def log_of(fail: Callable[[], object]) -> dict[str, Any]:
    """What a handler of the functions writes of a failure."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    log = logging.Logger("test")
    log.addHandler(handler)
    try:
        fail()
    except Exception as error:
        log.error("document_crashed", exc_info=error)
    return dict(json.loads(stream.getvalue()))


def chain() -> None:
    try:
        ANY[SECRET]
    except KeyError as error:
        try:
            float(SECRET)
        except ValueError as second:
            raise second from error


@pytest.mark.parametrize(
    ("fail", "kind"),
    [
        (lambda: ANY[SECRET], "KeyError"),
        (lambda: int(SECRET), "ValueError"),
        (lambda: f"{SECRET}\ud800".encode(), "UnicodeEncodeError"),
        (lambda: json.loads(f'"{SECRET}'), "JSONDecodeError"),
        (lambda: Path(f"/nowhere/{SECRET}").read_bytes(), "FileNotFoundError"),
        (chain, "KeyError"),
    ],
)
def test_what_it_failed_at_is_not_logged(fail: Callable[[], object], kind: str) -> None:
    line = log_of(fail)
    assert SECRET not in json.dumps(line)
    assert kind in line["exception"]
    assert "test_logged_exceptions.py" in line["exception"]


def raising(error: Exception) -> Callable[[], object]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AttributeError("'NoneType' object has no attribute 'rows'"), "no attribute 'rows'"),
        (ModuleNotFoundError("No module named 'grpc'"), "No module named 'grpc'"),
        (OSError(errno.ENOSPC, "No space left on device", SECRET), "No space left on device"),
        (TransientError("milvus_failed", "Milvus could not serve a call."), "could not serve a call"),
    ],
)
def test_what_names_code_or_a_cause_is_logged(error: Exception, message: str) -> None:
    line = log_of(raising(error))
    assert message in line["exception"]
    assert SECRET not in line["exception"]


def test_a_circle_of_causes_ends() -> None:
    first, second = KeyError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert log_of(raising(first))["exception"].count("KeyError") == 1
