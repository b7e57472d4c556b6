"""Rich text as Outlook compresses it.

[MS-OXRTFCP]: https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxrtfcp/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.doc_file import read_number
from shared.parsing.refusing import refuse

if TYPE_CHECKING:
    from shared.parsing.limits import Limits

_COMPRESSED, _PLAIN = 0x75465A4C, 0x414C454D
# What the window holds before the first character; the words that rich text begins with.
_START = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    b"\\b\\i\\u\\tab\\tx"
)
_WINDOW = 4096


def unpack(data: bytes, limits: Limits) -> bytes:
    """The rich text.

    Raises:
        DocumentError: ``too_large``.
    """
    kind = read_number(data, 8)
    if kind == _PLAIN:
        return data[16:]
    if kind != _COMPRESSED:
        return b""
    found = bytearray()
    window = bytearray(_START.ljust(_WINDOW, b"\x00"))
    place, at = len(_START), 16
    while at < len(data):
        flags, at = data[at], at + 1
        for bit in range(8):
            if flags >> bit & 1:
                head, at = read_number(data, at, ">H"), at + 2
                if head >> 4 == place or at > len(data):
                    return bytes(found)
                # A copy may read what it has just written.
                piece = bytearray()
                for source in range(head >> 4, (head >> 4) + (head & 0xF) + 2):
                    piece.append(window[source % _WINDOW])
                    window[place] = piece[-1]
                    place = (place + 1) % _WINDOW
            else:
                piece, at = bytearray(data[at : at + 1]), at + 1
                window[place : place + 1] = piece or window[place : place + 1]
                place = (place + 1) % _WINDOW
            found += piece
        if len(found) > limits.max_whole_bytes:
            raise refuse("too_large", f"A message may have at most {limits.max_whole_bytes >> 20} MiB of text.")
    return bytes(found)
