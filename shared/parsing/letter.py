"""A message as blocks, whichever program stored it: its subject, header, body, then what is attached to it."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from shared.domain.models import Block, BlockKind, Location
from shared.parsing import html, text
from shared.parsing.encoding import clean
from shared.parsing.outline import Outline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.parsing.embedded import Parts
    from shared.parsing.limits import Limits

    # Reads what an attached message holds, below the headings given.
    ReadInner: TypeAlias = "Callable[[tuple[str, ...]], Iterator[Block]]"

# Names of the fields that are read, in the order they are shown in.
FIELDS = ("From", "To", "Cc", "Date")
_LONGEST_FIELD_CHARACTERS = 2_000
_NO_SUBJECT = "(no subject)"


class Attachment(Struct):
    """A file attached to a message: its name, and its bytes or how to read it when it is a message itself.

    Attributes:
        key: the name that tells its format; empty where that is ``name``.
    """

    name: str
    content: bytes = b""
    message: ReadInner | None = None
    key: str = ""


class Letter(Struct):
    """A message.

    Attributes:
        subject: without line breaks; may be empty.
        fields: the header, by name as in ``FIELDS``.
        page: the body as HTML; empty where there is none.
        plain: the body as text.
        blocks: the body where it is in another format.
    """

    subject: str = ""
    fields: dict[str, str] = {}
    page: str = ""
    plain: str = ""
    blocks: list[Block] = []
    attachments: list[Attachment] = []


def render(
    letter: Letter, limits: Limits, warnings: list[str], parts: Parts, above: tuple[str, ...] = ()
) -> Iterator[Block]:
    """The blocks of a message; its subject is the heading of all that is in it.

    Args:
        letter: the message.
        limits: bounds of the document.
        warnings: takes what was left out.
        parts: reads the attachments.
        above: headings that the subject comes below.
    """
    subject = " ".join(clean(letter.subject).split()) or _NO_SUBJECT
    path = (*above, subject)
    yield Block(subject, Location(headings=path), heading=True)
    shown = [f"{name}: {value}" for name in FIELDS if (value := _shorten(letter.fields.get(name, "")))]
    if shown:
        yield Block("\n".join(shown), Location(headings=path), kind=BlockKind.ROW)
    for block in _read_body(letter, limits, warnings):
        yield replace(block, location=replace(block.location, headings=(*path, *block.location.headings)))
    for attachment in letter.attachments:
        if attachment.message is not None:
            yield from attachment.message(path)
        else:
            yield from parts.read([attachment.content], attachment.name, path, attachment.key)


def _read_body(letter: Letter, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    """The page, as it is what people see; the text where there is none or it holds nothing."""
    is_empty = True
    for block in html.read(letter.page, limits, Outline(), warnings) if letter.page.strip() else iter(letter.blocks):
        is_empty = False
        yield block
    if is_empty:
        yield from text.read(letter.plain, limits)


def _shorten(value: str) -> str:
    return " ".join(clean(value).split())[:_LONGEST_FIELD_CHARACTERS]


def show_date(value: str) -> str:
    """The date of a header as ``2026-05-08 09:30 +0800``; as it is where it is no date."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return value
    return date.strftime("%Y-%m-%d %H:%M %z").strip() if date.year >= 1000 else value
