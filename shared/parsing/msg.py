"""Messages of Outlook (msg): subject, header, body and attachments.

Properties are those of [MS-OXPROPS], their streams those of [MS-OXMSG]:
https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxmsg/.
"""

from __future__ import annotations

from email.parser import HeaderParser
from typing import TYPE_CHECKING, Any

from shared.domain.models import ParsedDocument
from shared.parsing import rtf
from shared.parsing.charset import decode_bytes
from shared.parsing.container import DAMAGE, open_container, read_stream
from shared.parsing.doc_file import read_number
from shared.parsing.embedded import Parts
from shared.parsing.letter import FIELDS, Attachment, Letter, render, show_date
from shared.parsing.mapi import find_encoding, show_sender, show_time
from shared.parsing.outline import Outline
from shared.parsing.packed_rtf import unpack
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from olefile import OleFileIO

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

_SUBJECT, _HEADERS, _PLAIN, _PAGE, _RICH = "0037", "007D", "1000", "1013", "1009"
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP, _TO, _CC = "0C1A", "0C1F", "5D01", "0E04", "0E03"
_LONG_NAME, _SHORT_NAME, _SHOWN_NAME, _CONTENT = "3707", "3704", "3001", "37010102"
_EMBEDDED = "__substg1.0_3701000D"
_SENT, _DELIVERED, _CODE_PAGE, _PAGE_CODE_PAGE = 0x0039, 0x0E06, 0x3FFD, 0x3FDE
_ROOT_BYTES, _INNER_BYTES = 32, 24
_MOST_ATTACHMENTS = 10_000


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a message; its subject is the title.

    Raises:
        DocumentError: ``broken_file``, ``too_large``.
    """
    warnings: list[str] = []
    return ParsedDocument("", _blocks(open_container(path, limits, warnings), limits, warnings), warnings=warnings)


def _blocks(container: OleFileIO, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    parts = Parts(limits, warnings)
    with container:
        reader = _Reader(container, limits, warnings, parts)
        yield from reader.blocks((), (), limits.max_embedding)
    parts.report()


class _Reader:
    """Reads the message in a storage, and the messages attached to it."""

    def __init__(self, container: OleFileIO, limits: Limits, warnings: list[str], parts: Parts) -> None:
        self._container = container
        self._limits = limits
        self._warnings = warnings
        self._parts = parts
        try:
            self._names = sorted(tuple(entry) for entry in container.listdir(streams=False, storages=True))
        except DAMAGE:
            raise refuse("broken_file", "The file is damaged: its container cannot be listed.") from None

    def blocks(self, storage: tuple[str, ...], above: tuple[str, ...], depth: int) -> Iterator[Block]:
        letter = self._letter(storage, depth)
        return render(letter, self._limits, self._warnings, self._parts, above)

    def _letter(self, storage: tuple[str, ...], depth: int) -> Letter:
        numbers = self._numbers(storage)
        encoding = find_encoding(numbers.get(_CODE_PAGE, 0))
        text = self._texts(storage, encoding)
        letter = Letter(text(_SUBJECT), self._fields(text, numbers), plain=text(_PLAIN))
        page = self._bytes(storage, f"{_PAGE}0102")
        letter.page = decode_bytes(page, find_encoding(numbers.get(_PAGE_CODE_PAGE, 0))) if page else text(_PAGE)
        packed = self._bytes(storage, f"{_RICH}0102")
        if packed and not letter.page and not letter.plain.strip():
            letter.blocks = list(rtf.read(unpack(packed, self._limits), self._limits, Outline()))
        letter.attachments = list(self._attachments(storage, encoding, depth))
        return letter

    def _fields(self, text: Callable[[str], str], numbers: dict[int, int]) -> dict[str, str]:
        """The header, from the message's own lines where it came by mail, else from its properties."""
        fields = dict.fromkeys(FIELDS, "")
        if headers := text(_HEADERS):
            from shared.parsing.header_fields import read_header

            message = HeaderParser().parsestr(headers)
            fields = {name: read_header(message, name) for name in FIELDS}
        address = text(_SENDER_SMTP) or text(_SENDER_ADDRESS)
        name = text(_SENDER)
        sent = numbers.get(_SENT) or numbers.get(_DELIVERED, 0)
        given = {"From": show_sender(name, address), "To": text(_TO), "Cc": text(_CC), "Date": show_time(sent)}
        fields["Date"] = show_date(fields["Date"])
        return {field: fields[field] or given[field] for field in FIELDS}

    def _attachments(self, storage: tuple[str, ...], encoding: str, depth: int) -> Iterator[Attachment]:
        found = (name for name in self._names if name[:-1] == storage and name[-1].lower().startswith("__attach"))
        for number, name in enumerate(found):
            if number >= _MOST_ATTACHMENTS:
                self._warnings.append(f"The message has more than {_MOST_ATTACHMENTS:,} attachments.")
                return
            text = self._texts(name, encoding)
            title = text(_LONG_NAME) or text(_SHOWN_NAME) or text(_SHORT_NAME)
            inner = (*name, _EMBEDDED)
            if inner in self._names and self._container.exists([*inner, "__properties_version1.0"]):
                if depth > 0:
                    yield Attachment(title, message=_later(self, inner, depth - 1))
                else:
                    self._parts.leave_out("message.msg", "It is inside too many other documents.")
            elif content := self._bytes(name, _CONTENT):
                yield Attachment(title or "attachment", content)
            else:
                self._parts.leave_out(title or "attachment", "It is a link, or an object of another program.")

    def _bytes(self, storage: tuple[str, ...], name: str) -> bytes:
        return read_stream(self._container, "/".join((*storage, f"__substg1.0_{name}")))

    def _texts(self, storage: tuple[str, ...], encoding: str) -> Callable[[str], str]:
        def read(name: str) -> str:
            wide = self._bytes(storage, f"{name}001F")
            if wide:
                return wide[: len(wide) // 2 * 2].decode("utf-16-le", "replace").rstrip("\x00")
            narrow = self._bytes(storage, f"{name}001E")
            return decode_bytes(narrow.rstrip(b"\x00"), encoding) if narrow else ""

        return read

    def _numbers(self, storage: tuple[str, ...]) -> dict[int, int]:
        """The properties that are numbers or times."""
        data = read_stream(self._container, "/".join((*storage, "__properties_version1.0")))
        start = _INNER_BYTES if storage else _ROOT_BYTES
        return {
            read_number(data, at + 2, "<H"): read_number(data, at + 8, "<Q" if data[at] == 0x40 else "<I")
            for at in range(start, len(data) - 15, 16)
            if data[at] in (0x03, 0x40)
        }


def _later(reader: _Reader, storage: tuple[str, ...], depth: int) -> Any:
    return lambda above: reader.blocks(storage, above, depth)
