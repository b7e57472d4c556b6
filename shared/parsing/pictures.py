"""Pictures as a model gets them: upright, on white, of bounded size, as JPEG with a hash of their pixels."""

from __future__ import annotations

import io
import math
import resource
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from shared.domain.catalog import VISION_MODELS, estimate_page
from shared.domain.models import Picture
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from PIL.Image import Image

    from shared.domain.errors import DocumentError
    from shared.parsing.limits import Limits

# What a model sees of a picture; more pixels would be billed and hardly read better.
MAX_PIXELS: Final = 6_000_000
# Smaller pictures hold no text, and models refuse those of a few pixels.
MIN_SIDE: Final = 16
# Models refuse a picture that is 200 times as wide as it is high.
_MOST_RATIO: Final = 100
_QUALITIES: Final = (88, 70, 50)
# A request may have 10 MB, in base64.
_MOST_BYTES: Final = 6 << 20
# Of 256 shades: paper and scanner are not quite even, and JPEG adds a little.
_BLANK_RANGE: Final = 24
_PREVIEW: Final = (1_000, 1_000)


def refuse_without_ocr(what: str) -> DocumentError:
    """The error for a file that only a model could read, where none may."""
    cost = estimate_page(VISION_MODELS["qwen-vl-ocr"])
    return refuse(
        "needs_ocr",
        f"{what} Set OCR=auto to have it read by a model (about CNY {cost:.4f} a page with qwen-vl-ocr), "
        "or run it through OCR first.",
    )


def make_picture(image: Image, *, is_page: bool, is_inside: bool = False) -> Picture | None:
    """The picture to send; ``None`` where it is blank or too small to show anything. Arguments as of `Picture`."""
    image = _bound(flatten(image))
    if min(image.size) < MIN_SIDE or _is_blank(image):
        return None
    hashed = blake2b(f"{image.mode} {image.size}".encode(), digest_size=16)
    hashed.update(image.tobytes())
    return Picture(_compress(image), hashed.hexdigest(), *image.size, is_page=is_page, is_inside=is_inside)


def allow_seconds(limits: Limits) -> None:
    """Allow this process the CPU time for one more picture; a document may hold a thousand of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_CPU, (soft + limits.seconds_per_picture, hard))


def flatten(image: Image) -> Image:
    """``image`` reduced to what is sent, in shades of grey or in colours, on white."""
    import PIL.Image

    factor = math.sqrt(MAX_PIXELS / (image.width * image.height))
    if factor < 1:
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        # Only these modes can be averaged; the rest is converted first, which takes as much memory as the picture.
        image = image if image.mode in ("L", "RGB", "RGBA", "CMYK") else _convert(image)
        image = image.resize(size, PIL.Image.Resampling.LANCZOS, reducing_gap=2.0)
    image = _convert(image)
    if image.mode != "RGBA":
        return image
    paper = PIL.Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _convert(image: Image) -> Image:
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    if image.mode.startswith("I"):  # 16 bits a pixel
        return image.convert("I").point(lambda value: value * (1 / 256) + 0).convert("L")
    has_alpha = image.mode in ("LA", "PA", "La") or "transparency" in image.info
    return image.convert("RGBA" if has_alpha else "L" if image.mode == "1" else "RGB")


def _bound(image: Image) -> Image:
    """``image`` with so much white that its sides are in a ratio that models take; smaller where that is too much."""
    import PIL.Image

    longest = math.isqrt(MAX_PIXELS * _MOST_RATIO)
    if max(image.size) > longest:
        image = image.copy()
        image.thumbnail((longest, longest))
    shorter = math.ceil(max(image.size) / _MOST_RATIO)
    if min(image.size) >= shorter or min(image.size) < MIN_SIDE:
        return image
    paper = PIL.Image.new(image.mode, (max(image.width, shorter), max(image.height, shorter)), "white")
    paper.paste(image)
    return paper


def _is_blank(image: Image) -> bool:
    preview = image.convert("L")
    preview.thumbnail(_PREVIEW)
    darkest, lightest = preview.getextrema()
    return float(lightest) - float(darkest) < _BLANK_RANGE  # type: ignore[arg-type]


def _compress(image: Image) -> bytes:
    for quality in _QUALITIES:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        if stream.tell() <= _MOST_BYTES:
            break
    return stream.getvalue()
