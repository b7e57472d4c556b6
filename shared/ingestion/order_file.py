"""The file of a batch task while it is written: within the limits of a task, each text once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from shared.domain.disk import is_full_disk
from shared.embedding import tokens
from shared.embedding.batch_lines import identify_text, make_line
from shared.embedding.batch_tasks import MOST_FILE_BYTES, MOST_LINES
from shared.embedding.sources import COMPARED_TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shared.domain.catalog import EmbeddingModel


class OrderFile:
    """Lines for the texts of documents: thread-safe. A context manager, which closes the file.

    Args:
        path: of the file, which is made.
        profile: identity of the embedding.
        most_cost: what the task may cost, in CNY.

    Attributes:
        texts: texts in the file.
        tokens: tokens of them.
        is_full: whether a text was left out for a limit of the task, since the last `keep` or `drop`.
        samples: a few of them.
        is_dear: whether one was left out for its cost, since then.
        is_disk_full: whether one was left out because the disk is full, since then.
    """

    def __init__(
        self,
        path: Path,
        profile: str,
        model: EmbeddingModel,
        dimension: int,
        most_cost: float,
        *,
        most_lines: int = MOST_LINES,
        most_bytes: int = MOST_FILE_BYTES,
    ) -> None:
        self.texts = self.tokens = 0
        self.is_full = self.is_dear = self.is_disk_full = False
        self.samples: list[str] = []
        self._profile = profile
        self._model = model
        self._dimension = dimension
        self._most_cost = most_cost
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        # Without a buffer, which a full disk would leave with something that can be neither written nor dropped.
        self._file = path.open("w+b", buffering=0)
        self._known: set[bytes] = set()
        self._new: list[bytes] = []
        self._kept = (0, 0, 0)
        self._writing = threading.Lock()

    def __enter__(self) -> OrderFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def cost(self) -> float:
        """What the task costs if all of it succeeds, in CNY."""
        return self._model.batch_cost(self.tokens)

    def add(self, texts: Sequence[str]) -> bool:
        """Add texts; returns whether all are in the file now."""
        return all(self._add(text) for text in texts)

    def keep(self) -> None:
        """Keep what was added since the last time."""
        self._kept = (self._file.tell(), self.texts, self.tokens)
        self._new.clear()
        self.is_full = self.is_dear = self.is_disk_full = False

    def drop(self) -> None:
        """Drop what was added since the last `keep`."""
        size, self.texts, self.tokens = self._kept
        self._file.seek(size)
        self._file.truncate()
        self._known.difference_update(self._new)
        self._new.clear()
        self.is_full = self.is_dear = self.is_disk_full = False

    def _add(self, text: str) -> bool:
        id_, count = identify_text(self._profile, text), tokens.count(text)
        line = make_line(id_, text, self._model, self._dimension)
        name = bytes.fromhex(id_)
        with self._writing:
            if name in self._known:
                return True
            self.is_dear |= self._model.batch_cost(self.tokens + count) > self._most_cost
            self.is_full |= self.texts >= self._most_lines or self._file.tell() + len(line) > self._most_bytes
            if self.is_full or self.is_dear:
                return False
            if not self._write(line):
                self.is_disk_full = True
                return False
            self._known.add(name)
            self._new.append(name)
            if len(self.samples) < COMPARED_TEXTS:
                self.samples.append(text)
            self.texts += 1
            self.tokens += count
        return True

    def _write(self, line: bytes) -> bool:
        """Write a line; returns whether there was room for all of it."""
        try:
            return self._file.write(line) == len(line)
        except OSError as error:
            if not is_full_disk(error):
                raise
            return False
