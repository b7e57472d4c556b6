"""What a process prints for people, on a terminal of any encoding."""

from __future__ import annotations

import codecs
import io
import locale
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO


def prepare_output() -> None:
    """Let standard outputs take everything: they escape what their encoding lacks, such as Chinese in ASCII.

    What was closed before the process began is lost, and no file or connection takes its place.
    """
    sys.stdout = sys.stdout or _open_nothing()
    sys.stderr = sys.stderr or _open_nothing()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and (encoding := _find_encoding_of_terminal(stream)):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
        # In UTF-8 a locale may have chosen to print the bytes of names as they are.
        if isinstance(stream, io.TextIOWrapper) and (stream.errors == "strict" or not _is_utf_8(stream.encoding)):
            with suppress(ValueError):  # it is closed
                stream.reconfigure(errors="backslashreplace")


def _find_encoding_of_terminal(stream: TextIO) -> str:
    """The encoding of the locale where Python was told to use UTF-8 for all else; empty where nothing is to change."""
    if not sys.flags.utf8_mode or os.environ.get("PYTHONIOENCODING") or stream.closed or not stream.isatty():
        return ""
    found = codecs.lookup(locale.getencoding()).name
    return "" if found in ("utf-8", "ascii") else found  # a locale such as C says nothing about the terminal


def _is_utf_8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


def _open_nothing() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")
