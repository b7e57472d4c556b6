"""Documents embedded whole in a Word document (altChunk): web pages, mail archives of them, text, Word documents."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import DocumentError
from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from email.message import Message
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.archive import Archive
    from shared.parsing.limits import Limits

_MAX_DEPTH = 3
_MAIL = frozenset({"mht", "mhtml", "eml"})
# Extension of the part -> the name under which its content is read.
_NAMES = {"htm": "html", "xhtml": "html", "xht": "html", "text": "txt", "dat": "html"}
# These end the document, embedded or not.
_FATAL = frozenset({"too_large", "too_deep", "too_slow"})


class Inclusion:
    """Reads the embedded documents of one document, each once."""

    def __init__(self, archive: Archive, limits: Limits, warnings: list[str], depth: int = 0) -> None:
        """Begin.

        Args:
            warnings: takes a sentence for each embedded document that cannot be read.
            depth: how many documents this one is embedded in.
        """
        self._archive = archive
        self._limits = limits
        self._warnings = warnings
        self._depth = depth
        self._done: set[str] = set()

    def read(self, part: str) -> Iterator[Block]:
        """The blocks of the embedded document in ``part``."""
        if part in self._done:
            return
        self._done.add(part)
        if part not in self._archive.names:
            self._warnings.append("An embedded document is missing.")
            return
        extension = part.rpartition(".")[2].lower()
        try:
            with closing(TemporaryCopy(self._pieces(part, extension), self._limits.max_unpacked_bytes)) as copy:
                yield from self._parse(copy.path, extension)
        except DocumentError as error:
            if error.code in _FATAL:
                raise
            self._warnings.append(f"An embedded document ({extension}) was left out: {error.message}")

    def _pieces(self, part: str, extension: str) -> Iterable[bytes]:
        if extension in _MAIL:
            return [_page_of_mail(b"".join(self._archive.chunks(part)))]
        return self._archive.chunks(part)

    def _parse(self, path: Path, extension: str) -> Iterator[Block]:
        # Imported here: these formats embed this one or need other libraries.
        from shared.parsing import docx, html, text
        from shared.parsing.formats import find_format

        limits = replace(self._limits, max_unpacked_bytes=self._limits.max_unpacked_bytes - self._archive.unpacked)
        name = _NAMES.get(extension, "html" if extension in _MAIL else extension)
        form = find_format(path, f"a.{name}")
        if form == "docx" and self._depth < _MAX_DEPTH:
            yield from docx.parse_embedded(path, limits, self._warnings, self._depth + 1, self._archive.count)
        elif form == "html":
            yield from html.parse(path, limits).blocks
        elif form == "txt":
            yield from text.parse(path, limits).blocks
        else:
            self._warnings.append(f"An embedded document ({form}) was left out.")


def _page_of_mail(content: bytes) -> bytes:
    """The page, or else the text, in a mail archive of a page."""
    import email

    message = email.message_from_bytes(content)
    leaves = [leaf for leaf in message.walk() if not leaf.is_multipart()]
    kinds = ("text/html", "application/xhtml+xml", "text/plain")
    found = next((leaf for kind in kinds for leaf in leaves if leaf.get_content_type() == kind), None)
    return b"" if found is None else _decoded(found)


def _decoded(leaf: Message) -> bytes:
    payload = leaf.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    charset = leaf.get_content_charset()
    try:
        return content.decode(charset).encode() if charset else content
    except (LookupError, UnicodeDecodeError):
        return content
