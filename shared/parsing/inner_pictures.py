"""Pictures inside documents, which a model reads with ``OCR=all``: which are large enough, and when they are unpacked.

Those of a document without text are all that it holds, as the pages of a scan, and are read with ``OCR=auto`` too.
Parsers hold back paragraphs and cells until a table ends. So they give the places of pictures first, and each picture
is unpacked when it leaves the parser.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from shared.domain.errors import DocumentError
from shared.domain.models import Block, Picture
from shared.parsing.pictures import refuse_without_ocr
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shared.parsing.limits import Limits

# A picture is read if it is shown on so many square centimetres, about 5 by 5. Smaller ones are icons and logos.
LEAST_AREA: Final = 25.0
# Text in fewer pixels cannot be read however large they are shown.
_LEAST_PIXELS: Final = 20_000
_LEAST_SIDE: Final = 48
_MOST_BYTES: Final = 32 << 20
# Beside a picture the document itself is in memory.
_MOST_UNPACKED_BYTES: Final = 96 << 20
_CM_PER_INCH: Final = 2.54
_PIXELS_PER_INCH: Final = 96
_CM: Final = {
    "cm": 1.0,
    "mm": 0.1,
    "in": _CM_PER_INCH,
    "pt": _CM_PER_INCH / 72,
    "pc": _CM_PER_INCH / 6,
    "px": _CM_PER_INCH / _PIXELS_PER_INCH,
}
_LENGTH: Final = re.compile(r"\s{0,9}([0-9]{1,7}(?:\.[0-9]{0,9})?)\s{0,9}([a-z]{0,2})")
_EMU_PER_CM: Final = 360_000
_DECLARED_LENGTH: Final = re.compile(r"(?:\A|;)\s{0,9}(width|height)\s{0,9}:([^;]{0,40})")
_MOST_KINDS: Final = 20
_LONGEST_KIND: Final = 5
UNSUPPORTED: Final = "They are damaged, or of a kind that is not supported."


class Unread(Picture, frozen=True, kw_only=True):
    """A picture that is not unpacked yet.

    Attributes:
        kind: what its name ends in, for warnings.
        area: square centimetres on which it is shown; 0 where that is not known.
        chunks: gives its bytes.
    """

    kind: str
    area: float
    chunks: Callable[[], Iterable[bytes]]


class InnerPictures:
    """The pictures of one document, each of which is read where it is first shown."""

    def __init__(self, limits: Limits, warnings: list[str]) -> None:
        """Begin.

        Args:
            limits: of the document.
            warnings: takes a sentence for each kind of picture that was left out.
        """
        self._mode = limits.ocr
        self._limits = replace(limits, max_picture_bytes=min(limits.max_picture_bytes, _MOST_UNPACKED_BYTES))
        self._warnings = warnings
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._seen: set[str] = set()
        self._count = 0

    def find(self, name: str, area: float, chunks: Callable[[], Iterable[bytes]]) -> Iterator[Block]:
        """A block in place of a picture; none where it is too small.

        Args:
            name: of the picture, the same wherever it is shown.
            area: square centimetres on which it is shown; 0 where that is not known.
            chunks: gives its bytes when they are needed.
        """
        if not 0 < area < LEAST_AREA:
            yield Block("", picture=Unread(b"", name, 0, 0, kind=find_kind(name), area=area, chunks=chunks))

    def unpack(self, blocks: Iterator[Block], *, is_whole: bool = False) -> Iterator[Block]:
        """``blocks`` with their pictures unpacked, without those that cannot be read or are not wanted.

        Args:
            blocks: what the parser found.
            is_whole: whether they are all that the file holds, so that it may have no text.

        Raises:
            DocumentError: ``needs_ocr`` for a file that holds only pictures, where no model may read them.
        """
        waiting: list[Block] | None = [] if is_whole and self._mode != "all" else None
        is_empty = True
        for block in blocks:
            if not isinstance(block.picture, Unread):
                is_empty, waiting = False, waiting if block.heading else None
                yield block
            elif self._mode == "all":
                yield from self._read(block)
            elif waiting is not None and len(waiting) <= self._limits.max_scans:
                waiting.append(block)
        for block in waiting or ():
            yield from self._read_alone(block, is_empty=is_empty)
        self._warn()

    def _read(self, block: Block) -> Iterator[Block]:
        if isinstance(block.picture, Unread) and (picture := self._unpack(block.picture)):
            yield replace(block, picture=picture)

    def _read_alone(self, block: Block, *, is_empty: bool) -> Iterator[Block]:
        """A picture of a document that has no text."""
        if self._mode == "auto":
            for read in self._read(block):
                yield replace(read, picture=read.picture and replace(read.picture, is_inside=False))
        elif is_empty and any(self._read(block)):
            raise refuse_without_ocr("The document holds pictures and no text.")

    def _warn(self) -> None:
        for (kind, reason), count in self._left_out.most_common(_MOST_KINDS):
            self._warnings.append(f"Pictures inside the document that were left out: {count} ({kind}). {reason}")
        self._left_out.clear()

    def _unpack(self, unread: Unread) -> Picture | None:
        # Imported here: most documents have no picture that is read.
        from shared.parsing import image

        if unread.digest in self._seen:
            return None
        self._seen.add(unread.digest)
        if self._count >= self._limits.max_scans:
            self.leave_out(unread.kind, "At most OCR_MAX_PAGES are read.")
            return None
        try:
            stream = _gather(unread.chunks())
            picture = image.read_first(stream, self._limits, lambda width, height: _is_large(width, height, unread))
        except DocumentError as error:
            self.leave_out(unread.kind, error.message)
        except MemoryError:
            self.leave_out(unread.kind, "Reading them needs more memory than a file may use.")
        except image.BAD_FILE_ERRORS:
            self.leave_out(unread.kind)
        else:
            self._count += picture is not None
            return picture
        return None

    def leave_out(self, kind: str, reason: str = UNSUPPORTED) -> None:
        """Count a picture that is not read, by what its name ends in."""
        if self._mode == "all":
            self._left_out[kind, reason] += 1


def find_kind(name: str) -> str:
    """What a name ends in: ``png``; ``unnamed`` where that tells nothing."""
    kind = name.rpartition(".")[2].lower()
    return kind if kind.isalnum() and len(kind) <= _LONGEST_KIND else "unnamed"


def measure_area(width: str, height: str) -> float:
    """Square centimetres of a picture with these sides, such as ``5.2cm`` or ``200``; 0 where they are not given."""
    return _measure(width) * _measure(height)


def measure_declared_area(style: str) -> float:
    """Square centimetres of a picture by the width and height of a CSS style; 0 where they are not given."""
    sides = {name: _measure(value) for name, value in _DECLARED_LENGTH.findall(style.lower())}
    return sides.get("width", 0.0) * sides.get("height", 0.0)


def measure_drawn_area(attributes: dict[str, str]) -> float:
    """Square centimetres by the attributes ``cx`` and ``cy`` of DrawingML; 0 where they are not given."""
    sides = [attributes.get(name, "") for name in ("cx", "cy")]
    width, height = (int(side) if side.isascii() and side.isdecimal() and len(side) < 12 else 0 for side in sides)
    return width * height / _EMU_PER_CM**2


def _measure(text: str) -> float:
    match = _LENGTH.fullmatch(text.strip().lower())
    return float(match[1]) * _CM.get(match[2] or "px", 0.0) if match else 0.0


def _is_large(width: int, height: int, unread: Unread) -> bool:
    if width * height < _LEAST_PIXELS or min(width, height) < _LEAST_SIDE:
        return False
    return unread.area > 0 or width * height * _CM["px"] ** 2 >= LEAST_AREA


def _gather(chunks: Iterable[bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    for data in chunks:
        stream.write(data)
        if stream.tell() > _MOST_BYTES:
            raise refuse("too_large", f"They have more than {_MOST_BYTES >> 20} MiB.")
    stream.seek(0)
    return stream
