"""Multipart uploads under way. They do not outlive the process."""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from local.oss.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.oss.draft import Draft
    from local.oss.folder import Folder
    from local.oss.stored_object import Arrival, Properties

_MINIMUM_PART_BYTES: Final = 100 * 1024


@dataclass
class _Upload:
    key: str
    properties: Properties
    parts: dict[int, Draft] = field(default_factory=dict)
    begun: float = field(default_factory=time.time)


class Uploads:
    """Parts on their way to become objects of ``folder``. Safe between threads; all but ``begin`` block on the disk."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}

    def begin(self, key: str, properties: Properties) -> str:
        """Start an upload; its id."""
        upload_id = uuid.uuid4().hex.upper()
        with self._lock:
            self._uploads[upload_id] = _Upload(key, properties)
        return upload_id

    def add(self, key: str, upload_id: str, number: int, draft: Draft) -> None:
        """Keep ``draft`` as a part, in place of an earlier one of that number.

        Raises:
            Refusal: there is no such upload.
        """
        draft.close()
        with self._lock:
            parts = self._find(key, upload_id).parts
            earlier, parts[number] = parts.get(number), draft
        if earlier:
            earlier.discard()

    def complete(self, key: str, upload_id: str, parts: Sequence[tuple[int, str]], *, overwrite: bool) -> Arrival:
        """Join the parts, given as number and ETag, into the object.

        Raises:
            Refusal: there is no such upload; a part is unknown, out of order or too small; or there is an object
                already, and ``overwrite`` is false.
        """
        with self._lock:
            upload = self._find(key, upload_id)
            chosen = _chosen(upload, parts)
        whole = self._folder.draft()
        try:
            for part in chosen:
                with part.path.open("rb") as file:
                    whole.pour(file)
            etag = _multipart_etag(chosen)
            arrival = self._folder.store(key, whole, upload.properties, overwrite=overwrite, etag=etag)
        finally:
            whole.discard()
        self.abort(key, upload_id)
        return arrival

    def list_parts(self, key: str, upload_id: str) -> list[tuple[int, Draft]]:
        """The parts so far, by number.

        Raises:
            Refusal: there is no such upload.
        """
        with self._lock:
            return sorted(self._find(key, upload_id).parts.items())

    def list(self, prefix: str) -> list[tuple[str, str, float]]:
        """Key, id and start in seconds since 1970 of each upload under way with a key that begins with ``prefix``."""
        with self._lock:
            found = [(upload.key, id_, upload.begun) for id_, upload in self._uploads.items()]
        return sorted(one for one in found if one[0].startswith(prefix))

    def abort(self, key: str, upload_id: str) -> None:
        """Drop the upload and its parts.

        Raises:
            Refusal: there is no such upload.
        """
        with self._lock:
            upload = self._find(key, upload_id)
            del self._uploads[upload_id]
        for part in upload.parts.values():
            part.discard()

    def _find(self, key: str, upload_id: str) -> _Upload:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise Refusal("NoSuchUpload")
        return upload


def _chosen(upload: _Upload, parts: Sequence[tuple[int, str]]) -> list[Draft]:
    numbers = [number for number, _ in parts]
    if not numbers or numbers != sorted(set(numbers)):
        raise Refusal("InvalidPartOrder")
    chosen = []
    for number, etag in parts:
        part = upload.parts.get(number)
        if part is None or part.digest.etag != etag.strip('"').upper():
            raise Refusal("InvalidPart", f"Part {number} was not uploaded, or its ETag differs.")
        chosen.append(part)
    if any(part.size < _MINIMUM_PART_BYTES for part in chosen[:-1]):
        raise Refusal("EntityTooSmall")
    return chosen


def _multipart_etag(parts: Sequence[Draft]) -> str:
    joined = b"".join(bytes.fromhex(part.digest.etag) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest().upper()}-{len(parts)}"
