"""Documents inside another one: attachments of a message, members of an archive.

Each is read as if it were an object of its own, and its name becomes the outermost heading of what it holds.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import DocumentError
from shared.domain.models import Block, Location
from shared.parsing.document import parse
from shared.parsing.encoding import clean
from shared.parsing.refusing import refuse
from shared.parsing.scratch import TemporaryCopy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.parsing.limits import Limits

_LONGEST_NAME_CHARACTERS = 200
_MOST_KINDS = 20
# These end the whole document: the process has used up what it may.
_FATAL = frozenset({"too_complex", "too_slow"})


class Parts:
    """Reads the documents inside one document and counts those that it cannot read."""

    def __init__(self, limits: Limits, warnings: list[str]) -> None:
        """Begin.

        Args:
            limits: of the outer document; inner ones share the bytes that it may unpack to.
            warnings: takes a sentence for each kind of inner document that was left out.
        """
        self._limits = limits
        self._warnings = warnings
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._unpacked = 0

    def read(self, chunks: Iterable[bytes], name: str, above: tuple[str, ...] = (), key: str = "") -> Iterator[Block]:
        """The blocks of the document that ``chunks`` are the bytes of, below a heading with its name.

        Args:
            chunks: its bytes.
            name: of the file, with the folders it is in.
            above: headings that its name comes below.
            key: name that tells its format; empty where ``name`` does.
        """
        title = " ".join(clean(name).split())[-_LONGEST_NAME_CHARACTERS:] or "attachment"
        try:
            with closing(TemporaryCopy(self._counted(chunks), self._limits.max_unpacked_bytes)) as copy:
                limits = replace(self._limits, max_embedding=self._limits.max_embedding - 1)
                if limits.max_embedding < 0:
                    raise refuse("too_deep", "It is inside too many other documents.")
                document = parse(copy.path, key[-_LONGEST_NAME_CHARACTERS:] or title, limits)
                path = (*above, title)
                yield Block(title, Location(headings=path), heading=True)
                for block in document.blocks:
                    yield replace(block, location=_below(path, block.location))
                self._warnings += document.warnings
        except DocumentError as error:
            if error.code in _FATAL:
                raise
            self.leave_out(title, error.message)

    def leave_out(self, name: str, reason: str) -> None:
        """Count an inner document that is not read."""
        self._left_out[PurePosixPath(name).suffix.lower().lstrip(".")[:20] or "no extension", reason] += 1

    def report(self) -> None:
        """Add a warning for each kind of inner document that was left out."""
        for (kind, reason), count in self._left_out.most_common(_MOST_KINDS):
            self._warnings.append(f"Files inside the document that were left out: {count} ({kind}). {reason}")
        self._left_out.clear()

    def _counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for data in chunks:
            self._unpacked += len(data)
            if self._unpacked > self._limits.max_unpacked_bytes:
                raise refuse("too_large", f"The file unpacks to more than {self._limits.max_unpacked_bytes >> 20} MiB.")
            yield data


def _below(path: tuple[str, ...], location: Location) -> Location:
    return replace(location, headings=(*path, *location.headings))
