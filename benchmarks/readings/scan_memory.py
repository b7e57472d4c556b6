"""Memory of an instance of ingest while it reads as many long scans at once as Function Compute gives it.

The OCR model only names each picture by its bytes, after a wait: what it reads is not what is measured.
"""

from __future__ import annotations

import io
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image, ImageDraw, ImageFont

from benchmarks.report import Figure, at_most, plain
from benchmarks.testbed import MeasurementError, Testbed, testbed
from ops.template import parse

if TYPE_CHECKING:
    from collections.abc import Iterator

_DOCUMENTS: Final = 4
_PAGES: Final = 300
# A4 at 150 dpi.
_SIZE: Final = (1240, 1754)
_LINES: Final = 40
_NOISE: Final = 25
_LATENCY: Final = 0.25
_POLL_SECONDS: Final = 0.2
_MOST_SECONDS: Final = 1_800.0
_DEPLOYMENT: Final = Path(__file__).parents[2] / "s.yaml"


def measure(seed: int, documents: int = _DOCUMENTS, pages: int = _PAGES) -> list[Figure]:
    """The most memory that ingest had, against what its instances have."""
    limit = _read_memory_limit()
    options = ("--ocr-model", "hash")
    with testbed(_LATENCY, environ={"OCR": "auto"}, dashscope_options=options) as bed:
        rest = bed.memory("ingest") / 2**20
        bed.drop({f"scan-{number}.pdf": _make_scan(f"{seed}/{number}", pages) for number in range(documents)})
        started = time.monotonic()
        peak = max(_watch(bed, documents, started))
        seconds = time.monotonic() - started
        read = sum(int(document["ocr_pages"]) for document in bed.documents())
    return [
        at_most(f"{documents} scans of {pages} pages: memory of ingest", peak, "MiB", limit),
        plain("memory at rest", rest, "MiB"),
        plain("pages read", read, ""),
        plain("time", seconds, "s"),
    ]


def _watch(bed: Testbed, documents: int, started: float) -> Iterator[float]:
    """Memory of ingest, in MiB, until all documents are indexed.

    Raises:
        MeasurementError: one failed, or it takes too long.
    """
    while time.monotonic() - started < _MOST_SECONDS:
        yield bed.memory("ingest") / 2**20
        states = [document["state"] for document in bed.documents()]
        if "failed" in states:
            raise MeasurementError(f"a scan failed: {bed.documents()}")
        if states == ["indexed"] * documents:
            return
        time.sleep(_POLL_SECONDS)
    raise MeasurementError(f"after {_MOST_SECONDS:.0f} s not all scans are indexed")


def _make_scan(seed: str, pages: int) -> bytes:
    """A PDF of noisy pages, each another."""
    chance, stream = random.Random(seed), io.BytesIO()
    font = ImageFont.load_default(30)
    noise = Image.effect_noise(_SIZE, _NOISE)

    def draw(number: int) -> Image.Image:
        page = Image.new("L", _SIZE, 255)
        pen = ImageDraw.Draw(page)
        for line in range(_LINES):
            text = f"{number + 1}.{line + 1} " + " ".join(str(chance.randrange(10**6)) for _ in range(8))
            pen.text((100, 100 + 38 * line), text, fill=0, font=font)
        return Image.blend(page, noise, 0.12)

    first, others = draw(0), (draw(number) for number in range(1, pages))
    first.save(stream, "PDF", save_all=True, append_images=others, resolution=150)
    return stream.getvalue()


def _read_memory_limit() -> float:
    """Megabytes of an instance of ingest, as it is deployed."""
    return float(parse(_DEPLOYMENT)["resources"]["ingest"]["props"]["memorySize"])
