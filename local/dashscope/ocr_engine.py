"""The OCR model of the emulator, as it runs in a process of its own: PP-OCR by RapidOCR, on this machine."""

from __future__ import annotations

import math
from functools import cache
from statistics import median
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from local.dashscope.ocr_page import Line, write_page
from local.dashscope.ocr_tables import find_tables

if TYPE_CHECKING:
    from cv2.typing import MatLike
    from numpy.typing import NDArray

# A page that is turned less than this is upright.
_UPRIGHT_DEGREES = 0.1
_WIDE = 4.0
# Around a part of the page that is read alone: text at the very edge is missed.
_MARGIN = 20
_WHITE = 255


def read_page(data: bytes) -> str:
    """The text of a picture as Markdown, tables as HTML.

    Raises:
        ValueError: the picture cannot be decoded.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("it cannot be decoded")
    found = _recognize(image)
    if found.boxes is None:
        return ""
    boxes = np.asarray(found.boxes, dtype=np.float64)
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), _find_angle(boxes), 1.0)
    upright = [_make_line(text, box @ turn[:, :2].T + turn[:, 2]) for text, box in zip(found.txts, boxes, strict=True)]
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    grey = cv2.warpAffine(grey, turn, (width, height), borderValue=_WHITE)
    tables, rest = find_tables(grey, upright, _read_part)
    return write_page(rest, tables, width)


def _find_angle(boxes: NDArray[np.float64]) -> float:
    """By how many degrees the lines fall to the right."""
    edges = [box[1] - box[0] for box in boxes if _length(box[1] - box[0]) > _WIDE * _length(box[3] - box[0])]
    angle = math.degrees(median(math.atan2(edge[1], edge[0]) for edge in edges)) if edges else 0.0
    return angle if abs(angle) >= _UPRIGHT_DEGREES else 0.0


def _length(edge: Any) -> float:
    return math.hypot(edge[0], edge[1])


def _make_line(text: str, box: Any) -> Line:
    return Line(text, float(box[:, 0].min()), float(box[:, 1].min()), float(box[:, 0].max()), float(box[:, 1].max()))


def _read_part(part: MatLike) -> str:
    padded = cv2.copyMakeBorder(part, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT, value=_WHITE)
    coloured = cv2.cvtColor(padded, cv2.COLOR_GRAY2BGR)
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
    return RapidOCR(params={"Global.log_level": "error", **threads})
