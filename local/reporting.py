"""What a part of the stack has to tell the person at the terminal.

A part's first line on its standard output names its address; every later line is a sentence for people, which the
process that started the part shows. What concerns developers only goes to the log, the standard error output.
"""

from __future__ import annotations

import sys
from contextlib import suppress


def report(sentence: str) -> None:
    """Show a sentence at the terminal; without one it is lost, and the part goes on."""
    with suppress(OSError, ValueError):  # the reader is gone, or the disk that holds the output is full
        sys.stdout.write(show(sentence) + "\n")
        sys.stdout.flush()


def show(text: str) -> str:
    """``text`` on one line, with what no terminal can print escaped, such as bytes of a name that are not UTF-8."""
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte, as Python keeps it: https://peps.python.org/pep-0383
        return f"\\x{ord(character) & 0xFF:02x}"
    return ascii(character)[1:-1]
