"""The OCR model of the emulator, as it runs in a process of its own: PP-OCR by RapidOCR, on this machine."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from local.dashscope.ocr_page import Line, write_page
from local.dashscope.ocr_tables import find_tables

if TYPE_CHECKING:
    from cv2.typing import MatLike

# Skew is looked for up to so many degrees, on a reduced picture; a photograph without lines stays as it is.
_MOST_SKEW, _SKEW_STEP = 3.0, 0.1
_SKEW_PIXELS = 1_000
_UPRIGHT_BONUS = 0.002
# Around a part of the page that is read alone: text at the very edge is missed.
_MARGIN = 20
_WHITE = 255
# Now and then a clear line is read as something else altogether; its score tells.
_SURE = 0.9
_LINE_MARGIN = 3
_ENLARGED = 1.5
# Lines with a lower score are left out; those above it are read again.
_LEAST_SCORE = 0.3
# How far a box reaches beyond the ink; the default, 1.6, takes in parts of the lines above and below.
_UNCLIP = 1.3


def read_page(data: bytes) -> str:
    """The text of a picture as Markdown, tables as HTML.

    Raises:
        ValueError: the picture cannot be decoded.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("it cannot be decoded")
    # Lines of a skewed page come close to each other, and are then read as one.
    image = _turn(image, _find_skew(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)))
    found = _recognize(image)
    if found.boxes is None:
        return ""
    boxes = np.asarray(found.boxes, dtype=np.float64)
    lines = [_make_line(text, box) for text, box in zip(found.txts, boxes, strict=True)]
    for line, score in zip(lines, found.scores, strict=True):
        if score < _SURE:
            line.text = _read_again(image, line, float(score))
    tables, rest = find_tables(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), lines, _read_part)
    return write_page(rest, tables, image.shape[1])


def _read_again(image: MatLike, line: Line, score: float) -> str:
    """The text of a line that was read badly, from an enlarged picture of it alone, if that is read better."""
    top, left = max(0, round(line.top) - _LINE_MARGIN), max(0, round(line.left) - _LINE_MARGIN)
    part = image[top : round(line.bottom) + _LINE_MARGIN, left : round(line.right) + _LINE_MARGIN]
    enlarged = cv2.resize(part, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC)
    found = _recognize(_pad(enlarged))
    if found.boxes is None or min(found.scores) <= score:
        return line.text
    order = sorted(range(len(found.txts)), key=lambda index: float(found.boxes[index][0][0]))
    return " ".join(found.txts[index] for index in order)


def _pad(part: MatLike) -> MatLike:
    return cv2.copyMakeBorder(part, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT, value=(_WHITE,) * 3)


def _find_skew(grey: MatLike) -> float:
    """By how many degrees the lines fall to the right: turned back, they leave the clearest white between them."""
    scale = min(1.0, _SKEW_PIXELS / max(grey.shape))
    small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    dark = cv2.adaptiveThreshold(small, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, 31, 15)
    angles = np.arange(-_MOST_SKEW, _MOST_SKEW + _SKEW_STEP, _SKEW_STEP)
    clearest = max(angles, key=lambda angle: _measure_rows(_turn(dark, float(angle), 0)) - _UPRIGHT_BONUS * abs(angle))
    return float(clearest) if abs(clearest) > _SKEW_STEP else 0.0


def _measure_rows(dark: MatLike) -> float:
    """How much the ink of one row of pixels differs from that of the next, as a share of all ink."""
    rows = dark.sum(axis=1, dtype=np.float64)
    return float(np.square(np.diff(rows)).sum() / max(1.0, np.square(rows).sum()))


def _turn(image: MatLike, degrees: float, border: int = _WHITE) -> MatLike:
    if not degrees:
        return image
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    return cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_LINEAR, borderValue=(border,) * 3)


def _make_line(text: str, box: Any) -> Line:
    return Line(text, float(box[:, 0].min()), float(box[:, 1].min()), float(box[:, 0].max()), float(box[:, 1].max()))


def _read_part(part: MatLike) -> str:
    coloured = _pad(cv2.cvtColor(part, cv2.COLOR_GRAY2BGR))
    found = _recognize(coloured)
    if found.boxes is not None:
        return " ".join(found.txts)
    # A single character is often not detected, but can be read all the same.
    found = _load()(coloured, use_det=False, use_cls=False, use_rec=True)
    return " ".join(text for text in found.txts or () if text)


def _recognize(image: MatLike) -> Any:
    # All three are named: it remembers what the last call named.
    return _load()(image, use_det=True, use_cls=True, use_rec=True)


@cache
def _load() -> Any:
    """The model, which takes seconds to load. One thread: more of them use more time in all."""
    from rapidocr import RapidOCR

    threads = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    return RapidOCR(
        params={"Global.log_level": "error", "Global.text_score": _LEAST_SCORE, "Det.unclip_ratio": _UNCLIP, **threads}
    )
