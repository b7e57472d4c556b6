"""What a terminal would obey instead of showing it, such as the escape sequences in a name or a text of the bucket."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.segment import Segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

# Control characters but tab and line feed, halves of pairs, and what reverses the direction of all that follows.
_OBEYED: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]{0,30}m")


def remove_colours(text: str) -> str:
    """Remove what colours the output of a program, where it is shown as lines of another one."""
    return _COLOUR.sub("", text)


def clean(text: str) -> str:
    """Escape what a terminal would obey, as JSON does, so that JSON stays what it is."""
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class CleanConsole(Console):
    """A console that escapes what is in texts, and not what it writes itself to colour or to move them."""

    def _render_buffer(self, buffer: Iterable[Segment]) -> str:
        return super()._render_buffer(
            segment if segment.control else Segment(clean(segment.text), segment.style) for segment in buffer
        )


class _CleanStream:
    """A stream that escapes what is printed to it.

    Attributes:
        rich_proxied_file: where consoles write, which escape for themselves.
    """

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write a text."""
        return self.rich_proxied_file.write(clean(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextmanager
def clean_output() -> Iterator[None]:
    """Escape all that is printed meanwhile."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_CleanStream(stream) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
