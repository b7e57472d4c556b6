"""Scanned pages: generated in Chinese and English, a little skewed and noisy, read through the emulator's real model.

Chinese needs a font with its characters (Debian: fonts-noto-cjk); without one the pages are English only.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from unicodedata import normalize

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.readings.vocabulary import Vocabulary
from benchmarks.report import Figure, at_least, plain
from local import dashscope
from shared.domain.catalog import VISION_MODELS
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.ocr import PictureReader
from shared.parsing import Limits, parse_bounded
from shared.parsing.page_text import read_page_text
from shared.runtime.retrying import Deadline
from shared.runtime.settings import DashScopeSettings, Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.readings.truth import Table
    from shared.domain.models import Block

_PAGES: Final = 40
_SECONDS: Final = 600.0
_POINTS: Final = (595, 842)
_MARGIN: Final = 56
_MOST_DEGREES: Final = 1.0
_NOISE: Final = 14
_CHARACTERS_TARGET, _CELLS_TARGET = 0.97, 0.95


def measure(seed: int, pages: int = _PAGES) -> list[Figure]:
    """Characters and cells of tables that are right."""
    font = find_font()
    if not font:
        print("no font with Chinese characters: scans are English only", file=sys.stderr)
    right, characters, cells, all_cells = 0.0, 0, 0, 0
    with TemporaryDirectory(prefix="benchmark-") as folder, dashscope.running(dashscope.Settings(model="hash")) as url:
        settings = DashScopeSettings(api_key=Secret("sk-local"), base_url=url)
        reader = PictureReader(settings, VISION_MODELS["qwen-vl-ocr"], DashScopeClient(settings), 300.0)
        for number in range(pages):
            scan = Scan(f"{seed}/{number}", is_chinese=bool(font) and number % 2 == 0, dpi=(150, 200)[number // 2 % 2])
            path = Path(folder, "scan.pdf")
            scan.draw(font).save(path, "PDF", resolution=scan.dpi)
            blocks = _read(path, reader)
            text = squeeze("".join(scan.sentences))
            right += count_right(text, squeeze("".join(block.text for block in blocks)))
            characters += len(text)
            cells += _count_cells(scan.table, blocks)
            all_cells += sum(map(len, scan.table.rows))
    return [
        at_least("scans: characters right", right / characters, "", _CHARACTERS_TARGET),
        at_least("scans: cells of tables right", cells / all_cells, "", _CELLS_TARGET),
        plain("scans: pages", pages, ""),
    ]


class Scan:
    """One generated page: a title, paragraphs and a table.

    Attributes:
        sentences: of the paragraphs.
        dpi: resolution of the scanner.
    """

    def __init__(self, seed: str, *, is_chinese: bool, dpi: int) -> None:
        words = Vocabulary(seed, is_chinese=is_chinese)
        self.dpi = dpi
        self.sentences = words.sentences(10)
        self.table = words.table(5, 4)
        self._chance = random.Random(seed)
        self._is_chinese = is_chinese

    def draw(self, font: str) -> Image.Image:
        """The page as a scanner sees it."""
        scale = self.dpi / 72
        page = Image.new("L", (round(_POINTS[0] * scale), round(_POINTS[1] * scale)), 255)
        pen = Pen(page, load_font(font if self._is_chinese else "", round(11 * scale)), round(_MARGIN * scale))
        pen.write("".join(self.sentences) if self._is_chinese else " ".join(self.sentences))
        pen.rule([self.table.header, *self.table.rows])
        return self._wear(page)

    def _wear(self, page: Image.Image) -> Image.Image:
        degrees = self._chance.uniform(-_MOST_DEGREES, _MOST_DEGREES)
        turned = page.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)
        blurred = turned.filter(ImageFilter.GaussianBlur(0.6))
        noise = Image.effect_noise(page.size, _NOISE)
        return Image.blend(blurred, noise, 0.12).point(lambda shade: min(255, shade + 12))


class Pen:
    """Writes from the top of a page downwards, at first ``top`` pixels below it or as many as its margin has."""

    def __init__(self, page: Image.Image, font: ImageFont.FreeTypeFont, margin: int, top: int = 0) -> None:
        self._draw = ImageDraw.Draw(page)
        self._font = font
        self._left, self._right, self._top = margin, page.width - margin, top or margin
        self._height = int(font.size)

    def write(self, text: str) -> None:
        """A paragraph, broken into lines."""
        line = ""
        # English breaks between words, Chinese anywhere.
        for word in text.split(" ") if " " in text else text:
            longer = f"{line} {word}" if line and " " in text else line + word
            if self._draw.textlength(longer, self._font) > self._right - self._left:
                self._line(line)
                longer = word
            line = longer
        self._line(line)
        self._top += self._height

    def rule(self, rows: Sequence[tuple[str, ...]]) -> None:
        """A table with lines around its cells."""
        width = (self._right - self._left) // len(rows[0])
        for row in rows:
            for column, cell in enumerate(row):
                left = self._left + column * width
                box = (left, self._top, left + width, self._top + 2 * self._height)
                self._draw.rectangle(box, outline=0, width=max(1, self._height // 16))
                place = (left + self._height // 2, self._top + self._height // 3)
                self._draw.text(place, cell, fill=0, font=self._font)
            self._top += 2 * self._height

    def _line(self, text: str) -> None:
        self._draw.text((self._left, self._top), text, fill=0, font=self._font)
        self._top += round(1.6 * self._height)


def find_font() -> str:
    """The file of a font with Chinese characters; empty where none is installed."""
    if shutil.which("fc-match") is None:
        return ""
    command = ["fc-match", "-f", "%{lang}\n%{file}", "sans:lang=zh-cn"]
    languages, _, file = subprocess.run(command, check=True, capture_output=True, text=True).stdout.partition("\n")
    return file if "zh-cn" in languages.split("|") else ""


def load_font(file: str, size: int) -> ImageFont.FreeTypeFont:
    """A font of a size in pixels; that of Pillow where no file is named."""
    font = ImageFont.truetype(file, size) if file else ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType")
    return font


def squeeze(text: str) -> str:
    """``text`` without spaces, with characters of one meaning alike."""
    return "".join(normalize("NFKC", text).split())


def count_right(truth: str, found: str) -> int:
    """Characters of ``truth`` that were found in their order."""
    return sum(match.size for match in SequenceMatcher(None, truth, found, autojunk=False).get_matching_blocks())


def _read(path: Path, reader: PictureReader) -> list[Block]:
    deadline = Deadline.after(_SECONDS)
    parsed = parse_bounded(path, path.name, Limits(ocr="auto"), deadline)
    found: list[Block] = []
    for block in parsed.blocks:
        if block.picture:
            found += read_page_text(reader.read(block.picture, deadline).text.text, block.location)
    return found


def _count_cells(table: Table, blocks: list[Block]) -> int:
    """Cells that were found with the label of their column."""
    parts = {squeeze(part) for block in blocks if block.location.columns for part in block.text.split("; ")}
    wanted = [f"{label}: {cell}" for row in table.rows for label, cell in zip(table.header, row, strict=True)]
    return sum(squeeze(cell) in parts for cell in wanted)
