"""Logs: one JSON object a line, with stable event names and the ids of the current request.

``log.info("document_indexed", extra={"chunks": 3})`` is the whole interface. No key, text or vector is ever logged.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from shared.domain.errors import ConfigurationError, PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator

_context: ContextVar[dict[str, Any]] = ContextVar("log_context", default={})  # noqa: B039 - replaced, never changed
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

# Exceptions that name code in their messages; others quote what they failed at: a text, a key, a vector.
_NAMING_CODE = (
    PlatformError, ImportError, NameError, AttributeError, TypeError, ArithmeticError, MemoryError, RecursionError,
    NotImplementedError,
)  # fmt: skip


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time, level, event, the bound context, the record's extras."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line break."""
        extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_context.get(),
            **extras,
        }
        if record.exc_info and record.exc_info[0]:
            line["exception"] = describe_exception(record.exc_info[1])
        return msgspec.json.encode(line, enc_hook=str).decode()


def describe_exception(error: BaseException | None) -> str:
    """A traceback of an exception and of those that led to it, without messages that may quote content."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:  # pymilvus makes a circle of them
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(
        "".join(traceback.format_tb(one.__traceback__)) + type(one).__qualname__ + _read_message(one)
        for one in reversed(chain)
    )


def _read_message(error: BaseException) -> str:
    if isinstance(error, OSError):  # it may quote an address with a signature
        return f": {error.strerror}" if error.errno and error.strerror else ""
    return f": {error}" if isinstance(error, _NAMING_CODE) else ""


@contextmanager
def bind(**values: Any) -> Iterator[None]:
    """Add ``values`` to every line logged inside."""
    token = _context.set({**_context.get(), **values})
    try:
        yield
    finally:
        _context.reset(token)


def configure(level: str) -> None:
    """Send the process's logs to standard output, which Function Compute keeps.

    The lines that Function Compute looks for (``FC Invoke Start …``) are printed as they are, between these.

    Raises:
        ConfigurationError: ``invalid_settings``: there is no such level.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    try:
        root.setLevel(level.upper())
    except ValueError:
        known = "DEBUG, INFO, WARNING or ERROR"
        raise ConfigurationError("invalid_settings", f"LOG_LEVEL must be {known}, not {level!r}") from None
    # Vendors log tracebacks, payloads or every request; we log each failure once ourselves.
    for name in ("pymilvus", "dashscope", "urllib3", "alibabacloud_oss_v2", "werkzeug"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
