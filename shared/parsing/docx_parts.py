"""The parts of a Word document (OOXML): its main part, headers, footers, notes, styles."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from shared.parsing.package import find_main_part, list_types

if TYPE_CHECKING:
    from shared.parsing.archive import Archive


class Parts:
    """The parts of a document, by what they are to it."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.main = find_main_part(archive)
        self.relations = archive.relations(self.main)

    def is_template(self) -> bool:
        """Whether the document is a template, as its content type says."""
        return any(name == self.main and "template" in kind.lower() for name, kind in list_types(self._archive))

    def named(self, kind: str) -> str:
        """The one part of a kind; where no relation names it, that of its usual name beside the main part."""
        usual = posixpath.join(posixpath.dirname(self.main), f"{kind}.xml")
        return next(iter(self.all(kind)), usual)

    def all(self, kind: str) -> list[str]:
        """All parts of a kind, each once, in the order of the relations."""
        return list(dict.fromkeys(target for own, target in self.relations.values() if own == kind))
