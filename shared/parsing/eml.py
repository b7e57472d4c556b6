"""Mail messages and web archives (eml, mht): header, body and attachments.

The header becomes text below the subject; an attachment is read as a document of its own below its name.
"""

from __future__ import annotations

import codecs
import re
from base64 import b64decode
from email.errors import InvalidBase64LengthDefect
from email.message import Message
from email.parser import BytesParser
from typing import TYPE_CHECKING, Any

from shared.domain.models import ParsedDocument
from shared.parsing.charset import decode_bytes
from shared.parsing.embedded import Parts
from shared.parsing.formats import TNEF, is_supported
from shared.parsing.header_fields import decode_field, decode_raw, has_raw_bytes, read_header
from shared.parsing.letter import FIELDS, Attachment, Letter, render, show_date
from shared.parsing.multipart import find_torn_boundary, find_unended, join_fields, split_parts
from shared.parsing.refusing import refuse, report_cut

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.domain.models import Block
    from shared.parsing.limits import Limits

# A message stands in memory whole, several times while its parts are decoded.
MOST_BYTES = 64 << 20
_HEADER = re.compile(rb"^[A-Za-z][A-Za-z0-9-]{1,60}[ \t]{0,99}:", re.MULTILINE)
_PAGE = re.compile(rb"\s{0,99}<(?:!doctype html|html|head|body|table|div)[\s>]", re.IGNORECASE)
_HEAD_BYTES = 8192
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
# Parts that are there for programs: signatures and keys.
_SILENT = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})
# What a saved page needs to be shown.
_RESOURCES = frozenset({"text/css", "text/javascript", "application/javascript", "application/x-javascript"})
_READ_AS_TEXT = frozenset({"text/plain", "text/rfc822-headers", "message/partial", "text"})
# Reports to programs that say what became of a message, in the form of header fields: RFC 3464, RFC 8098, RFC 5965.
_REPORTS = frozenset({"message/delivery-status", "message/disposition-notification", "message/feedback-report"})
_EXTENSIONS = {
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
    "text/calendar": "txt",
    "text/x-vcard": "txt",
    "text/vcard": "txt",
    "text/csv": "csv",
    "text/xml": "xml",
    "application/json": "json",
    "application/xml": "xml",
    "text/markdown": "md",
    "text/html": "html",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/zip": "zip",
}
_NAMING = frozenset({"content-disposition", "content-type"})
_MOST_PARTS = 10_000
# Bodies without a boundary that are separated again; each time costs another pass over the bytes.
_MOST_SEPARATIONS = 20


def parse(path: Path, limits: Limits) -> ParsedDocument:
    """The blocks of a message; its subject is the title.

    Raises:
        DocumentError: ``too_large``, ``format_mismatch``.
    """
    if path.stat().st_size > MOST_BYTES:
        raise refuse("too_large", f"A message may have at most {MOST_BYTES >> 20} MiB.")
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    if not _HEADER.search(content[:_HEAD_BYTES]):
        raise refuse("format_mismatch", "The name says that this is a message, but it has no header.")
    warnings: list[str] = []
    return ParsedDocument("", _blocks(content, limits, warnings), warnings=warnings)


def _blocks(content: bytes, limits: Limits, warnings: list[str]) -> Iterator[Block]:
    parts = Parts(limits, warnings)
    yield from read(content, limits, warnings, parts)
    parts.report()


def read(content: bytes, limits: Limits, warnings: list[str], parts: Parts) -> Iterator[Block]:
    """The blocks of the message in ``content``."""
    content = join_fields(content)
    message = BytesParser().parsebytes(content)
    if boundaries := find_unended(message, content):
        report_cut(warnings)
        if rest := find_torn_boundary(content, boundaries):
            message = BytesParser().parsebytes(content[: -len(rest)])
    return _Reader(limits, warnings, parts).blocks(message, (), limits.max_embedding)


class _Reader:
    """Reads a message and the messages in it."""

    def __init__(self, limits: Limits, warnings: list[str], parts: Parts) -> None:
        self._limits = limits
        self._warnings = warnings
        self._parts = parts
        self._left = _MOST_PARTS
        self._separations_left = _MOST_SEPARATIONS

    def blocks(self, message: Message, above: tuple[str, ...], depth: int) -> Iterator[Block]:
        return render(self._letter(message, depth), self._limits, self._warnings, self._parts, above)

    def _letter(self, message: Message, depth: int) -> Letter:
        fields = {name: read_header(message, name) for name in FIELDS}
        fields["Date"] = show_date(fields["Date"])
        letter = Letter(read_header(message, "Subject"), fields)
        for packed in self._add(message, letter, depth):
            self._unpack(packed, letter, depth)
        return letter

    def _add(self, part: Message, letter: Letter, depth: int) -> list[bytes]:
        """Sort a part and the parts in it into body and attachments; returns what Outlook packed."""
        waiting, packed = [part], []
        while waiting and self._left > 0:
            self._left -= 1
            part = waiting.pop()
            kind = part.get_content_type()
            if kind in _REPORTS and part.is_multipart():
                letter.plain = "\n\n".join(filter(None, (letter.plain, *map(_show_fields, _inner(part)))))
            elif kind == "message/rfc822" and part.is_multipart():
                self._attach(part, letter, depth)
            elif part.is_multipart():
                waiting += reversed(_inner(part))
            elif _has_parts(part, kind):
                waiting += reversed(self._separate(part, kind))
            elif kind not in _SILENT and (kind not in _RESOURCES or part.get_content_disposition() == "attachment"):
                content = _content(part)
                if content.startswith(TNEF):
                    packed.append(content)
                else:
                    self._add_leaf(part, kind, content, letter)
        if not self._left:
            self._warnings.append(f"The message has more than {_MOST_PARTS:,} parts; the last ones were left out.")
        return packed

    def _unpack(self, packed: bytes, letter: Letter, depth: int) -> None:
        """Add what Outlook packed (winmail.dat): the body where there is none outside, and the attachments."""
        # Imported here: few messages need it.
        from shared.parsing import tnef

        inner = tnef.read(packed, self._limits, self._warnings, self._parts, depth)
        letter.subject = letter.subject or inner.subject
        letter.fields = {name: value or inner.fields.get(name, "") for name, value in letter.fields.items()}
        if not letter.page and not letter.plain.strip():
            letter.page, letter.plain, letter.blocks = inner.page, inner.plain, inner.blocks
        letter.attachments += inner.attachments

    def _separate(self, part: Message, kind: str) -> list[Message]:
        """The parts of a body that the boundary of its header does not occur in; one of text where it has none."""
        content = _content(part)
        found = split_parts(content) if self._separations_left else []
        if not found:
            page = "html" if _PAGE.match(content) else "plain"
            return [BytesParser().parsebytes(f"Content-Type: text/{page}\n\n".encode() + content)]
        self._separations_left -= 1
        default = b"Content-Type: message/rfc822\n" if kind == "multipart/digest" else b""
        return [BytesParser().parsebytes(default + each if each[:1] in b"\r\n" else each) for each in found]

    def _attach(self, part: Message, letter: Letter, depth: int) -> None:
        for inner in _inner(part):
            if depth <= 0:
                self._parts.leave_out("message.eml", "It is inside too many other documents.")
            else:
                attachment = Attachment("message.eml")
                attachment.message = _later(self, inner, depth - 1)
                letter.attachments.append(attachment)

    def _add_leaf(self, part: Message, kind: str, content: bytes, letter: Letter) -> None:
        name = _name(part)
        is_attached = part.get_content_disposition() == "attachment" or (name and kind not in ("text/html",))
        if not is_attached and kind in ("text/html", "application/xhtml+xml") and not letter.page:
            letter.page = decode_bytes(content, _charset(part))
        elif not is_attached and kind in _READ_AS_TEXT:
            text = decode_bytes(content, _charset(part))
            letter.plain = f"{letter.plain}\n\n{_flowed(text, part)}" if letter.plain else _flowed(text, part)
        elif content:
            extension = _EXTENSIONS.get(kind, kind.rpartition("/")[2])
            title = name or f"part.{extension}"
            # Programs attach text under names that say nothing of it: Makefile, README, "notes of May".
            is_text = kind.startswith("text/") and not is_supported(title)
            letter.attachments.append(Attachment(title, content, key=f"{title}.txt" if is_text else title))


def _later(reader: _Reader, inner: Message, depth: int) -> Any:
    return lambda above: reader.blocks(inner, above, depth)


def _inner(part: Message) -> list[Message]:
    payload = part.get_payload()
    found = [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []
    if part.get_content_type() == "message/rfc822":
        coding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
        return [_decode_message(each, coding) for each in found]
    return found


def _decode_message(message: Message, coding: str) -> Message:
    """A message that some programs attach encoded, which RFC 2046 forbids: it was parsed as if it were not."""
    is_plain = bool(message.keys()) if coding == "base64" else coding != "quoted-printable"
    written = b"" if is_plain else message.as_bytes()
    if is_plain or (coding == "quoted-printable" and b"=3D" not in written):
        return message
    leaf = Message()
    leaf["Content-Transfer-Encoding"] = coding
    leaf.set_payload(written.decode("ascii", "surrogateescape"))
    return BytesParser().parsebytes(join_fields(_content(leaf)))


def _show_fields(part: Message) -> str:
    fields = (f"{name}: {decode_field(value)}" for name, value in part.raw_items())
    rest = part.get_payload()
    return "\n".join([*fields, *([rest.strip()] if isinstance(rest, str) and rest.strip() else [])])


def _has_parts(part: Message, kind: str) -> bool:
    """Whether a body that was not separated has parts, as its header says, or means to say with an unknown type."""
    given = str(part.get("Content-Type", "")).lower()
    return kind.startswith("multipart/") or (kind == "text/plain" and "boundary" in given and "text/" not in given)


def _content(part: Message) -> bytes:
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError):
        return b""
    content = payload if isinstance(payload, bytes) else b""
    if any(isinstance(defect, InvalidBase64LengthDefect) for defect in part.defects):
        # It was given back as it is, since its last character is cut off.
        content = b64decode(_NO_BASE64.sub(b"", content)[:-1])
    return content


def _charset(part: Message) -> str:
    """The charset a part declares; empty for the default that some programs write whatever the text is in."""
    try:
        return part.get_content_charset("") or ""
    except (ValueError, LookupError):
        return ""


def _flowed(text: str, part: Message) -> str:
    """Text without the soft line breaks of RFC 3676 and without the marks of quotations."""
    try:
        is_flowed = str(part.get_param("format", "")).lower() == "flowed"
        end = 1 if str(part.get_param("delsp", "")).lower() == "yes" else 0
    except (ValueError, LookupError):
        is_flowed, end = False, 0
    lines = [line.lstrip(">").removeprefix(" ") if line.startswith(">") else line for line in text.split("\n")]
    if not is_flowed:
        return "\n".join(lines)
    joined: list[str] = []
    for line in lines:
        if joined and joined[-1].endswith(" ") and joined[-1] != "-- ":
            joined[-1] = joined[-1][: len(joined[-1]) - end] + line
        else:
            joined.append(line)
    return "\n".join(joined)


def _name(part: Message) -> str:
    for key, value in list(part.raw_items()):
        if key.lower() in _NAMING and has_raw_bytes(text := str(value)):
            part.replace_header(key, decode_raw(text))
    try:
        given = part.get_filename("") or ""
    except (ValueError, LookupError, TypeError):
        return ""
    return decode_field(given)
