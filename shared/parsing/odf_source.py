"""The parts of an OpenDocument file: entries of a zip archive, or one XML file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.domain.errors import DocumentError
from shared.parsing.archive import Archive
from shared.parsing.refusing import refuse
from shared.parsing.xml_events import read_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.parsing.limits import Limits
    from shared.parsing.xml_events import Event

_CHUNK_BYTES = 1 << 18
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[\]<>]{0,500}>")


class Source:
    """The parts of an OpenDocument file, packed or flat.

    Attributes:
        warnings: about parts that are damaged.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        """Open the file.

        Raises:
            DocumentError: ``encrypted``, ``broken_file``, ``too_large``.
        """
        self._path = path
        self._limits = limits
        self.warnings: list[str] = []
        self._archive = Archive(path, limits, self.warnings) if _is_packed(path) else None
        if self._archive is not None:
            with self._archive.closed_on_error():
                _check_manifest(self._archive)
        elif path.stat().st_size > limits.max_unpacked_bytes:
            raise refuse("too_large", f"The file is larger than {limits.max_unpacked_bytes >> 20} MiB.")

    def events(self, part: str) -> Iterator[Event]:
        """The steps through a part; of a flat file, which has one part, through all of it as ``content.xml``.

        Another part than that one is read as far as it is not damaged; formulas of old programs begin with a DOCTYPE.
        """
        if self._archive is not None:
            is_main = part == "content.xml"
            other = self._archive.readable_events
            yield from self._archive.events(part) if is_main else other(part, reduce=_drop_doctype)
        elif part == "content.xml":
            with self._path.open("rb") as stream:
                yield from read_events(iter(lambda: stream.read(_CHUNK_BYTES), b""), self._limits.max_nesting)

    def chunks(self, href: str) -> Iterator[bytes]:
        """The bytes of a file that a part refers to; a flat file has none.

        Raises:
            DocumentError: ``broken_file``.
        """
        if self._archive is None:
            raise refuse("broken_file", "They are not in the file.")
        return self._archive.chunks(href.removeprefix("./"))

    def title(self) -> str:
        """The title property."""
        return self._archive.title("meta.xml") if self._archive is not None else ""

    def close(self) -> None:
        """Close the file."""
        if self._archive is not None:
            self._archive.close()


def _drop_doctype(content: bytes) -> bytes:
    """``content`` without a DOCTYPE that defines nothing."""
    return _DOCTYPE.sub(b"", content, count=1)


def _is_packed(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(2) == b"PK"


def _check_manifest(archive: Archive) -> None:
    """Refuse an encrypted file, and warn of parts with text that it names and does not hold."""
    try:
        events = list(archive.events("META-INF/manifest.xml", frozenset({"encryption-data", "file-entry"})))
    except DocumentError:  # written with a DOCTYPE by old programs, which did not encrypt
        events = []
    if any(event.name == "encryption-data" for event in events):
        raise refuse("encrypted", "The file is protected with a password; remove it and upload the file again.")
    named = (event.attributes.get("full-path", "") for event in events if event.kind == "open")
    for part in ("content.xml", *named):
        if part.endswith(("content.xml", "styles.xml")):
            archive.report_missing(part)
