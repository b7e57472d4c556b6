"""The words of a chunk, as keyword search compares them: tokens of our own analysis, which Milvus splits at spaces.

The first line holds the tokens of the context and of the file name, each further line those of a line of the text. So a
search can tell whether one line, a row of a table say, answers the query alone.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from shared.language.analysis import analyze, join_tokens

if TYPE_CHECKING:
    from shared.domain.models import Chunk


def build_words(chunk: Chunk, key: str, max_bytes: int) -> str:
    """The tokens of a chunk in lines, as many as fit into ``max_bytes`` of UTF-8.

    Args:
        key: name of the object; people look for documents by it, whatever their titles are.
    """
    name = PurePosixPath(key).stem
    head = chunk.context if name in chunk.context else f"{chunk.context}\n{name}"
    lines = [analyze(head), *(analyze(line) for line in chunk.text.splitlines() if line.strip())]
    return join_tokens((" ".join(tokens) for tokens in lines), max_bytes, joint="\n")
