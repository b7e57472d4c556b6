"""Pictures: PNG, JPEG, WebP, BMP, the pages of a TIFF and the first frame of a GIF, for a model to read."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

# The modules of two kinds, because Pillow would load those of all kinds to find them.
from PIL import Image, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin  # noqa: F401

from shared.domain.models import Block, Location, ParsedDocument
from shared.parsing.pictures import MAX_PIXELS, MIN_SIDE, allow_seconds, flatten, make_picture, refuse_without_ocr
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import IO

    from shared.domain.models import Picture
    from shared.parsing.limits import Limits

# What Pillow raises for a damaged file. It documents the first line; those of the second come out of its readers too.
BAD_FILE_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, UnidentifiedImageError),
    *(struct.error, TypeError, LookupError, ArithmeticError, AttributeError),
)
_KINDS: Final = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
# Its own bound counts pixels; memory is bounded below.
Image.MAX_IMAGE_PIXELS = None
_BYTES_PER_PIXEL: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
_COLOUR_BYTES: Final = 4
_ORIENTATION_TAG: Final = 274
# How a picture is turned, by its orientation in EXIF. https://www.cipa.jp/std/documents/e/DC-008-2012_E.pdf
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SUBFILE_TAG: Final = 254
_REDUCED: Final = 1


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The pictures of a file, each as a block that a model has to read.

    Raises:
        DocumentError: ``needs_ocr`` where no model may read them, ``too_large``, ``empty_document``.
    """
    if limits.ocr == "off":
        raise refuse_without_ocr("The file is a picture.")
    warnings: list[str] = []
    return ParsedDocument("", _blocks(path, limits, warnings), warnings=warnings)


def read_first(stream: IO[bytes], limits: Limits, is_wanted: Callable[[int, int], bool]) -> Picture | None:
    """The first picture of a file inside a document; ``None`` where it shows nothing or is not wanted.

    Args:
        stream: the file.
        limits: what reading it may cost.
        is_wanted: whether a picture of this width and height is.

    Raises:
        DocumentError: ``too_large``; and `BAD_FILE_ERRORS`.
    """
    with Image.open(stream, formats=_KINDS) as image:
        if not is_wanted(image.width, image.height):
            return None
        _check_size(image, limits)
        allow_seconds(limits)
        return make_picture(_read(image), is_page=False, is_inside=True)


def _blocks(path: Path, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    found = False
    with Image.open(path, formats=_KINDS) as image:
        is_paged = image.format == "TIFF"
        for number in range(limits.max_scans + 1):
            if number and not (is_paged and _turn(image, number)):
                break
            if number == limits.max_scans:
                warnings.append(f"Pages after page {number} were left out; at most OCR_MAX_PAGES are read.")
                break
            if is_paged and image.tag_v2.get(_SUBFILE_TAG, 0) & _REDUCED:  # type: ignore[attr-defined]
                continue  # a preview of another page
            _check_size(image, limits)
            allow_seconds(limits)
            if picture := make_picture(_read(image), is_page=is_paged):
                found = True
                yield Block("", Location(page=number + 1 if is_paged else None), picture=picture)
    if not found:
        raise refuse("empty_document", f"The picture is blank or has less than {MIN_SIDE} pixels on a side.")


def _turn(image: Image.Image, number: int) -> bool:
    try:
        image.seek(number)
    except EOFError:
        return False
    return True


def _check_size(image: Image.Image, limits: Limits) -> None:
    """Have a large JPEG read at a part of its size; refuse what would need too much memory.

    Raises:
        DocumentError: ``too_large``.
    """
    if image.format in ("JPEG", "MPO"):
        factor = (image.width * image.height / (4 * MAX_PIXELS)) ** 0.5
        if factor > 1:
            image.draft(None, (int(image.width / factor), int(image.height / factor)))
    needed = image.width * image.height * _BYTES_PER_PIXEL.get(image.mode, _COLOUR_BYTES)
    if needed > limits.max_picture_bytes:
        raise refuse(
            "too_large",
            f"The picture has {image.width} x {image.height} pixels, more than can be read at once; reduce it.",
        )


def _read(image: Image.Image) -> Image.Image:
    """``image`` as its camera was held; it is turned after it is reduced, which takes less memory."""
    turn = _TURNS.get(image.getexif().get(_ORIENTATION_TAG, 1))
    reduced = flatten(image)
    return reduced if turn is None else reduced.transpose(turn)
