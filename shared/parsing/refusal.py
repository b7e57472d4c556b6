"""Refusing a document: every way a parser fails ends as one ``DocumentError`` of the stage ``parsing``."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator


def refusal(code: str, message: str) -> DocumentError:
    """The error for a document that cannot be parsed; ``message`` must not quote the document."""
    return DocumentError(code, message, stage="parsing")


@contextmanager
def refusing() -> Iterator[None]:
    """Turn whatever a parser raises on hostile bytes into a ``DocumentError``.

    The original error is dropped from the chain: parser messages quote the document, and log lines must not.
    """
    try:
        yield
    except (DocumentError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except RecursionError:
        raise refusal("too_deep", "The document nests its parts too deeply to be read.") from None
    except MemoryError:
        raise refusal("too_large", "The document needs more memory than this instance has.") from None
    # A panic in calamine's Rust code derives from BaseException, and no list of what five parsers raise is complete.
    except BaseException as error:  # noqa: BLE001
        message = f"The file is damaged and could not be read ({type(error).__name__})."
        raise refusal("broken_file", message) from None
