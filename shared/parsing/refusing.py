"""Refusing a document: an error that a parser is documented to raise for a bad file is a ``DocumentError``.

Every other error passes through: it says something about this program and nothing about the file.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator


def refuse(code: str, message: str) -> DocumentError:
    """The error for a document that cannot be parsed; ``message`` must not quote the document."""
    return DocumentError(code, message, stage="parsing")


def refuse_complex() -> DocumentError:
    """The error for a document that needs more memory than it may use."""
    message = "Reading the file needs more memory than a file may use; split it, or save it in a simpler format."
    return refuse("too_complex", message)


_DAMAGE = "The file is damaged: "


def report_damage(warnings: list[str], part: str) -> None:
    """Warn that a part of a file was read as far as it goes."""
    sentence = f"{_DAMAGE}what could not be read of its part {part} was left out."
    if sentence not in warnings:
        warnings.append(sentence)


def report_cut(warnings: list[str]) -> None:
    """Warn that the end of a container is missing."""
    sentence = f"{_DAMAGE}its end is missing, and with it whatever stood there; upload it again."
    if sentence not in warnings:
        warnings.append(sentence)


def has_damage(warnings: list[str]) -> bool:
    """Whether one of the warnings is about a part that could not be read."""
    return any(warning.startswith(_DAMAGE) for warning in warnings)


def refuse_empty(warnings: list[str]) -> DocumentError:
    """The error for a document without text; one that damage may have cost its text is broken."""
    if has_damage(warnings):
        return refuse("broken_file", f"{_DAMAGE}no text in it can be read.")
    return refuse("empty_document", "The file holds no text.")


@contextmanager
def refuse_errors(*bad_file_errors: type[BaseException]) -> Iterator[None]:
    """Turn what a parser raises for a bad file into a ``DocumentError``.

    The original error is dropped from the chain: parser messages quote the document, and log lines must not.

    Args:
        bad_file_errors: the classes that the parser is documented to raise for a damaged file.
    """
    try:
        yield
    except DocumentError:
        raise
    except RecursionError:
        raise refuse("too_deep", "The document nests its parts too deeply to be read.") from None
    except MemoryError:
        raise refuse_complex() from None
    except bad_file_errors as error:
        raise refuse("broken_file", f"The file is damaged and could not be read ({type(error).__name__}).") from None
