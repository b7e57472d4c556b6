"""What a document may cost before it is refused or cut: its process has a part of the instance's memory."""

from __future__ import annotations

from msgspec import Struct

_MEBIBYTE = 1024 * 1024


class Limits(Struct, frozen=True):
    """Bounds on one document; each refusal is a ``DocumentError`` that names the bound.

    Attributes:
        max_bytes: size of the file. Text streams, so this bounds time and not memory: 1.5 GiB leaves room for a
            1 GB file.
        max_whole_bytes: size, in bytes of UTF-8, of a format that must stand in memory whole (html, json); its tree
            takes about ten times as much.
        max_values: objects, lists and commas of one json file; each becomes a value of about 100 bytes in memory.
        max_tags: tags of one page; a page of a million took 254 MiB, measured.
        max_pages: pages of a pdf, slides of a pptx.
        max_unpacked_bytes: bytes a zip container may unpack to, counted while unpacking: deflate reaches 1,000 to 1.
        max_members: files in a zip container; real office files have hundreds.
        max_nesting: elements or values inside one another. Real documents stay below 100, and lexbor's time grows
            with the square of it (200,000 nested ``div`` took 85 s, measured).
        max_embedding: documents inside one another, such as attachments of attached messages.
        max_rows: rows or records read from one table.
        max_characters: characters of text one document may yield.
        characters_per_byte: characters of text a file may yield for each of its bytes; what is beyond is left out. An
            ordinary table of 20,000 rows and 8 columns has 1.1 to 2.0 as csv and 2.1 to 4.6 as xlsx, one of 60 columns
            with a long question as label of each 31 and 22, a workbook that repeats long shared texts 64, measured.
        min_characters: characters a file may yield however small it is.
        max_line_characters: characters of one jsonl or csv line and of one row or record, which cannot be cut without
            changing its meaning.
        max_block_characters: longest block yielded, rows aside; longer text is cut at a sentence or a space.
        ocr: which pages and pictures a model may read: ``off``, ``auto`` (those without text) or ``all``.
        max_scans: pages and pictures of one document that a model reads; what is beyond is left out.
        max_picture_bytes: memory one picture may take while it is unpacked.
        max_memory_bytes: address space of the process that reads the file, libraries and interpreter included. Four
            of these and the function fit into 2,048 MiB.
        max_seconds: CPU time for reading any file.
        seconds_per_picture: CPU time for each picture of a document, beyond that for any file.
        seconds_per_mebibyte: CPU time a file may take for its size; Markdown and HTML take half, others less.
    """

    max_bytes: int = 1536 * _MEBIBYTE
    max_whole_bytes: int = 24 * _MEBIBYTE
    max_values: int = 2_000_000
    max_tags: int = 1_000_000
    max_pages: int = 20_000
    max_unpacked_bytes: int = 256 * _MEBIBYTE
    max_members: int = 20_000
    max_nesting: int = 256
    max_embedding: int = 3
    max_rows: int = 5_000_000
    max_characters: int = 1536 * _MEBIBYTE
    characters_per_byte: int = 16
    min_characters: int = 2 * _MEBIBYTE
    max_line_characters: int = 4 * _MEBIBYTE
    max_block_characters: int = 16_384
    ocr: str = "off"
    max_scans: int = 1_000
    max_picture_bytes: int = 160 * _MEBIBYTE
    max_memory_bytes: int = 384 * _MEBIBYTE
    max_seconds: int = 15
    seconds_per_picture: int = 3
    seconds_per_mebibyte: int = 5
