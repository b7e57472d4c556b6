"""What is assumed of OSS, tried with small objects below a prefix of this run that are always removed."""

from __future__ import annotations

import hashlib
import re
import secrets
import tempfile
import time
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from ops.verification.assumption import Assumption, UncheckedError, expect, leave_out
from shared.domain.errors import PlatformError
from shared.ingestion.bucket import SIDECAR, Bucket, ChangedError
from shared.runtime.retrying import Deadline
from shared.runtime.settings import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from shared.domain.models import ObjectState
    from shared.runtime.settings import BucketSettings

FOLDER: Final = "semantic-search-verify/"

_RUN: Final = re.compile(rf"{FOLDER}(\d{{10}})-[0-9a-f]{{8}}/")
_ABANDONED_SECONDS: Final = 3_600
_DELETED_AT_ONCE: Final = 1_000
_STEP_SECONDS: Final = 60.0
# In the order of their UTF-8 bytes, in which UTF-16 would put the last before the one in front of it.
_NAMES: Final = ("A", "a b", "a+b", "a/b", "a//c", "a%2Bb", "b&<>c", "é", "中", "\ufffd", "😀")
_OTHER_SECONDS: Final = 5
_WRONG_SECONDS: Final = 900.0


class TemporaryObjects:
    """Objects of this run alone."""

    def __init__(self, settings: BucketSettings) -> None:
        self.prefix = f"{FOLDER}{int(time.time())}-{secrets.token_hex(4)}/"
        self.settings = replace(settings, prefix=self.prefix, suffix="")
        self.bucket = Bucket(self.settings)
        self._made: set[str] = set()
        self._views: dict[tuple[str, int], Bucket] = {}

    @property
    def until(self) -> Deadline:
        """The end of one step."""
        return Deadline.after(_STEP_SECONDS)

    def put(self, name: str, content: bytes, **headers: str) -> None:
        """Store an object of this run."""
        self._made.add(self.prefix + name)
        self.bucket.put(self.prefix + name, content, self.until, headers)

    @cached_property
    def names(self) -> list[str]:
        """Objects in the folder ``names/``, in the order of their bytes; stored at first use."""
        for name in _NAMES:
            self.put(f"names/{name}", b"x")
        return sorted(_NAMES, key=str.encode)

    def find(self, name: str) -> ObjectState:
        """The state of an object that must exist."""
        state = self.bucket.state(self.bucket.key(self.prefix + name), self.until)
        expect(state, f"{name!r} is not there")
        assert state is not None  # noqa: S101 - for the type checker; `expect` has raised
        return state

    def list_names(self, *, page: int = 1_000, after: str = "", folder: str = "") -> list[str]:
        """The names in the order of the listing."""
        bucket = self.view(folder, page)
        start = self.prefix + folder + after if after else ""
        pages = bucket.walk(self.until, start)
        return [state.key.key.removeprefix(self.prefix + folder) for page_ in pages for state in page_]

    def view(self, folder: str = "", page: int = 1_000) -> Bucket:
        """The bucket with a folder of this run as its prefix."""
        if (folder, page) not in self._views:
            self._views[folder, page] = Bucket(replace(self.settings, prefix=self.prefix + folder), page)
        return self._views[folder, page]

    def remove(self) -> None:
        """Remove the objects of this run, and those that an earlier one has left.

        Raises:
            PlatformError: some remain.
        """
        self.bucket.delete(sorted(self._made), self.until)
        everything = Bucket(replace(self.settings, prefix=FOLDER))
        for page in everything.list_documents(self.until):
            names = [state.key.key for state in page if _is_abandoned(state.key.key)]
            everything.delete([*names, *(name + SIDECAR for name in names)][:_DELETED_AT_ONCE], self.until)


def _is_abandoned(key: str) -> bool:
    found = _RUN.match(key)
    return found is not None and time.time() - int(found[1]) > _ABANDONED_SECONDS


@contextmanager
def open_bucket(settings: BucketSettings) -> Iterator[Iterable[Assumption]]:
    """The assumptions about OSS.

    Raises:
        PlatformError: it cannot be reached, or an object cannot be removed.
    """
    made = TemporaryObjects(settings)
    made.list_names()
    try:
        yield _list_assumptions(made)
    finally:
        made.remove()


def _list_assumptions(made: TemporaryObjects) -> Iterator[Assumption]:
    def assume(subject: str, sentence: str, check: Callable[[TemporaryObjects], str]) -> Assumption:
        return Assumption(f"oss.{subject}", sentence, partial(check, made))

    yield assume("etag", "HEAD, GET and the listing name one ETag, which changes with the content.", _check_etag)
    yield assume("after_write", "What was written or deleted is seen at once, by HEAD and by a listing.", _check_fresh)
    yield assume(
        "order", "A listing is in the order of the keys' UTF-8 bytes, and each key comes as it is.", _check_order
    )
    yield assume("start_after", "start_after begins after a key, whether it exists or not.", _check_start_after)
    yield assume("pages", "Small pages together are the whole listing, each key once.", _check_pages)
    yield assume("if_match", "A read with If-Match of another version is refused with 412.", _check_if_match)
    yield assume("range", "A ranged read returns that part, and a short object whole.", _check_range)
    yield assume("metadata", "x-oss-meta headers come back; their names do not tell upper case.", _check_metadata)
    yield assume("sidecar", "A sidecar is read with its object.", _check_sidecar)
    yield assume("missing", "HEAD of a missing object is 404; deleting it succeeds.", _check_missing)
    yield assume("time", "The time of the last change is that of now, in seconds, alike in all answers.", _check_time)
    yield assume("wrong_bucket", "A bucket that does not exist is NoSuchBucket.", _check_wrong_bucket)
    yield assume("wrong_key", "A wrong access key is refused with 401 or 403.", _check_wrong_key)
    yield leave_out(
        "oss.archived", "An archived object is InvalidObjectState.", "archiving an object takes a month and a fee"
    )
    yield leave_out(
        "oss.expired_token",
        "Expired credentials are SecurityTokenExpired or InvalidSecurityToken.",
        "it takes temporary credentials, and an hour",
    )
    yield leave_out(
        "oss.events",
        "Events may repeat, and come in any order; deleting in a versioned bucket raises none.",
        "events go to the functions; `s ingest logs` shows them",
    )


def _check_etag(made: TemporaryObjects) -> str:
    made.put("etag", b"one")
    state = made.find("etag")
    (listed,) = next(made.view().list_documents(made.until))
    _, content = made.bucket.fetch(listed, made.until)
    expect(state.etag == listed.etag, "the listing names another ETag than HEAD")
    expect(content == b"one", "GET did not return the listed version")
    made.put("etag", b"two")
    expect(made.find("etag").etag != state.etag, "other content has the same ETag")
    is_md5 = state.etag.lower() == hashlib.md5(b"one", usedforsecurity=False).hexdigest()
    return "the ETag is the MD5 of the content" if is_md5 else "the ETag is not the MD5 of the content"


def _check_fresh(made: TemporaryObjects) -> str:
    for number in range(3):
        made.put("fresh/a", f"content {number}, {'x' * number}".encode())
        expect(made.find("fresh/a").size == len(f"content {number}, ") + number, f"write {number} was not seen")
        expect(made.list_names(folder="fresh/") == ["a"], f"write {number} is not in the listing")
    made.bucket.delete([f"{made.prefix}fresh/a"], made.until)
    gone = made.bucket.state(made.bucket.key(f"{made.prefix}fresh/a"), made.until)
    expect(gone is None and made.list_names(folder="fresh/") == [], "what was deleted is seen")
    return ""


def _check_order(made: TemporaryObjects) -> str:
    wanted = made.names
    found = made.list_names(folder="names/")
    expect(found == wanted, f"the listing is {found}")
    return ""


def _check_start_after(made: TemporaryObjects) -> str:
    names = made.names
    for place, name in enumerate(names):
        found = made.list_names(folder="names/", after=name)
        expect(found == names[place + 1 :], f"after {name!r} are {found}")
    found = made.list_names(folder="names/", after="a/b!")
    wanted = [name for name in names if name.encode() > b"a/b!"]
    expect(found == wanted, f"after a key that does not exist are {found}")
    return ""


def _check_pages(made: TemporaryObjects) -> str:
    names = made.names
    for page in (1, 2, len(names)):
        found = made.list_names(folder="names/", page=page)
        expect(found == names, f"in pages of {page} the listing is {found}")
    return ""


def _check_if_match(made: TemporaryObjects) -> str:
    made.put("match", b"one")
    old = made.find("match")
    expect(made.bucket.read_head(old, 3, made.until) == b"one", "the version itself is not returned")
    made.put("match", b"two")
    expect(_is_refused(made, old), "another version is returned")
    made.bucket.delete([old.key.key], made.until)
    expect(_is_refused(made, old), "a deleted object is returned")
    return ""


def _is_refused(made: TemporaryObjects, old: ObjectState) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            made.bucket.download(old, Path(folder, "content"), 100, made.until)
        except ChangedError:
            return True
    return False


def _check_range(made: TemporaryObjects) -> str:
    made.put("range", b"0123456789")
    state = made.find("range")
    for size, wanted in ((4, b"0123"), (10, b"0123456789"), (4_096, b"0123456789")):
        found = made.bucket.read_head(state, size, made.until)
        expect(found == wanted, f"the first {size} bytes of 10 are {len(found)}")
    return ""


def _check_metadata(made: TemporaryObjects) -> str:
    made.put("metadata", b"x", **{"Team-Name": "sales", "year": "2025"})
    found = made.find("metadata").metadata
    expect(found == {"team_name": "sales", "year": "2025"}, f"it is {found}")
    return ""


def _check_sidecar(made: TemporaryObjects) -> str:
    made.put("sidecar/a", b"x")
    made.put(f"sidecar/a{SIDECAR}", b'{"team": "sales"}')
    state = made.find("sidecar/a")
    expect(state.metadata == {"team": "sales"} and state.sidecar_etag, f"the metadata is {state.metadata}")
    expect(made.list_names(folder="sidecar/") == ["a"], "the sidecar is listed as a document")
    return ""


def _check_missing(made: TemporaryObjects) -> str:
    key = made.bucket.key(f"{made.prefix}missing")
    expect(made.bucket.state(key, made.until) is None, "HEAD finds it")
    expect(made.bucket.delete([key.key], made.until) == 1, "deleting it is not confirmed")
    return ""


def _check_time(made: TemporaryObjects) -> str:
    made.put("time/a", b"x")
    state = made.find("time/a")
    listed = [it for page in made.view().list_documents(made.until) for it in page if it.key == state.key]
    expect([it.modified for it in listed] == [state.modified], "the listing names another time than HEAD")
    apart = abs(time.time() - state.modified)
    expect(apart < _WRONG_SECONDS, f"it is {apart:.0f} s from this machine's clock")
    return f"{apart:.0f} s from this machine's clock" if apart > _OTHER_SECONDS else ""


def _find_code(settings: Any) -> str:
    try:
        next(Bucket(settings).list_documents(Deadline.after(_STEP_SECONDS)))
    except PlatformError as error:
        return error.code
    return ""


def _check_wrong_bucket(made: TemporaryObjects) -> str:
    code = _find_code(replace(made.settings, bucket=f"verify-{secrets.token_hex(12)}"))
    expect(code == "bucket_missing", f"it is taken for {code or 'a bucket'}")
    return ""


def _check_wrong_key(made: TemporaryObjects) -> str:
    wrong = replace(made.settings, access_key_id=f"LTAI{secrets.token_hex(8)}", security_token=Secret(""))
    code = _find_code(wrong)
    if not code:
        raise UncheckedError("this server accepts any access key, as the emulator does")
    expect(code == "oss_forbidden", f"it is taken for {code}")
    return ""
