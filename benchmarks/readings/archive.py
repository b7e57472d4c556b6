"""Office files are zip archives of XML: packing them from raw parts, and the odd names that some writers give parts."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DAY = (2026, 1, 1, 0, 0, 0)


def save(write: Callable[[io.BytesIO], object]) -> bytes:
    """What ``write`` writes into a file."""
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def pack(parts: Mapping[str, bytes | str]) -> bytes:
    """A zip archive of ``parts``."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # `ZipInfo` would turn a backslash into a slash on some systems; the name is set afterwards.
            entry = zipfile.ZipInfo("entry", _DAY)
            entry.filename, entry.compress_type = name, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return stream.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """The parts of an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def use_backslashes(content: bytes) -> bytes:
    """Entries with backslashes in their names."""
    return pack({name.replace("/", "\\"): part for name, part in unpack(content).items()})


def use_leading_slashes(content: bytes) -> bytes:
    """Entries with a slash in front of their names."""
    return pack({f"/{name}": part for name, part in unpack(content).items()})


def declare_macros(content: bytes) -> bytes:
    """A workbook that declares itself one with macros."""
    old = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    new = b"application/vnd.ms-excel.sheet.macroEnabled.main+xml"
    return pack({name: part.replace(old, new) for name, part in unpack(content).items()})


def move_folder(content: bytes, old: str, new: str) -> bytes:
    """The parts of a folder elsewhere, with all that names them."""
    parts = unpack(content)
    changed = {}
    for name, part in parts.items():
        if name.endswith((".rels", "[Content_Types].xml")):
            part = part.replace(f'"/{old}/'.encode(), f'"/{new}/'.encode())
            part = part.replace(f'"{old}/'.encode(), f'"{new}/'.encode())
        changed[name.replace(f"{old}/", f"{new}/", 1) if name.startswith(f"{old}/") else name] = part
    return pack(changed)


def rename_part(content: bytes, old: str, new: str) -> bytes:
    """One part under another name, with all that names it; its relations too."""
    parts = {}
    for name, part in unpack(content).items():
        if name.endswith((".rels", "[Content_Types].xml")):
            part = part.replace(old.encode(), new.encode())
        parts[name.replace(old, new)] = part
    return pack(parts)
