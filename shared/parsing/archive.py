"""Office files: a zip of XML parts, read without trusting a size it declares or an entity it defines."""

from __future__ import annotations

import lzma
import zipfile
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote

from shared.domain.errors import DocumentError
from shared.parsing.encoding import clean
from shared.parsing.properties import read_title
from shared.parsing.refusing import refuse, report_cut, report_damage
from shared.parsing.relations import RELATION, name_relations, read_relations
from shared.parsing.salvage import is_inside_another, salvage
from shared.parsing.xml_events import Event, read_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType

    from shared.parsing.limits import Limits
    from shared.parsing.scratch import TemporaryCopy

_CHUNK_BYTES = 1 << 18
# Enough for the declaration and the outermost element of most parts.
_HEAD_BYTES = 1 << 12
# Several ask for those of the package and of the part at hand.
_RELATIONS_KEPT = 8
_LONGEST_NAME = 100
# Kinds of parts that hold text or say what it means; others, such as pictures and settings, are often taken out.
_TELLING = frozenset(
    {
        *("sharedStrings", "styles", "numbering", "header", "footer", "footnotes", "endnotes", "comments"),
        *("worksheet", "slide", "notesSlide", "chart", "diagramData", "drawing"),
    }
)
_T = TypeVar("_T")
_REDUCED_BYTES = 4 << 20
_ENCRYPTED_FLAG = 0x1
_UTF8_FLAG = 0x800
# What `zipfile` and its decoders raise for a container that is damaged, or packed in a way they do not know.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, ValueError, LookupError),
    *(NotImplementedError, OSError, EOFError, RuntimeError),
)


class Archive:
    """A zip container of parts, unpacked within ``limits.max_unpacked_bytes`` altogether.

    Parts are found whatever slashes and case their entries are written with, as Office finds them.

    Attributes:
        names: names of the parts, with slashes and without a leading one.
        warnings: about parts that are damaged; the format adds its own.
    """

    def __init__(self, path: Path, limits: Limits, warnings: list[str] | None = None) -> None:
        """Open the container; ``warnings`` are those of a document that it is part of.

        Raises:
            DocumentError: ``broken_file``, ``encrypted``, ``too_large``.
        """
        self._limits = limits
        self._unpacked = 0
        self.warnings: list[str] = [] if warnings is None else warnings
        self._copy: TemporaryCopy | None = None
        self._relations: dict[str, dict[str, tuple[str, str]]] = {}
        self._zip = self._open(path)
        members = self._zip.infolist()
        # By name as relations write it; the first of two that differ in case only is the one found in any other case.
        self._members = {_plain_name(member.filename): member for member in members}
        self._folded = {name.lower(): name for name in reversed(self._members)}
        self.names = frozenset(self._members)
        if fault := self._fault(members):
            self.close()
            raise fault
        self._sizes = {name: member.file_size for name, member in self._members.items()}
        for member in members:
            # zipfile stops at the size a part declares, other readers do not: ask it for all there is.
            member.file_size = limits.max_unpacked_bytes + 1

    def _open(self, path: Path) -> zipfile.ZipFile:
        """The container; one without a directory by what its entries say themselves."""
        with suppress(*_DAMAGE):
            container = zipfile.ZipFile(path)
            if not is_inside_another(container):
                return container
            container.close()
        self._copy = salvage(path, self._limits)
        if self._copy is not None:
            report_cut(self.warnings)
            with suppress(*_DAMAGE):
                return zipfile.ZipFile(self._copy.path)
            self._copy.close()
        raise refuse("broken_file", "The file is damaged: its zip container cannot be opened.")

    def _fault(self, members: list[zipfile.ZipInfo]) -> DocumentError | None:
        """What speaks against the file before anything is unpacked."""
        if len(members) > self._limits.max_members:
            return refuse("too_large", f"The file packs more than {self._limits.max_members} parts.")
        if any(member.flag_bits & _ENCRYPTED_FLAG for member in members):
            return refuse("encrypted", "The file is protected with a password; remove it and upload the file again.")
        if len(self.names) < len(members):
            return refuse("broken_file", "The file is damaged: two of its parts have the same name.")
        if sum(member.file_size for member in members) > self._limits.max_unpacked_bytes:
            return self._too_large()
        return None

    def _too_large(self) -> DocumentError:
        return refuse("too_large", f"The file unpacks to more than {self._limits.max_unpacked_bytes >> 20} MiB.")

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def closed_on_error(self) -> Iterator[None]:
        """Close the file when the statements inside fail."""
        try:
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; an unfinished part ends with it."""
        self._zip.close()
        if self._copy is not None:
            self._copy.close()

    def chunks(self, name: str, piece: int = _CHUNK_BYTES) -> Iterator[bytes]:
        """The bytes of a part, unpacked in pieces of so many bytes.

        Raises:
            DocumentError: ``too_large`` as soon as the parts read so far pass the bound; ``broken_file``.
        """
        try:
            name = self.resolve(name)
            size, declared = 0, self._sizes.get(name, 0)
            with self._zip.open(self._members[name]) as part:
                while data := part.read(piece):
                    size += len(data)
                    self.count(len(data))
                    if size > declared:
                        raise refuse("broken_file", "The file is damaged: a part is larger than it declares.")
                    yield data
        except _DAMAGE:
            raise refuse("broken_file", "The file is damaged: a part of it cannot be unpacked.") from None

    def size(self, name: str) -> int:
        """Bytes a part says that it unpacks to; 0 when it is missing."""
        return self._sizes.get(self.resolve(name), 0)

    def is_utf8(self, name: str) -> bool:
        """Whether the archive says that the name of this part is in UTF-8."""
        return bool(self._members[name].flag_bits & _UTF8_FLAG)

    @property
    def unpacked(self) -> int:
        """Bytes unpacked so far."""
        return self._unpacked

    def count(self, size: int) -> None:
        """Add bytes to those unpacked, such as those of a file inside this one.

        Raises:
            DocumentError: ``too_large``.
        """
        self._unpacked += size
        if self._unpacked > self._limits.max_unpacked_bytes:
            raise self._too_large()

    def events(
        self, name: str, only: frozenset[str] = frozenset(), reduce: Callable[[bytes], bytes] | None = None
    ) -> Iterator[Event]:
        """The elements and text of an XML part in reading order; nothing when the part is missing.

        Args:
            name: of the part.
            only: the elements wanted, where most of a part is of no use; text is left out then.
            reduce: takes what is not wanted out of a part of ordinary size before it is parsed.

        Raises:
            DocumentError: ``broken_file`` for malformed XML and for any DOCTYPE, so that no entity is ever defined;
                ``too_deep``; ``too_large``.
        """
        name = self.resolve(name)
        if name not in self.names:
            return
        chunks = self.chunks(name)
        if reduce is not None and self.size(name) <= _REDUCED_BYTES:
            chunks = iter([reduce(b"".join(chunks))])
        yield from read_events(chunks, self._limits.max_nesting, only)

    def root(self, name: str) -> Event | None:
        """The outermost element of an XML part, of which no more than its beginning is read.

        Raises:
            DocumentError: as `events`.
        """
        name = self.resolve(name)
        chunks = self.chunks(name, _HEAD_BYTES) if name in self.names else ()
        return next(read_events(chunks, self._limits.max_nesting), None)

    def readable_events(
        self, name: str, only: frozenset[str] = frozenset(), reduce: Callable[[bytes], bytes] | None = None
    ) -> Iterator[Event]:
        """As `events`, of a part that the document can do without: one that is damaged ends where the damage is.

        Elements that are open there are closed.

        Raises:
            DocumentError: ``too_deep``; ``too_large``.
        """
        inside: list[str] = []
        for event in self.until_damage(name, self.events(name, only, reduce)):
            if event.kind == "open":
                inside.append(event.name)
            elif event.kind == "close":
                inside.pop()
            yield event
        yield from (Event("close", element) for element in reversed(inside))

    def until_damage(self, name: str, found: Iterable[_T]) -> Iterator[_T]:
        """What is ``found`` in a part, as far as it is not damaged."""
        with self.surviving_damage(name):
            yield from found

    def report_missing(self, name: str) -> bool:
        """Whether a part that the document names is not in the file, which is warned about."""
        if self.resolve(name) in self.names:
            return False
        self.report_damage(name)
        return True

    def report_damage(self, name: str) -> None:
        """Warn that not all of a part could be read."""
        report_damage(self.warnings, clean(_plain_name(name)[:_LONGEST_NAME]))

    @contextmanager
    def surviving_damage(self, name: str) -> Iterator[None]:
        """Turn the refusal of a damaged part into a warning."""
        try:
            yield
        except DocumentError as error:
            if error.code != "broken_file":
                raise
            self.report_damage(name)

    def resolve(self, name: str) -> str:
        """The part's name among ``names``; ``name`` itself when there is no such part."""
        for candidate in (name, unquote(name)):
            plain = _plain_name(candidate)
            if plain in self._members:
                return plain
            if (folded := plain.lower()) in self._folded:
                return self._folded[folded]
        return name

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """The parts that ``part`` points to: relationship id -> (last word of its type, name of the part).

        ``part`` is empty for the package itself. What lies outside the file is left out; parts with text that are
        missing are warned about.
        """
        if part in self._relations:
            return self._relations[part]
        found: dict[str, tuple[str, str]] = {}
        for relation in read_relations(part, self.readable_events(name_relations(part), RELATION)):
            found[relation.id] = (relation.kind, self.resolve(relation.target))
            if relation.kind in _TELLING:
                self.report_missing(relation.target)
        if len(self._relations) < _RELATIONS_KEPT:
            self._relations[part] = found
        return found

    def title(self, part: str = "") -> str:
        """The title in the part with the document's properties, or empty.

        Args:
            part: that part; default: the one that the package names.
        """
        named = (target for kind, target in self.relations("").values() if kind == "core-properties")
        part = part or next(named, "docProps/core.xml")
        return read_title(self.until_damage(part, self.events(part)))


def _plain_name(name: str) -> str:
    """A part's name as relations write it: some writers put backslashes or a leading slash into entry names."""
    return name.replace("\\", "/").lstrip("/")
