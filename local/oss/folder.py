"""A plain folder as a bucket.

Where an object lies says ``Layout``, what is remembered of it ``Records``. A file that was put there by hand is hashed
once, when it is first asked for: its ETag is the MD5 of its content.

One process serves a folder; a file system that folds case or normalises Unicode folds keys with it.
"""

from __future__ import annotations

import mimetypes
import os
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from local.oss.draft import CHUNK_BYTES, Digest, Draft
from local.oss.layout import Layout
from local.oss.records import Records
from local.oss.refusal import Refusal
from local.oss.stored_object import Arrival, Change, Identity, Properties, StoredObject

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Folder:
    """The bucket. Every method blocks on the disk and may be called from any thread.

    Args:
        root: an existing directory.
        announce_existing: let the watch report the files that lie there at the start as new ones.

    Raises:
        NotADirectoryError: ``root`` is not a directory.
    """

    def __init__(self, root: Path, *, announce_existing: bool) -> None:
        self._layout = Layout(root)
        self._records = Records(self._layout)
        self._lock = threading.RLock()  # a file and its record change together, or a reader sees neither
        self._known: dict[str, Identity] = {} if announce_existing else self._layout.scan()

    @property
    def root(self) -> Path:
        """Its path, without symbolic links."""
        return self._layout.root

    @property
    def hidden(self) -> Path:
        """The directory in it that is ours."""
        return self._layout.hidden

    def find(self, key: str) -> StoredObject | None:
        """The object under ``key``."""
        try:
            stored, file = self._open(key)
        except FileNotFoundError:
            return None
        file.close()
        return stored

    def find_all(self, keys: Sequence[str]) -> list[StoredObject]:
        """The objects under ``keys`` of a listing, without those that have gone."""
        return [stored for key in keys if (stored := self._recall(key) or self.find(key))]

    def _recall(self, key: str) -> StoredObject | None:
        """What is known of a file that was listed, if it is still the same: opening it takes ten times as long."""
        record = self._records.find_any(key)
        if record is None:
            return None
        try:
            status = os.lstat(self.root / key)
        except (OSError, ValueError):  # a key that no file can have lies elsewhere
            return None
        return record if stat.S_ISREG(status.st_mode) and Identity.of(status) == record.identity else None

    def open(self, key: str) -> tuple[StoredObject, BinaryIO]:
        """The object and its content, which stays that of this version while the file is open.

        Raises:
            Refusal: there is none.
        """
        try:
            return self._open(key)
        except FileNotFoundError:
            raise Refusal("NoSuchKey") from None

    def keys(self, prefix: str) -> list[str]:
        """All keys that start with ``prefix``, in the order of their UTF-8 bytes.

        Raises:
            OSError: a directory that held some cannot be read: a listing without them would remove them elsewhere.
        """
        found = self._layout.keys(prefix)
        with self._lock:
            if any(key.startswith(prefix) and self._layout.is_unreadable(key) for key in self._known):
                raise PermissionError("a directory with known files cannot be read")
            if self._layout.has_hidden():
                found.update(key for key in self._records if key.startswith(prefix) and self._layout.hides(key))
        return sorted(found)  # code points and UTF-8 bytes sort alike

    def draft(self) -> Draft:
        """A place to write content to."""
        return Draft(self._layout.draft())

    def store(self, key: str, draft: Draft, properties: Properties, *, overwrite: bool, etag: str = "") -> Arrival:
        """Make ``draft`` the object under ``key``, at once and whole; the watch will not report it again.

        Args:
            etag: in place of the draft's own.

        Raises:
            Refusal: there is one already, and ``overwrite`` is false.
        """
        draft.close()
        identity = Identity.of(draft.path.stat())
        stored = StoredObject(key, identity, etag or draft.digest.etag, draft.digest.crc64, properties)
        with self._lock:
            before = self._layout.identity(key)
            if before and not overwrite:
                raise Refusal("FileAlreadyExists")
            arrival = Arrival(key, stored, *self._past(key, before))
            is_ordinary = self._layout.place(key, draft.path)
            # Where the disk is full the request fails here, and the watch announces the file that is in its place.
            self._records.remember(stored)
            if is_ordinary:
                self._known[key] = identity
        return arrival

    def copy(self, source: str, key: str, properties: Properties | None, *, overwrite: bool) -> Arrival:
        """Copy an object; ``properties`` replace those of the source if given.

        Raises:
            Refusal: ``source`` does not exist, or there is an object already and ``overwrite`` is false.
        """
        stored, file = self.open(source)
        with file:
            draft = self.draft()
            try:
                draft.pour(file)
                return self.store(key, draft, properties or stored.properties, overwrite=overwrite)
            finally:
                draft.discard()

    def remove(self, key: str) -> Change | None:
        """Delete the object; ``None`` if there was none. Directories left empty go with it."""
        with self._lock:
            before = self._layout.identity(key)
            if before is None:
                return None
            self._layout.remove(key)
            self._known.pop(key, None)
            change = Change(key, None, *self._past(key, before))
            self._records.forget(key)
        return change

    def unannounced(self) -> dict[str, Identity | None]:
        """Files with a state that was not reported yet, with that state; ``None`` where a file is gone.

        Raises:
            OSError: the folder cannot be read, so that what is gone is not known.
        """
        now = self._layout.scan()
        with self._lock:
            new: dict[str, Identity | None] = {k: found for k, found in now.items() if self._known.get(k) != found}
            gone = dict.fromkeys(k for k in self._known if k not in now and not self._layout.is_unreadable(k))
            previous = {self._known[key]: key for key in gone}
        # New ones first: a renamed file is a new one with a content that the index still holds under the previous name.
        return _pair(new, previous) | dict.fromkeys(sorted(gone))

    def recover(self) -> None:
        """Go on with a folder that was removed and made again.

        Raises:
            OSError: it is still gone.
        """
        self._layout.create_hidden()

    def announce(self, key: str, state: Identity | None) -> Change | None:
        """Take ``state`` as reported and return it as a change; ``None`` if the file has moved on meanwhile."""
        with self._lock:
            change = Change(key, None, *self._past(key, self._known.get(key)))
        now = self.find(key) if state else None
        with self._lock:
            if self._layout.state(key) != state or self._known.get(key) == state or (now and now.identity != state):
                return None
            if state:
                self._known[key] = state
            else:
                del self._known[key]
                self._records.forget(key)
        return replace(change, now=now)

    def _open(self, key: str) -> tuple[StoredObject, BinaryIO]:
        with self._lock:
            file = self._layout.open(key)
            record = self._records.find(key, Identity.of(os.fstat(file.fileno())))
        try:
            return record or self._hash(key, file), file
        except BaseException:
            file.close()
            raise

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
            if identity == Identity.of(os.fstat(file.fileno())) == self._layout.identity(key):
                with suppress(OSError):  # on a full disk it is hashed again after a restart
                    self._records.remember(stored)
        return stored

    def _past(self, key: str, before: Identity | None) -> tuple[int, str]:
        """Size and ETag of the version ``before``."""
        record = self._records.find(key, before)
        return before.size if before else 0, record.etag if record else ""


def _pair(new: dict[str, Identity | None], previous: dict[Identity, str]) -> dict[str, Identity | None]:
    """New files by name, the previous name of each that was renamed right after it: these are handled together."""
    paired: dict[str, Identity | None] = {}
    for key, identity in sorted(new.items()):
        paired[key] = identity
        if identity is not None and identity in previous:
            paired[previous[identity]] = None
    return paired
