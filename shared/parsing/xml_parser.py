"""Expat, set up for parts of Office files: no DOCTYPE, so that no entity is ever defined, and known encodings only."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat

from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from shared.domain.errors import DocumentError


def create_parser(namespace_separator: str | None = None) -> expat.XMLParserType:
    """A parser that reports text whole and refuses what Office files never hold."""
    parser = expat.ParserCreate(namespace_separator=namespace_separator)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.XmlDeclHandler = _check_encoding
    return parser


def feed_parser(parser: expat.XMLParserType, data: bytes, *, final: bool) -> None:
    """Parse the next ``data``.

    Raises:
        DocumentError: ``broken_file``.
    """
    try:
        parser.Parse(data, final)
    except expat.ExpatError:
        raise _malformed() from None


def _refuse_doctype(*_: object) -> None:
    raise refuse("broken_file", "The file's XML holds a DOCTYPE, which office files never need.")


def _check_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    """Refuse an encoding that Expat would raise an error of its own for: unknown, or of several bytes a character."""
    if not encoding or encoding.upper() in ("UTF-8", "UTF-16"):
        return
    try:
        is_single = len(bytes(range(256)).decode(encoding, "replace")) == 256
    except (LookupError, ValueError, AssertionError):
        raise _malformed() from None
    if not is_single and not encoding.upper().startswith("UTF-16"):
        raise _malformed()


def _malformed() -> DocumentError:
    return refuse("broken_file", "The file is damaged: a part of it is not well-formed XML.")
