"""Writes the samples that are pictures: a scanned page in Chinese and a photograph of a sign.

Run as ``python -m benchmarks.samples`` after a change, and commit what it writes to ``samples/scanned``. Chinese needs
a font with its characters.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFilter

from benchmarks.readings.scans import Pen, find_font, load_font

_SAMPLES: Final = Path(__file__).resolve().parent.parent / "samples" / "scanned"
_SCAN: Final = _SAMPLES / "设备巡检通知.pdf"
_PHOTO: Final = _SAMPLES / "parking-sign.jpg"
_PAPER: Final = (1_240, 1_754)
_TITLE: Final = "关于加强设备巡检工作的通知"
_TEXT: Final = (
    "为保证生产安全，自下月一日起，各车间应按下表对设备进行巡检，并在当日填写巡检记录。"
    "发现异常的，应在两小时内报告设备管理部；情况紧急的，先停机后报告。"
    "巡检记录由班组长签字，保存三年。"
)
_TABLE: Final = [
    ("设备", "巡检周期", "负责人"),
    ("空压机", "每周两次", "王建国"),
    ("冷却塔", "每月一次", "李娜"),
    ("配电柜", "每季度一次", "赵敏"),
]
_SIGN: Final = (
    "VISITOR PARKING",
    "Level B2",
    "Monday to Friday 7:00 - 21:00",
    "Maximum stay 3 hours",
    "Gates close at 21:30",
)


def main() -> int:
    """Write both."""
    font = find_font()
    if not font:
        sys.exit("No font with Chinese characters is installed.")
    _draw_scan(font).save(_SCAN, "PDF", resolution=150, quality=60)
    _draw_photo().save(_PHOTO, "JPEG", quality=70)
    return 0


def _draw_scan(font: str) -> Image.Image:
    page = Image.new("L", _PAPER, 255)
    title = load_font(font, 40)
    width = ImageDraw.Draw(page).textlength(_TITLE, title)
    ImageDraw.Draw(page).text(((_PAPER[0] - width) // 2, 130), _TITLE, fill=0, font=title)
    pen = Pen(page, load_font(font, 24), 130, top=240)
    pen.write(_TEXT)
    pen.rule(_TABLE)
    pen.write("设备管理部")
    turned = page.rotate(0.6, Image.Resampling.BICUBIC, fillcolor=255).filter(ImageFilter.GaussianBlur(0.6))
    return Image.blend(turned, Image.effect_noise(_PAPER, 20), 0.06)


def _draw_photo() -> Image.Image:
    """A sign on a wall, seen from its left."""
    sign = Image.new("RGB", (900, 560), (20, 70, 140))
    pen = ImageDraw.Draw(sign)
    pen.rectangle((12, 12, 887, 547), outline="white", width=6)
    for number, line in enumerate(_SIGN):
        font = load_font("", 64 if number == 0 else 44)
        pen.text(((900 - pen.textlength(line, font)) // 2, 50 + 96 * number), line, fill="white", font=font)
    wall = Image.linear_gradient("L").resize((1_280, 960)).convert("RGB").point(lambda shade: 110 + shade // 4)
    # Where each corner of the wall comes from on the sign, so that its far side is smaller.
    seen = sign.transform((1_280, 960), Image.Transform.PERSPECTIVE, _find_view(), Image.Resampling.BICUBIC)
    mask = Image.new("L", sign.size, 255).transform((1_280, 960), Image.Transform.PERSPECTIVE, _find_view())
    wall.paste(seen, mask=mask)
    noise = Image.effect_noise(wall.size, 30).convert("RGB")
    return Image.blend(wall, noise, 0.08).filter(ImageFilter.GaussianBlur(0.8))


def _find_view() -> tuple[float, ...]:
    """The coefficients of https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.Transform."""
    return (0.95, 0.06, -180.0, -0.075, 1.02, -130.0, -0.00012, 0.00003)


if __name__ == "__main__":
    sys.exit(main())
