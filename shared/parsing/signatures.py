"""Kinds of files that are not read, by their first bytes, and what their owner can do instead.

The signatures are those of https://en.wikipedia.org/wiki/List_of_file_signatures and of the formats' own descriptions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_UNWRITTEN = re.compile("[\x00-\x08\x0e-\x1f]")
_ADVICE = {
    "picture": "Give it the extension of its kind, such as png, jpg or tif.",
    "image": "Pictures of this kind are not read: save it as png or jpg.",
    "video": "Films are not read: upload its subtitles or a transcript as text.",
    "sound": "Sound is not read: upload a transcript as text.",
    "archive": "Archives of this kind are not read: pack its files as zip, or upload them one by one.",
    "program": "Programs are not read.",
    "data": "Databases and data files are not read: export what people should find as csv or jsonl.",
    "drawing": "Drawings are not read: export it as a PDF with text.",
    "font": "Fonts are not read.",
    "book": "Books of this kind are not read: convert it to epub, PDF or html.",
    "office": "Save it as docx, pptx, xlsx or PDF.",
    "mail": "Mailboxes of this kind are not read: save its messages as eml or mbox.",
    "print": "Export it as PDF.",
}
# First bytes -> (name, kind). Those of letters alone could begin a text, see `identify`.
_STARTS: dict[bytes, tuple[str, str]] = {
    b"\x89PNG\r\n\x1a\n": ("a PNG image", "picture"),
    b"\xff\xd8\xff": ("a JPEG image", "picture"),
    b"GIF87a": ("a GIF image", "picture"),
    b"GIF89a": ("a GIF image", "picture"),
    b"II*\x00": ("a TIFF image", "picture"),
    b"MM\x00*": ("a TIFF image", "picture"),
    b"8BPS\x00": ("a Photoshop image", "image"),
    b"\x00\x00\x01\x00": ("an icon", "image"),
    b"\x00\x00\x00\x0cjP  \r\n": ("a JPEG 2000 image", "image"),
    b"AT&TFORM": ("a DjVu scan", "image"),
    b"\x1aE\xdf\xa3": ("a Matroska or WebM film", "video"),
    b"\x00\x00\x01\xba": ("an MPEG film", "video"),
    b"\x00\x00\x01\xb3": ("an MPEG film", "video"),
    b"FLV\x01": ("a Flash film", "video"),
    b"0&\xb2u\x8ef\xcf\x11": ("a Windows Media file", "video"),
    b"ID3\x02": ("an MP3 recording", "sound"),
    b"ID3\x03": ("an MP3 recording", "sound"),
    b"ID3\x04": ("an MP3 recording", "sound"),
    b"\xff\xfb": ("an MP3 recording", "sound"),
    b"\xff\xf3": ("an MP3 recording", "sound"),
    b"\xff\xf2": ("an MP3 recording", "sound"),
    b"\xff\xf1": ("an AAC recording", "sound"),
    b"\xff\xf9": ("an AAC recording", "sound"),
    b"fLaC\x00": ("a FLAC recording", "sound"),
    b"OggS\x00": ("an Ogg recording", "sound"),
    b"MThd\x00": ("a MIDI file", "sound"),
    b"#!AMR": ("an AMR recording", "sound"),
    b"\x1f\x8b\x08": ("a gzip archive", "archive"),
    b"\x1f\x9d": ("a compress archive", "archive"),
    b"Rar!\x1a\x07": ("a RAR archive", "archive"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "archive"),
    b"\xfd7zXZ\x00": ("an xz archive", "archive"),
    b"\x28\xb5\x2f\xfd": ("a Zstandard archive", "archive"),
    b"\x04\x22\x4d\x18": ("an LZ4 archive", "archive"),
    b"MSCF\x00\x00\x00\x00": ("a cabinet archive", "archive"),
    b"\xed\xab\xee\xdb": ("an RPM package", "archive"),
    b"!<arch>\n": ("a package", "archive"),
    b"xar!\x00": ("an xar archive", "archive"),
    b"\x7fELF": ("a program", "program"),
    b"\xfe\xed\xfa\xce": ("a program", "program"),
    b"\xfe\xed\xfa\xcf": ("a program", "program"),
    b"\xce\xfa\xed\xfe": ("a program", "program"),
    b"\xcf\xfa\xed\xfe": ("a program", "program"),
    b"\xca\xfe\xba\xbe": ("a Java class or a program", "program"),
    b"\x00asm": ("a WebAssembly program", "program"),
    b"dex\n03": ("an Android program", "program"),
    b"SQLite format 3\x00": ("a SQLite database", "data"),
    b"\x00\x01\x00\x00Standard ": ("an Access database", "data"),
    b"PAR1": ("a Parquet file", "data"),
    b"ARROW1\x00\x00": ("an Arrow file", "data"),
    b"Obj\x01": ("an Avro file", "data"),
    b"ORC\n": ("an ORC file", "data"),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", "data"),
    b"\x93NUMPY": ("a NumPy file", "data"),
    b"\xd4\xc3\xb2\xa1": ("a packet capture", "data"),
    b"\x0a\x0d\x0d\x0a": ("a packet capture", "data"),
    b"AC10": ("an AutoCAD drawing", "drawing"),
    b"\x00\x01\x00\x00\x00": ("a font", "font"),
    b"OTTO\x00": ("a font", "font"),
    b"ttcf\x00": ("a font", "font"),
    b"wOFF": ("a font", "font"),
    b"wOF2": ("a font", "font"),
    b"\xdb\xa5\x2d\x00": ("a Word 2 document", "office"),
    b"\x9b\xa5\x21\x00": ("a Word 1 document", "office"),
    b"\x31\xbe\x00\x00": ("a Write or Word for DOS document", "office"),
    b"\xffWPC": ("a WordPerfect document", "office"),
    b"!BDN": ("an Outlook mailbox", "mail"),
    b"ITSF\x03": ("a Windows help file", "book"),
    b"%!PS-Adobe": ("a PostScript file", "print"),
}
_RIFF = {b"WAVE": ("a WAV recording", "sound"), b"AVI ": ("an AVI film", "video"), b"WEBP": ("a WebP image", "picture")}
_AIFF = {b"AIFF": ("an AIFF recording", "sound"), b"AIFC": ("an AIFF recording", "sound")}
_PICTURE_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"mif1", b"msf1", b"avif", b"avis")
_SOUND_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_TEXT_LIKE = (b"%!PS-Adobe", b"#!AMR", b"!<arch>\n", b"AT&TFORM")
# What a zip archive holds first -> (name, kind); that of some stands in an entry "mimetype".
_PACKAGES: dict[bytes, tuple[str, str]] = {
    b"application/vnd.oasis.opendocument.graphics": ("an OpenDocument drawing", "drawing"),
    b"application/vnd.oasis.opendocument.formula": ("an OpenDocument formula", "office"),
    b"application/vnd.oasis.opendocument.database": ("an OpenDocument database", "data"),
    b"application/vnd.oasis.opendocument.base": ("an OpenDocument database", "data"),
    b"FixedDocSeq.fdseq": ("an XPS document", "print"),
    b"Index/Document.iwa": ("a Pages, Numbers or Keynote document", "office"),
    b"META-INF/MANIFEST.MF": ("a Java archive", "program"),
    b"AndroidManifest.xml": ("an Android program", "program"),
}
# Extension -> (name, kind) of what has no bytes to know it by, or needs more of them than are looked at.
_EXTENSIONS: dict[str, tuple[str, str]] = {
    **dict.fromkeys(("pages", "numbers", "key", "odg", "odf", "hwp", "wpd", "pub"), ("another office file", "office")),
    **dict.fromkeys(("tar", "rar", "7z", "gz", "tgz", "bz2", "xz", "zst"), ("an archive", "archive")),
    **dict.fromkeys(("iso", "dmg", "img", "vmdk", "vhd", "qcow2"), ("a disk image", "archive")),
    **dict.fromkeys(("mp4", "mov", "m4v", "mkv", "avi", "webm", "wmv", "flv", "mpg", "mpeg"), ("a film", "video")),
    **dict.fromkeys(("mp3", "wav", "flac", "ogg", "m4a", "aac", "wma", "amr", "opus"), ("a recording", "sound")),
    **dict.fromkeys(("heic", "heif", "avif", "psd", "svg", "ico", "jp2"), ("an image", "image")),
    **dict.fromkeys(("exe", "dll", "so", "bin", "class", "jar", "apk", "msi", "wasm", "pyc"), ("a program", "program")),
    **dict.fromkeys(("db", "sqlite", "mdb", "accdb", "parquet", "avro", "orc", "dbf"), ("a database", "data")),
    **dict.fromkeys(("dwg", "dxf", "vsd", "vsdx"), ("a drawing", "drawing")),
    **dict.fromkeys(("pst", "ost", "dbx"), ("a mailbox", "mail")),
    **dict.fromkeys(("mobi", "azw3", "chm"), ("a book", "book")),
    **dict.fromkeys(("xps", "ps", "eps"), ("a printed document", "print")),
}
_TAR_OFFSET = 257
_ISO_OFFSET = 0x8001


def identify(head: bytes, *, is_text: bool) -> tuple[str, str] | None:
    """What a file that begins with ``head`` is, and what to do with it; ``None`` for what may be read.

    Args:
        head: the first bytes.
        is_text: whether the name says that it is text. Some signatures are words, which a text may begin with; they
            count only where bytes follow that no text has.
    """
    found = next(
        (kind for sign, kind in _STARTS.items() if head.startswith(sign) and _counts(sign, head, is_text)), None
    )
    found = found or next((kind for is_kind, kind in _CHECKS if is_kind(head)), None) or _container(head)
    return (found[0], _ADVICE[found[1]]) if found else None


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with ``head`` is a picture that can be read."""
    found = next((kind for sign, kind in _STARTS.items() if head.startswith(sign)), None) or _container(head)
    return _is_bmp(head) or (found is not None and found[1] == "picture")


def is_table(head: bytes) -> bool:
    """Whether text begins with two lines of as many cells, parted by tabs, as programs export it under Excel's name."""
    text = head.decode("latin-1")
    first, second, *_ = [*(line for line in text.splitlines() if line.strip()), "", ""]
    tabs = first.count("\t")
    return tabs > 0 and tabs == second.count("\t") and not _UNWRITTEN.search(text)


def identify_package(names: bytes) -> tuple[str, str] | None:
    """As `identify`, of a zip archive, by the names of its entries or by its first bytes, which hold some of them."""
    found = next((kind for sign, kind in _PACKAGES.items() if sign in names), None)
    return (found[0], _ADVICE[found[1]]) if found else None


def identify_extension(extension: str) -> tuple[str, str] | None:
    """As `identify`, of a file that has this extension, lower-case and without its dot."""
    found = _EXTENSIONS.get(extension)
    return (found[0], _ADVICE[found[1]]) if found else None


def _counts(sign: bytes, head: bytes, is_text: bool) -> bool:
    return not is_text or not sign.isascii() or sign in _TEXT_LIKE or b"\x00" in head


def _container(head: bytes) -> tuple[str, str] | None:
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if head[:4] == b"FORM":
        return _AIFF.get(head[8:12])
    if head[4:8] != b"ftyp":
        return None
    brand = head[8:12]
    if brand in _PICTURE_BRANDS:
        return "a HEIC or AVIF image", "image"
    return ("an MPEG-4 recording", "sound") if brand in _SOUND_BRANDS else ("an MPEG-4 or QuickTime film", "video")


def _is_bmp(head: bytes) -> bool:
    return head[:2] == b"BM" and head[6:10] == bytes(4)


def _is_windows_program(head: bytes) -> bool:
    return head[:2] == b"MZ" and b"\x00" in head[2:64]


def _is_bzip(head: bytes) -> bool:
    return head[:3] == b"BZh" and head[4:10] == b"1AY&SY"


def _is_tar(head: bytes) -> bool:
    return head[_TAR_OFFSET : _TAR_OFFSET + 5] == b"ustar"


def _is_disk(head: bytes) -> bool:
    return head[_ISO_OFFSET : _ISO_OFFSET + 5] == b"CD001"


def _is_transport_stream(head: bytes) -> bool:
    return head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G" and b"\x00" in head[:188]


_CHECKS: tuple[tuple[Callable[[bytes], bool], tuple[str, str]], ...] = (
    (_is_bmp, ("a BMP image", "picture")),
    (_is_windows_program, ("a program", "program")),
    (_is_bzip, ("a bzip2 archive", "archive")),
    (_is_tar, ("a tar archive", "archive")),
    (_is_disk, ("a disk image", "archive")),
    (_is_transport_stream, ("an MPEG film", "video")),
)
