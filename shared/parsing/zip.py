"""Zip archives: each member is read as a document of its own, below its name as heading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.domain.models import ParsedDocument
from shared.parsing.archive import Archive
from shared.parsing.embedded import Parts
from shared.parsing.refusing import has_damage, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

# What archiving programs and version control add.
_HIDDEN = ("__MACOSX/", ".git/", ".svn/")
_HIDDEN_NAMES = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
# The name of a member, or the subject of a message, is no title of the whole.
IS_COLLECTION = True


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of all members that can be read, in the order of their names.

    Raises:
        DocumentError: ``broken_file``, ``encrypted``, ``too_large``.
    """
    archive = Archive(path, limits)
    return ParsedDocument("", _blocks(archive, limits, archive.warnings), warnings=archive.warnings)


def _blocks(archive: Archive, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    parts = Parts(limits, warnings)
    is_empty = True
    with archive:
        for name in sorted(archive.names):
            if not _is_hidden(name):
                for block in parts.read(archive.chunks(name), _show(name, is_utf8=archive.is_utf8(name))):
                    is_empty = False
                    yield block
    parts.report()
    if is_empty and warnings and not has_damage(warnings):
        raise refuse("unsupported_format", f"The archive holds no file that can be read. {warnings[0]}")


def _is_hidden(name: str) -> bool:
    return name.endswith("/") or name.startswith(_HIDDEN) or name.rpartition("/")[2] in _HIDDEN_NAMES


def _show(name: str, *, is_utf8: bool) -> str:
    """The name as its author wrote it: archives of Windows hold names in the code page of its language."""
    if name.isascii() or is_utf8:
        return name
    try:
        written = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    for encoding in ("utf-8", "gb18030", "cp932"):
        try:
            return written.decode(encoding)
        except UnicodeDecodeError:
            continue
    return name
