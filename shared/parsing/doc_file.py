"""The header (FIB) of a Word document: where its text and its tables are. [MS-DOC] 2.5."""

from __future__ import annotations

import struct

from shared.parsing.charset import decode_bytes
from shared.parsing.refusing import refuse

_MAGIC, _OLD_MAGIC = 0xA5EC, 0xA5DC
_ENCRYPTED, _SECOND_TABLE = 0x0100, 0x0200
_COMPLEX = 0x0004
_MAC = 0x0100
_HEADER_BYTES = 0x9A
# Lengths of the stories, in the order they follow one another in the text: offset in the header, name.
_STORIES = (
    *((0x4C, "main"), (0x50, "footnote"), (0x54, "header"), (0x58, "macro"), (0x5C, "comment"), (0x60, "endnote")),
    *((0x64, "box"), (0x68, "header box")),
)
_OLD_TEXT_OFFSET, _OLD_PIECES_OFFSET = 0x34, 0x160
_MOST_CHARACTERS = 64 << 20
# Language of a document of Word 6 or 95 -> its encoding.
_LANGUAGES = {
    0x0804: "gb18030",
    0x1004: "gb18030",
    0x0404: "cp950",
    0x0C04: "cp950",
    0x0411: "cp932",
    0x0412: "cp949",
    0x0419: "cp1251",
    0x0422: "cp1251",
    0x0402: "cp1251",
    0x0415: "cp1250",
    0x0405: "cp1250",
    0x040E: "cp1250",
    0x0408: "cp1253",
    0x041F: "cp1254",
    0x040D: "cp1255",
    0x0401: "cp1256",
}


_MARKS = str.maketrans({"\r": "\n\n", "\x07": "\n", "\x0b": "\n", "\x00": None, "\x0c": "\n\n"})


def read_number(data: bytes, offset: int, form: str = "<I") -> int:
    """The number at ``offset``; 0 beyond the end."""
    size = struct.calcsize(form)
    if offset < 0 or offset + size > len(data):
        return 0
    return int(struct.unpack_from(form, data, offset)[0])


class Header:
    """The header of a document.

    Attributes:
        main: the stream that it begins, which holds the text too.
        is_old: whether Word 6 or 95 wrote it.
        table: name of the stream with its tables.
        stories: name and characters of each story, in order.
    """

    def __init__(self, main: bytes) -> None:
        """Read it.

        Raises:
            DocumentError: ``broken_file``, ``unsupported_format``.
        """
        self.main = main
        magic, flags = read_number(main, 0, "<H"), read_number(main, 0x0A, "<H")
        if magic not in (_MAGIC, _OLD_MAGIC) and len(main) > _HEADER_BYTES:
            raise refuse("unsupported_format", "The file is a document of Word 2 or older; save it as docx.")
        if len(main) <= _HEADER_BYTES:
            raise refuse("broken_file", "The file is damaged: its header is missing.")
        self.is_old = magic == _OLD_MAGIC
        self.is_encrypted = bool(flags & _ENCRYPTED)
        self.is_complex = bool(flags & _COMPLEX)
        self.table = "1Table" if flags & _SECOND_TABLE else "0Table"
        self.is_mac = read_number(main, 0x14, "<H") == _MAC
        self.language = read_number(main, 6, "<H")
        self.stories = [(name, read_number(main, offset)) for offset, name in _STORIES]
        if not self.is_old and not self.is_encrypted and sum(size for _, size in self.stories) > _MOST_CHARACTERS:
            raise refuse("broken_file", "The file is damaged: its header declares more text than it can hold.")

    def find(self, number: int) -> tuple[int, int]:
        """Offset and length of a structure in the stream of tables, by its number among them."""
        at = _HEADER_BYTES + 8 * number
        return read_number(self.main, at), read_number(self.main, at + 4)

    def cut(self, table: bytes, number: int) -> bytes:
        """The structure with this number."""
        offset, size = self.find(number)
        return table[offset : offset + size]


def read_old_text(header: Header) -> str:
    """The text of a document of Word 6 or 95, with its paragraphs and cells as lines."""
    main = header.main
    size = read_number(main, _OLD_TEXT_OFFSET)
    start = read_number(main, 0x18)
    data = main[start : start + size]
    if header.is_complex:
        offset, length = read_number(main, _OLD_PIECES_OFFSET), read_number(main, _OLD_PIECES_OFFSET + 4)
        pieces = [main[at : at + count] for _, count, at, _ in read_pieces(main[offset : offset + length])]
        data = b"".join(pieces)[:size] or data
    # The signs that end paragraphs, cells and rows are the same in all encodings, and none has them inside a character.
    data = "".join(_show_fields(data.decode("latin-1"))).translate(_MARKS).encode("latin-1")
    if header.is_mac:
        return data.decode("mac_roman")
    # Without a language of another script the fonts decide, and these are not read: the text tells.
    return decode_bytes(data, _LANGUAGES.get(header.language, ""))


def _show_fields(text: str) -> list[str]:
    """The text without the instructions of fields."""
    shown: list[str] = []
    for part in text.split("\x13"):
        instruction, mark, rest = part.partition("\x14")
        shown.append(rest if mark and shown else "" if shown and "\x15" in part else instruction + rest)
    return [part.replace("\x15", "") for part in shown]


def read_pieces(structure: bytes) -> list[tuple[int, int, int, bool]]:
    """The pieces of the text: first character, characters, offset in the file, whether they take one byte each.

    Raises:
        DocumentError: ``broken_file``.
    """
    at = 0
    while at < len(structure) and structure[at] == 1:  # properties that pieces share
        at += 3 + read_number(structure, at + 1, "<H")
    if at >= len(structure) or structure[at] != 2:
        raise refuse("broken_file", "The file is damaged: the list of the parts of its text is missing.")
    table = structure[at + 5 : at + 5 + read_number(structure, at + 1)]
    count = (len(table) - 4) // 12
    pieces: list[tuple[int, int, int, bool]] = []
    for number in range(count):
        first, end = read_number(table, 4 * number), read_number(table, 4 * number + 4)
        offset = read_number(table, 4 * (count + 1) + 8 * number + 2)
        is_narrow = bool(offset & 0x40000000)
        offset &= 0x3FFFFFFF
        if end > first:
            pieces.append((first, end - first, offset // 2 if is_narrow else offset, is_narrow))
    return pieces
