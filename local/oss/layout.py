"""Where an object lies: keys and paths of a plain folder.

A key made of ordinary file names is an ordinary file: ``a/报告.pdf`` lies at ``a/报告.pdf``, so that files
may be copied in and out by hand. A key that a folder cannot hold lies in ``.oss/objects`` under a hash of the key, with
the key itself in its record. These are: segments that are empty, longer than 255 bytes, hold a NUL or start with a dot
(so also ``.`` and ``..``), a name already taken by a directory, a file in the place of a directory (keys ``a`` and
``a/b``), and anything reached through a symbolic link. No key is ever turned into a path outside the folder. Where both
places hold a key, the ordinary file wins.

Every regular file of the folder is an object except names that start with a dot (``.DS_Store``, ``.gitkeep``, editors'
swap files, our own ``.oss``). Temporary files with ordinary names (``~$x.docx``, ``x.crdownload``) are objects as they
would be in a bucket. Symbolic links are neither listed nor followed. Files with a path that cannot be a key, because it
is not UTF-8 or too long, are left out, and each is reported once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from local.oss.stored_object import Identity
from local.reporting import report

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_BYTES: Final = 1023  # https://www.alibabacloud.com/help/doc-detail/185228.htm
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
        self._root_length = len(str(self.root).rstrip("/")) + 1
        self.hidden = self.root / ".oss"
        self.records = self.hidden / "records"
        self._objects = self.hidden / "objects"
        self._drafts = self.hidden / "drafts"
        self._left_out: set[str] = set()
        self._unreadable: set[str] = set()
        shutil.rmtree(self._drafts, ignore_errors=True)  # what a killed process left
        self.create_hidden()

    def create_hidden(self) -> None:
        """Create the hidden folders, unless they exist; a folder that was removed and made again has none.

        Raises:
            OSError: the folder itself is gone.
        """
        self.hidden.mkdir(exist_ok=True)
        for directory in (self._drafts, self._objects, self.records):
            directory.mkdir(exist_ok=True)

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

    def has_hidden(self) -> bool:
        """Whether the hidden folder holds any key."""
        with os.scandir(self._objects) as entries:
            return next(entries, None) is not None

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
            found = dict(self._files(self.root))
        with os.scandir(self.root):  # removed while it was read, it would look empty
            return found

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

    def is_unreadable(self, key: str) -> bool:
        """Whether ``key`` lies in a directory that could not be read, so that nothing is known of its file."""
        return any(key.startswith(f"{directory}/") for directory in self._unreadable)

    def _files(self, directory: Path) -> Iterator[tuple[str, Identity]]:
        waiting = [directory]
        while waiting:
            for entry in self._entries(waiting.pop()):
                if entry.name.startswith(".") or not self._can_be_key(entry.path):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        yield self._key(entry.path), Identity.of(entry.stat(follow_symlinks=False))

    def _entries(self, directory: Path) -> list[os.DirEntry[str]]:
        """What lies in ``directory``; nothing if it has just gone, or cannot be read, which is reported once."""
        name = self._key(str(directory))
        try:
            with os.scandir(directory) as entries:
                found = list(entries)
        except FileNotFoundError:
            return []
        except OSError as error:
            if directory == self.root:
                raise
            if name not in self._unreadable:
                self._unreadable.add(name)
                report(f"{name}/ cannot be read ({error.strerror}): its files stay in the index as they are.")
            return []
        self._unreadable.discard(name)
        return found

    def _can_be_key(self, path: str) -> bool:
        """Whether a file or folder can lie under a key; what cannot is reported the first time."""
        key = self._key(path)
        problem = _explain(key)
        if problem and key not in self._left_out:
            self._left_out.add(key)
            report(f"{key} is left out: {problem}. Rename it to have it indexed.")
        return not problem

    def _key(self, path: str) -> str:
        return path[self._root_length :]  # a listing asks for thousands


def _name_of(key: str) -> str:
    return hashlib.blake2b(key.encode(), digest_size=20).hexdigest()


def _is_ordinary(segment: str) -> bool:
    return bool(segment) and segment[0] != "." and "\0" not in segment and len(segment.encode()) <= _NAME_BYTES


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _explain(key: str) -> str:
    """Why ``key`` cannot be a key; empty if it can."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    return f"its path has {size} bytes, and a key at most {KEY_BYTES}" if size > KEY_BYTES else ""
