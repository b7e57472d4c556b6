"""The process that runs the OCR model: started with the first picture, replaced if it ends.

The model takes 400 MB and all of a processor while it reads, which the emulator's own threads shall not wait for.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module

from local.dashscope.refusal import Refusal, invalid
from shared.runtime import parent

MODELS = ("pp-ocr", "hash")


class OcrProcess:
    """Reads one picture after the other; for one thread only, with which the process ends.

    Args:
        model: ``pp-ocr``, or ``hash``, which names each picture by its bytes and reads nothing.
    """

    def __init__(self, model: str) -> None:
        self._model = model
        self._pool: ProcessPoolExecutor | None = None

    def read(self, data: bytes) -> str:
        """The text of a picture as Markdown.

        Raises:
            Refusal: the picture cannot be read.
        """
        if self._model == "hash":
            return f"Picture {hashlib.sha256(data).hexdigest()}."
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, context, initializer=parent.end_with, initargs=(os.getpid(),))
        try:
            return self._pool.submit(_read_page, data).result()
        except BrokenProcessPool:
            self.close()
            raise Refusal("InternalError") from None
        except ValueError:
            raise invalid("The image format is illegal and cannot be opened") from None

    def close(self) -> None:
        """End the process."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = None


def _read_page(data: bytes) -> str:
    # By name: neither the emulator nor a start of the stack pays for OpenCV and ONNX.
    return str(import_module("local.dashscope.ocr_engine").read_page(data))
