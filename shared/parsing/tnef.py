"""Messages as Outlook packs them for others of its kind (TNEF, winmail.dat): body, header and attachments.

Attributes are those of [MS-OXTNEF]: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxtnef/; the
properties in them are those of `msg`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from shared.domain.models import ParsedDocument
from shared.parsing import rtf
from shared.parsing.charset import decode_bytes
from shared.parsing.doc_file import read_number
from shared.parsing.embedded import Parts
from shared.parsing.formats import TNEF
from shared.parsing.letter import Attachment, Letter, render
from shared.parsing.mapi import OBJECT, Properties, find_encoding, read_properties, show_sender, show_time
from shared.parsing.outline import Outline
from shared.parsing.packed_rtf import unpack
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_MOST_BYTES = 64 << 20
_MOST_ATTACHMENTS = 10_000
_HEAD_BYTES, _ATTRIBUTE_BYTES, _CHECKSUM_BYTES = 6, 9, 2
_SENDER, _SUBJECT, _SENT, _BODY = 0x8000, 0x8004, 0x8005, 0x800C
_CODE_PAGE, _PROPERTIES, _RECIPIENTS = 0x9007, 0x9003, 0x9004
_LEVELS = (1, 2)
_BEGIN_ATTACHMENT, _TITLE, _DATA, _ATTACHMENT_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_OF_ATTACHMENTS = (_BEGIN_ATTACHMENT, _TITLE, _DATA, _ATTACHMENT_PROPERTIES)
_P_SUBJECT, _P_PLAIN, _P_PAGE, _P_RICH = 0x0037, 0x1000, 0x1013, 0x1009
_P_SENDER, _P_SENDER_ADDRESS, _P_SENDER_SMTP, _P_TO, _P_CC = 0x0C1A, 0x0C1F, 0x5D01, 0x0E04, 0x0E03
_P_SENT, _P_DELIVERED, _MESSAGE_CODE_PAGE, _PAGE_CODE_PAGE = 0x0039, 0x0E06, 0x3FFD, 0x3FDE
_P_LONG_NAME, _P_SHORT_NAME, _P_SHOWN_NAME, _P_CONTENT, _P_RECIPIENT_KIND = 0x3707, 0x3704, 0x3001, 0x3701, 0x0C15
_P_TOPIC = 0x0070
_KIND_TO, _KIND_CC = 1, 2
_MOST_RECIPIENTS = 1_000
# An object begins with the identifier of its interface.
_INTERFACE_BYTES = 16


class _Item(Struct):
    """An attached file, as it is gathered."""

    title: bytes = b""
    content: bytes = b""
    properties: Properties = field(default_factory=Properties)


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a message; its subject is the title.

    Raises:
        DocumentError: ``too_large``.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise refuse("too_large", f"A message may have at most {_MOST_BYTES >> 20} MiB.")
    warnings: list[str] = []
    return ParsedDocument("", _blocks(path.read_bytes(), limits, warnings), warnings=warnings)


def _blocks(content: bytes, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    parts = Parts(limits, warnings)
    yield from render(read(content, limits, warnings, parts, limits.max_embedding), limits, warnings, parts)
    parts.report()


def read(content: bytes, limits: Limits, warnings: list[str], parts: Parts, depth: int) -> Letter:
    """The message in ``content``; what of it is damaged or cut off is missing.

    Args:
        content: its bytes, which begin with ``TNEF``.
        limits: bounds of the document.
        warnings: takes what was left out.
        parts: counts the attachments that are left out.
        depth: how many messages inside one another may be read in it.
    """
    return _Reader(limits, warnings, parts, depth).letter(content)


class _Reader:
    """Reads one message."""

    def __init__(self, limits: Limits, warnings: list[str], parts: Parts, depth: int) -> None:
        self._limits = limits
        self._warnings = warnings
        self._parts = parts
        self._depth = depth

    def letter(self, content: bytes) -> Letter:
        found: dict[int, bytes] = {}
        items: list[_Item] = []
        for number, data in self._attributes(content):
            if number in _OF_ATTACHMENTS:
                _gather(number, data, items)
            else:
                found.setdefault(number, data)
        properties, _ = read_properties(found.get(_PROPERTIES, b""))
        page = properties.number(_MESSAGE_CODE_PAGE) or read_number(found.get(_CODE_PAGE, b""), 0)
        properties.encoding = find_encoding(page)
        letter = self._message(found, properties)
        if len(items) > _MOST_ATTACHMENTS:
            self._warnings.append(f"The message has more than {_MOST_ATTACHMENTS:,} attachments.")
        kept = (self._attachment(item, properties.encoding) for item in items[:_MOST_ATTACHMENTS])
        letter.attachments = [each for each in kept if each]
        return letter

    def _attributes(self, content: bytes) -> Iterator[tuple[int, bytes]]:
        at = _HEAD_BYTES
        while at + _ATTRIBUTE_BYTES <= len(content):
            if content[at] not in _LEVELS:
                return  # what follows the last attribute in some files
            number, size = read_number(content, at + 1, "<H"), read_number(content, at + 5)
            at += _ATTRIBUTE_BYTES
            if size > len(content) - at:
                self._warnings.append("The message was cut off; what is missing cannot be read.")
            yield number, content[at : at + size]
            at += size + _CHECKSUM_BYTES

    def _message(self, found: dict[int, bytes], properties: Properties) -> Letter:
        """The message without what is attached: its properties, or else the attributes of older programs."""

        def text(number: int) -> str:
            return decode_bytes(found.get(number, b"").rstrip(b"\x00"), properties.encoding)

        subject = properties.text(_P_SUBJECT) or text(_SUBJECT) or properties.text(_P_TOPIC)
        letter = Letter(subject, self._fields(found, properties))
        letter.plain = properties.text(_P_PLAIN) or text(_BODY)
        letter.page = properties.text(_P_PAGE, find_encoding(properties.number(_PAGE_CODE_PAGE)))
        packed = properties.data(_P_RICH)
        if packed and not letter.page and not letter.plain.strip():
            letter.blocks = list(rtf.read(unpack(packed, self._limits), self._limits, Outline()))
        return letter

    def _fields(self, found: dict[int, bytes], properties: Properties) -> dict[str, str]:
        address = properties.text(_P_SENDER_SMTP) or properties.text(_P_SENDER_ADDRESS)
        sender = show_sender(properties.text(_P_SENDER), address)
        sent = show_time(properties.number(_P_SENT) or properties.number(_P_DELIVERED))
        rows = _recipients(found.get(_RECIPIENTS, b""), properties.encoding)
        return {
            "From": sender or _old_sender(found.get(_SENDER, b""), properties.encoding),
            "To": properties.text(_P_TO) or "; ".join(name for kind, name in rows if kind == _KIND_TO),
            "Cc": properties.text(_P_CC) or "; ".join(name for kind, name in rows if kind == _KIND_CC),
            "Date": sent or _old_time(found.get(_SENT, b"")),
        }

    def _attachment(self, item: _Item, encoding: str) -> Attachment | None:
        properties = item.properties
        properties.encoding = encoding
        title = properties.text(_P_LONG_NAME) or decode_bytes(item.title.rstrip(b"\x00"), encoding)
        title = title or properties.text(_P_SHOWN_NAME) or properties.text(_P_SHORT_NAME) or "attachment"
        kind, data = properties.values.get(_P_CONTENT, (0, b""))
        content = item.content or (data[_INTERFACE_BYTES:] if kind == OBJECT else data)
        if content.startswith(TNEF):
            return self._inner(title, content)
        if content:
            return Attachment(title, content)
        self._parts.leave_out(title, "It is a link, or an object of another program.")
        return None

    def _inner(self, title: str, content: bytes) -> Attachment | None:
        if self._depth <= 0:
            self._parts.leave_out("message.tnef", "It is inside too many other documents.")
            return None
        inner = read(content, self._limits, self._warnings, self._parts, self._depth - 1)
        return Attachment(title, message=lambda above: render(inner, self._limits, self._warnings, self._parts, above))


def _gather(number: int, data: bytes, items: list[_Item]) -> None:
    if number == _BEGIN_ATTACHMENT or not items:
        items.append(_Item())
    if number == _TITLE:
        items[-1].title = data
    elif number == _DATA:
        items[-1].content = data
    elif number == _ATTACHMENT_PROPERTIES:
        items[-1].properties, _ = read_properties(data)


def _recipients(data: bytes, encoding: str) -> list[tuple[int, str]]:
    """Kind and name of each recipient."""
    found: list[tuple[int, str]] = []
    count, at = read_number(data, 0), 4
    while count and at < len(data) and len(found) < _MOST_RECIPIENTS:
        properties, at = read_properties(data, at)
        properties.encoding, count = encoding, count - 1
        found.append((properties.number(_P_RECIPIENT_KIND), properties.text(_P_SHOWN_NAME)))
    return found


def _old_sender(data: bytes, encoding: str) -> str:
    """The sender's name and address, each after the lengths of both."""
    name, address = read_number(data, 4, "<H"), read_number(data, 6, "<H")
    texts = (data[8 : 8 + name], data[8 + name : 8 + name + address])
    shown, given = (decode_bytes(each.rstrip(b"\x00"), encoding) for each in texts)
    return show_sender(shown, given.rpartition(":")[2])


def _old_time(data: bytes) -> str:
    year, month, day, hour, minute = (read_number(data, at, "<H") for at in range(0, 10, 2))
    return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}" if year else ""
