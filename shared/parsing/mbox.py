"""Mailboxes (mbox): one message after the other, each read as a message of its own; ``row`` counts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.models import ParsedDocument
from shared.parsing import eml
from shared.parsing.embedded import Parts
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_START = b"From "
_LINE_BYTES = 1 << 20
_BLANK = (b"\n", b"\r\n")
# The name of a member, or the subject of a message, is no title of the whole.
IS_COLLECTION = True


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The messages of a mailbox of any size.

    Raises:
        DocumentError: ``format_mismatch``.
    """
    with path.open("rb") as stream:
        head = stream.read(len(_START) + 3)
    if not head.removeprefix(b"\xef\xbb\xbf").startswith(_START):
        raise refuse("format_mismatch", "The name says that this is a mailbox, but it does not begin with a message.")
    warnings: list[str] = []
    return ParsedDocument("", _blocks(path, limits, warnings), warnings=warnings)


def _blocks(path: Path, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    parts = Parts(limits, warnings)
    for number, content in enumerate(_messages(path), start=1):
        if number > limits.max_rows:
            raise refuse("too_large", f"The mailbox has more than {limits.max_rows} messages.")
        if len(content) > eml.MOST_BYTES:
            parts.leave_out("message.eml", f"A message may have at most {eml.MOST_BYTES >> 20} MiB.")
            continue
        for block in eml.read(content, limits, warnings, parts):
            place = block.location
            yield block if place.row is not None else replace(block, location=replace(place, row=number))
    parts.report()


def _messages(path: Path) -> Iterator[bytes]:
    """The bytes of each message; of one that is too long, its first part."""
    with path.open("rb") as stream:
        gathered: list[bytes] = []
        size, is_blank = 0, True
        for line in iter(lambda: stream.readline(_LINE_BYTES), b""):
            if is_blank and line.startswith(_START):
                if gathered:
                    yield b"".join(gathered)
                gathered, size = [], 0
            elif size <= eml.MOST_BYTES:
                # Lines of a text that begin like a message are quoted by those who keep mailboxes.
                gathered.append(line[1:] if line.startswith(b">From ") else line)
                size += len(line)
            is_blank = line in _BLANK
        if gathered:
            yield b"".join(gathered)
