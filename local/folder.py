"""A plain folder as a bucket: keys and paths, versions, metadata, listing, and what people change by hand.

**Where an object lies.** A key whose segments are ordinary file names is an ordinary file: ``a/报告.pdf`` lies at
``a/报告.pdf``, so that files may be copied in and out by hand. A key that a folder cannot hold lies in
``.oss/objects`` under a hash of the key, with the key itself in its record. These are: segments that are empty,
longer than 255 bytes, hold a NUL or start with a dot (so also ``.`` and ``..``), a name already taken by a directory, a
file in the place of a directory (keys ``a`` and ``a/b``), and anything reached through a symbolic link. No key is ever
turned into a path outside the folder. Where both places hold a key, the ordinary file wins.

**What is an object.** Every regular file of the folder except names that start with a dot (``.DS_Store``,
``.gitkeep``, editors' swap files, our own ``.oss``). Temporary files with ordinary names (``~$x.docx``,
``x.crdownload``) are objects as they would be in a bucket. Symbolic links are neither listed nor followed. File names
that are not UTF-8 cannot be keys and are left out with a warning.

**What is remembered.** ``.oss/records`` keeps the ETag, CRC, content type and user metadata of an object for one
identity of its file (inode, modification time, size). A file changed by hand has another identity: its ETag is the MD5
of its content, computed once, and its user metadata is gone, as after an upload without any.

One process serves a folder; a file system that folds case or normalises Unicode folds keys with it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import mimetypes
import os
import shutil
import stat
import threading
import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import crcmod
import msgspec
from watchfiles import awatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

_log = logging.getLogger(__name__)

HIDDEN: Final = ".oss"
CHUNK_BYTES: Final = 1 << 20
"""Bytes read or written at a time: large enough to hash off the event loop, small against memory."""

_NAME_BYTES: Final = 255  # NAME_MAX of Linux and macOS file systems
_QUIET: Final = timedelta(milliseconds=300)
_LOOK_AGAIN: Final = timedelta(seconds=2)  # a safety net: file system notifications may be lost or unavailable
_MINIMUM_PART_BYTES: Final = 100 * 1024


class MissingUploadError(LookupError):
    """No multipart upload has this id and key."""


class InvalidPartError(ValueError):
    """A multipart upload is completed with parts that it does not have.

    Attributes:
        code: the OSS error code.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ObjectExistsError(Exception):
    """An object that must not be overwritten is there."""


@dataclass(frozen=True)
class Identity:
    """What tells one state of a file from the next without reading it."""

    inode: int
    modified_ns: int
    size: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        """The identity that ``status`` describes."""
        return cls(status.st_ino, status.st_mtime_ns, status.st_size)


@dataclass(frozen=True)
class Properties:
    """What an uploader says about an object: its media type and ``x-oss-meta-`` pairs, names without that prefix."""

    content_type: str = ""
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredObject:
    """One version of an object.

    Attributes:
        etag: upper-case MD5, or ``<hash>-<parts>`` after a multipart upload; without quotes.
        crc64: CRC-64/ECMA of the content, as OSS reports it.
    """

    key: str
    identity: Identity
    etag: str
    crc64: int
    properties: Properties

    @property
    def size(self) -> int:
        """Bytes."""
        return self.identity.size

    @property
    def modified(self) -> float:
        """Seconds since the epoch."""
        return self.identity.modified_ns / 1e9

    @property
    def multipart(self) -> bool:
        """Whether the ETag says nothing about the content's MD5."""
        return "-" in self.etag


@dataclass(frozen=True)
class Change:
    """An object that came, changed or went.

    Attributes:
        now: the new version, or ``None`` after a removal.
        size_before: bytes of the version it replaced, 0 if there was none.
        etag_before: ETag of that version, empty if there was none or nobody ever asked for it.
    """

    key: str
    now: StoredObject | None
    size_before: int = 0
    etag_before: str = ""


class Digest:
    """MD5 and CRC-64/ECMA of a stream, in one pass."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        # The polynomial and its parameters as in the OSS SDKs (alibabacloud_oss_v2.crc).
        self._crc = crcmod.Crc(0x142F0E1EBA9EA3693, initCrc=0, rev=True, xorOut=0xFFFFFFFFFFFFFFFF)

    def update(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._md5.update(data)
        self._crc.update(data)

    @property
    def etag(self) -> str:
        """Upper-case hexadecimal MD5."""
        return self._md5.hexdigest().upper()

    @property
    def content_md5(self) -> str:
        """MD5 as the Content-MD5 header writes it."""
        return base64.b64encode(self._md5.digest()).decode()

    @property
    def crc64(self) -> int:
        """CRC-64/ECMA."""
        return int(self._crc.crcValue)


class Draft:
    """Content on its way in: a file in the hidden folder that becomes an object in one rename, or vanishes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = Digest()
        self.size = 0
        self._file = path.open("xb")

    def write(self, data: bytes) -> None:
        """Append ``data``; blocks while it is hashed and written."""
        self.digest.update(data)
        self.size += len(data)
        self._file.write(data)

    def close(self) -> None:
        """No more will come."""
        self._file.close()

    def discard(self) -> None:
        """Forget it; harmless once it has become an object."""
        self._file.close()
        self.path.unlink(missing_ok=True)


@dataclass
class _Upload:
    key: str
    properties: Properties
    parts: dict[int, Draft] = field(default_factory=dict)


class Folder:
    """The bucket. Every method blocks on the disk and may be called from any thread.

    Args:
        root: an existing directory.
        announce_existing: let the watch report the files that lie there at the start as new ones.

    Raises:
        NotADirectoryError: ``root`` is not a directory.
    """

    def __init__(self, root: Path, *, announce_existing: bool = False) -> None:
        if not root.is_dir():
            raise NotADirectoryError(root)
        self.root = root.resolve()
        self._hidden = self.root / HIDDEN
        self._lock = threading.RLock()  # a file and its record change together, or a reader sees neither
        self._uploads: dict[str, _Upload] = {}
        self._prepare()
        self._records = {record.key: record for record in self._load_records()}
        self._known: dict[str, Identity] = {} if announce_existing else self._scan()

    def find(self, key: str) -> StoredObject | None:
        """The object under ``key``; hashes a file that was put there by hand and never asked for."""
        try:
            stored, file = self.open(key)
        except FileNotFoundError:
            return None
        file.close()
        return stored

    def find_all(self, keys: Sequence[str]) -> list[StoredObject]:
        """The objects under ``keys``, without those that have gone."""
        return [stored for key in keys if (stored := self.find(key))]

    def open(self, key: str) -> tuple[StoredObject, BinaryIO]:
        """The object and its content, which stays that of this version while the file is open.

        Raises:
            FileNotFoundError: there is none.
        """
        with self._lock:
            file = self._open_file(key)
            identity = Identity.of(os.fstat(file.fileno()))
            record = self._records.get(key)
        if record is not None and record.identity == identity:
            return record, file
        try:
            return self._hash(key, file), file
        except BaseException:
            file.close()
            raise

    def keys(self, prefix: str = "") -> list[str]:
        """All keys that start with ``prefix``, in the order of their UTF-8 bytes."""
        start = self._directory_of(prefix)
        found = {key for key, _ in self._files(start) if key.startswith(prefix)} if start else set()
        with self._lock:
            found.update(key for key in self._records if key.startswith(prefix) and self._hidden_path(key).is_file())
        return sorted(found)  # code points and UTF-8 bytes sort alike

    def draft(self) -> Draft:
        """A place to write content to."""
        return Draft(self._hidden / "drafts" / uuid.uuid4().hex)

    def store(
        self, key: str, draft: Draft, properties: Properties, *, etag: str = "", overwrite: bool = True
    ) -> Change:
        """Make ``draft`` the object under ``key``, at once and whole; the watch will not report it again.

        Raises:
            ObjectExistsError: there is one already, and ``overwrite`` is false.
        """
        draft.close()
        identity = Identity.of(draft.path.stat())
        stored = StoredObject(key, identity, etag or draft.digest.etag, draft.digest.crc64, properties)
        with self._lock:
            before = self._peek(key)
            if before and not overwrite:
                raise ObjectExistsError(key)
            change = self._change(key, stored, before)
            self._place(key, draft.path, identity)
            self._remember(stored)
        return change

    def copy(self, source: str, key: str, properties: Properties | None = None, *, overwrite: bool = True) -> Change:
        """Copy an object; ``properties`` replace those of the source if given.

        Raises:
            FileNotFoundError: ``source`` does not exist.
            ObjectExistsError: there is an object under ``key`` already, and ``overwrite`` is false.
        """
        stored, file = self.open(source)
        draft = self.draft()
        try:
            with file:
                _pour(file, draft)
            return self.store(key, draft, properties or stored.properties, overwrite=overwrite)
        finally:
            draft.discard()

    def remove(self, key: str) -> Change | None:
        """Delete the object; ``None`` if there was none. Directories left empty go with it."""
        with self._lock:
            before = self._peek(key)
            path = self._ordinary_path(key)
            if before is None:
                return None
            self._hidden_path(key).unlink(missing_ok=True)
            if path is not None and _is_file(path):
                path.unlink()
                self._prune(path.parent)
            self._known.pop(key, None)
            change = self._change(key, None, before)
            self._forget(key)
        return change

    def begin_upload(self, key: str, properties: Properties) -> str:
        """Start a multipart upload; its id. Uploads do not outlive the process."""
        upload_id = uuid.uuid4().hex.upper()
        with self._lock:
            self._uploads[upload_id] = _Upload(key, properties)
        return upload_id

    def add_part(self, key: str, upload_id: str, number: int, draft: Draft) -> None:
        """Keep ``draft`` as a part, in place of an earlier one of that number.

        Raises:
            MissingUploadError: there is no such upload.
        """
        draft.close()
        with self._lock:
            parts = self._upload(key, upload_id).parts
            earlier, parts[number] = parts.get(number), draft
        if earlier:
            earlier.discard()

    def complete_upload(
        self, key: str, upload_id: str, parts: Sequence[tuple[int, str]], *, overwrite: bool = True
    ) -> Change:
        """Join the parts, given as number and ETag, into the object.

        Raises:
            MissingUploadError: there is no such upload.
            InvalidPartError: a part is unknown, out of order or too small.
            ObjectExistsError: there is an object already, and ``overwrite`` is false.
        """
        with self._lock:
            upload = self._upload(key, upload_id)
            chosen = _chosen(upload, parts)
        whole = self.draft()
        try:
            for part in chosen:
                with part.path.open("rb") as file:
                    _pour(file, whole)
            change = self.store(key, whole, upload.properties, etag=_multipart_etag(chosen), overwrite=overwrite)
        finally:
            whole.discard()
        self.abort_upload(key, upload_id)
        return change

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Drop the upload and its parts.

        Raises:
            MissingUploadError: there is no such upload.
        """
        with self._lock:
            upload = self._upload(key, upload_id)
            del self._uploads[upload_id]
        for part in upload.parts.values():
            part.discard()

    def unannounced(self) -> dict[str, Identity | None]:
        """Files whose state nobody has reported yet, with that state; ``None`` where a file is gone.

        Raises:
            OSError: the folder cannot be read, so that nothing can be said about what is gone.
        """
        now = self._scan()
        with self._lock:
            new: dict[str, Identity | None] = {k: found for k, found in now.items() if self._known.get(k) != found}
            gone = dict.fromkeys(key for key in self._known if key not in now)
        return new | gone

    def announce(self, key: str, state: Identity | None) -> Change | None:
        """Take ``state`` as reported and return it as a change; ``None`` if the file has moved on meanwhile."""
        with self._lock:
            change = self._change(key, None, self._known.get(key))
        now = self.find(key) if state else None
        with self._lock:
            if self._state(key) != state or self._known.get(key) == state or (now and now.identity != state):
                return None
            if state:
                self._known[key] = state
            else:
                del self._known[key]
                self._forget(key)
        return replace(change, now=now)

    def ignore(self, key: str, state: Identity | None) -> None:
        """Take ``state`` as reported although it cannot be read."""
        with self._lock:
            if state:
                self._known[key] = state

    def _prepare(self) -> None:
        shutil.rmtree(self._hidden / "drafts", ignore_errors=True)  # what a killed process left behind
        for name in ("drafts", "objects", "records"):
            (self._hidden / name).mkdir(parents=True, exist_ok=True)

    def _load_records(self) -> Iterator[StoredObject]:
        for path in (self._hidden / "records").iterdir():
            try:
                record = msgspec.json.decode(path.read_bytes(), type=StoredObject)
            except msgspec.DecodeError:
                _log.warning("dropped an unreadable record: %s", path)
                path.unlink()
                continue
            if self._state(record.key) or self._hidden_path(record.key).is_file():
                yield record
            else:
                path.unlink()

    def _ordinary_path(self, key: str) -> Path | None:
        """The path of the ordinary file for ``key``, or ``None`` if it can only lie in the hidden folder."""
        segments = key.split("/")
        if not all(_is_ordinary(segment) for segment in segments):
            return None
        path = self.root
        for segment in segments:
            path = path / segment
            if path.is_symlink():
                return None
        return path

    def _hidden_path(self, key: str) -> Path:
        return self._hidden / "objects" / _name_of(key)

    def _record_path(self, key: str) -> Path:
        return self._hidden / "records" / f"{_name_of(key)}.json"

    def _open_file(self, key: str) -> BinaryIO:
        path = self._ordinary_path(key)
        if path is None or not _is_file(path):
            path = self._hidden_path(key)
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")

    def _peek(self, key: str) -> Identity | None:
        try:
            with self._open_file(key) as file:
                return Identity.of(os.fstat(file.fileno()))
        except FileNotFoundError:
            return None

    def _state(self, key: str) -> Identity | None:
        """Identity of the ordinary file, the only kind that people change by hand."""
        path = self._ordinary_path(key)
        return Identity.of(path.lstat()) if path is not None and _is_file(path) else None

    def _place(self, key: str, draft: Path, identity: Identity) -> None:
        path = self._ordinary_path(key)
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft.replace(path)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                pass  # the names a and a/b exclude each other
            else:
                self._hidden_path(key).unlink(missing_ok=True)
                self._known[key] = identity
                return
        draft.replace(self._hidden_path(key))

    def _prune(self, directory: Path) -> None:
        with suppress(OSError):  # not empty
            while directory != self.root:
                directory.rmdir()
                directory = directory.parent

    def _hash(self, key: str, file: BinaryIO) -> StoredObject:
        """Read ``file`` from its start to its end, and leave it at its start."""
        digest, identity = Digest(), Identity.of(os.fstat(file.fileno()))
        while data := file.read(CHUNK_BYTES):
            digest.update(data)
        file.seek(0)
        content_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
        stored = StoredObject(key, identity, digest.etag, digest.crc64, Properties(content_type))
        with self._lock:
            # Bytes read while someone was writing are no version worth remembering.
            if identity == Identity.of(os.fstat(file.fileno())) == self._peek(key):
                self._remember(stored)
        return stored

    def _remember(self, stored: StoredObject) -> None:
        path = self._hidden / "drafts" / uuid.uuid4().hex
        path.write_bytes(msgspec.json.encode(stored))
        path.replace(self._record_path(stored.key))
        self._records[stored.key] = stored

    def _forget(self, key: str) -> None:
        self._records.pop(key, None)
        self._record_path(key).unlink(missing_ok=True)

    def _change(self, key: str, now: StoredObject | None, before: Identity | None) -> Change:
        record = self._records.get(key)
        etag = record.etag if record and record.identity == before else ""
        return Change(key, now, before.size if before else 0, etag)

    def _upload(self, key: str, upload_id: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise MissingUploadError(upload_id)
        return upload

    def _directory_of(self, prefix: str) -> Path | None:
        """Where the ordinary files under ``prefix`` begin, so that a listing need not walk the rest."""
        directory, slash, _ = prefix.rpartition("/")
        path = self._ordinary_path(directory) if slash else self.root
        return path if path is not None and path.is_dir() else None

    def _scan(self) -> dict[str, Identity]:
        with os.scandir(self.root):  # a root that is gone is an error, not an empty bucket
            return dict(self._files(self.root))

    def _files(self, directory: Path) -> Iterator[tuple[str, Identity]]:
        waiting = [directory]
        while waiting:
            for entry in _entries(waiting.pop()):
                if entry.name.startswith(".") or not _is_key(entry.path):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        yield self._key(entry.path), Identity.of(entry.stat(follow_symlinks=False))

    def _key(self, path: str) -> str:
        return Path(path).relative_to(self.root).as_posix()


async def changes(folder: Folder, quiet: timedelta = _QUIET) -> AsyncIterator[Change]:
    """Changes made to the ordinary files by hand, each once, as soon as a file has been at rest for ``quiet``.

    The notifications of the file system only say that it is time to look: what changed is the difference between the
    folder and what was reported before. So a directory moved in is its files, an editor's rename over the old file is
    one change, a half-copied file is none, and a lost notification is only late.
    """
    async for change in _settled(folder, quiet):
        yield change
    wakes = awatch(
        folder.root,
        watch_filter=lambda _, path: not path.startswith(f"{folder.root}{os.sep}{HIDDEN}"),
        debounce=200,
        rust_timeout=int(_LOOK_AGAIN.total_seconds() * 1000),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    async for _ in wakes:
        async for change in _settled(folder, quiet):
            yield change


async def _settled(folder: Folder, quiet: timedelta) -> AsyncIterator[Change]:
    """Report until nothing is in motion: a state counts once it has been seen twice, ``quiet`` apart."""
    moving: dict[str, Identity | None] = {}
    while True:
        try:
            found = await asyncio.to_thread(folder.unannounced)
        except OSError as error:
            _log.warning("cannot look through the bucket's folder: %s", error)
            return
        for key in [key for key, state in found.items() if key in moving and moving[key] == state]:
            change = await _announced(folder, key, found.pop(key))
            if change:
                yield change
        if not found:
            return
        moving = found
        await asyncio.sleep(quiet.total_seconds())


async def _announced(folder: Folder, key: str, state: Identity | None) -> Change | None:
    try:
        return await asyncio.to_thread(folder.announce, key, state)
    except OSError as error:
        _log.warning("cannot read %r in the bucket's folder: %s", key, error)
        folder.ignore(key, state)
        return None


def _pour(file: BinaryIO, draft: Draft) -> None:
    while data := file.read(CHUNK_BYTES):
        draft.write(data)


def _chosen(upload: _Upload, parts: Sequence[tuple[int, str]]) -> list[Draft]:
    numbers = [number for number, _ in parts]
    if not numbers or numbers != sorted(set(numbers)):
        raise InvalidPartError("InvalidPartOrder", "The list of parts was not in ascending order.")
    chosen = []
    for number, etag in parts:
        part = upload.parts.get(number)
        if part is None or part.digest.etag != etag.strip('"').upper():
            raise InvalidPartError("InvalidPart", f"Part {number} was not uploaded, or its ETag differs.")
        chosen.append(part)
    if any(part.size < _MINIMUM_PART_BYTES for part in chosen[:-1]):
        raise InvalidPartError("EntityTooSmall", "A part but the last is smaller than 100 KB.")
    return chosen


def _multipart_etag(parts: Sequence[Draft]) -> str:
    joined = b"".join(bytes.fromhex(part.digest.etag) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest().upper()}-{len(parts)}"


def _name_of(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def _is_ordinary(segment: str) -> bool:
    return bool(segment) and segment[0] != "." and "\0" not in segment and len(segment.encode()) <= _NAME_BYTES


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_key(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        _log.warning("left out a file whose name is not UTF-8: %r", path)
        return False
    return True


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    """What lies in ``directory``; nothing if it has just gone."""
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
