"""Where an object lies: keys and paths of a plain folder.

A key made of ordinary file names is an ordinary file: ``a/报告.pdf`` lies at ``a/报告.pdf``, so that files
may be copied in and out by hand. A key that a folder cannot hold lies in ``.oss/objects`` under a hash of the key, with
the key itself in its record. These are: segments that are empty, longer than 255 bytes, hold a NUL or start with a dot
(so also ``.`` and ``..``), a name already taken by a directory, a file in the place of a directory (keys ``a`` and
``a/b``), and anything reached through a symbolic link. No key is ever turned into a path outside the folder. Where both
places hold a key, the ordinary file wins.

Every regular file of the folder is an object except names that start with a dot (``.DS_Store``, ``.gitkeep``, editors'
swap files, our own ``.oss``). Temporary files with ordinary names (``~$x.docx``, ``x.crdownload``) are objects as they
would be in a bucket. Symbolic links are neither listed nor followed. File names that are not UTF-8 cannot be keys and
are left out with a warning.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import stat
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from local.oss.stored_object import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

_NAME_BYTES: Final = 255  # NAME_MAX of Linux and macOS file systems


class Layout:
    """The files of the keys; independent of their content.

    Raises:
        NotADirectoryError: ``root`` is not a directory.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise NotADirectoryError(root)
        self.root = root.resolve()
        self.hidden = self.root / ".oss"
        self.records = self.hidden / "records"
        self._objects = self.hidden / "objects"
        self._drafts = self.hidden / "drafts"
        shutil.rmtree(self._drafts, ignore_errors=True)  # what a killed process left
        for directory in (self._drafts, self._objects, self.records):
            directory.mkdir(parents=True, exist_ok=True)

    def record(self, key: str) -> Path:
        """Where what is known about ``key`` is written down."""
        return self.records / f"{_name_of(key)}.json"

    def draft(self) -> Path:
        """A path for a new file that is to be renamed into its place."""
        return self._drafts / uuid.uuid4().hex

    def open(self, key: str) -> BinaryIO:
        """The content under ``key``.

        Raises:
            FileNotFoundError: there is none.
        """
        path = self._ordinary(key)
        if path is None or not _is_file(path):
            path = self._hidden_object(key)
        return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")

    def identity(self, key: str) -> Identity | None:
        """Identity of the content under ``key``, if there is any."""
        try:
            with self.open(key) as file:
                return Identity.of(os.fstat(file.fileno()))
        except FileNotFoundError:
            return None

    def state(self, key: str) -> Identity | None:
        """Identity of the ordinary file, the only kind that people change by hand."""
        path = self._ordinary(key)
        return Identity.of(path.lstat()) if path is not None and _is_file(path) else None

    def hides(self, key: str) -> bool:
        """Whether the hidden folder holds ``key``."""
        return self._hidden_object(key).is_file()

    def place(self, key: str, draft: Path) -> bool:
        """Move ``draft`` to where ``key`` lies; whether that is an ordinary file."""
        path = self._ordinary(key)
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                draft.replace(path)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                pass  # the names a and a/b exclude each other
            else:
                self._hidden_object(key).unlink(missing_ok=True)
                return True
        draft.replace(self._hidden_object(key))
        return False

    def remove(self, key: str) -> None:
        """Delete what lies under ``key``, and the directories it leaves empty."""
        self._hidden_object(key).unlink(missing_ok=True)
        path = self._ordinary(key)
        if path is not None and _is_file(path):
            path.unlink()
            self._prune(path.parent)

    def scan(self) -> dict[str, Identity]:
        """All ordinary files.

        Raises:
            OSError: the folder cannot be read: one that is gone is no empty bucket.
        """
        with os.scandir(self.root):
            return dict(self._files(self.root))

    def keys(self, prefix: str) -> set[str]:
        """Keys of the ordinary files that start with ``prefix``."""
        start = self._directory_of(prefix)
        return {key for key, _ in self._files(start) if key.startswith(prefix)} if start else set()

    def _ordinary(self, key: str) -> Path | None:
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

    def _hidden_object(self, key: str) -> Path:
        return self._objects / _name_of(key)

    def _prune(self, directory: Path) -> None:
        with suppress(OSError):  # not empty
            while directory != self.root:
                directory.rmdir()
                directory = directory.parent

    def _directory_of(self, prefix: str) -> Path | None:
        """Where the ordinary files under ``prefix`` begin, so that a listing need not walk the rest."""
        directory, slash, _ = prefix.rpartition("/")
        path = self._ordinary(directory) if slash else self.root
        return path if path is not None and path.is_dir() else None

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
        _log.warning("left out a file with a name that is not UTF-8: %r", path)
        return False
    return True


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    """What lies in ``directory``; nothing if it has just gone."""
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
