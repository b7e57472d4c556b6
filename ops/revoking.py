"""Where a key is configured: what to remove so that it is no longer accepted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from shared.runtime.auth import read_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SETTINGS: Final = ("API_KEYS", "ADMIN_API_KEYS")
_FILE: Final = "API_KEYS_FILE"
_HASHED: Final = "sha256:"
_HASH_END: Final = 23  # of a shown entry: enough to tell hashes apart


@dataclass(frozen=True)
class Place:
    """An entry of the key.

    Attributes:
        where: the setting, or the file.
        number: of the entry, or of the line, counted from 1.
        shown: the entry, as far as it may be shown.
        left: other keys of the same place.
    """

    where: str
    number: int
    shown: str
    left: int


@dataclass(frozen=True)
class Revocation:
    """What to remove.

    Attributes:
        places: every entry of the key.
        unread: why a place could not be looked at; empty if all could.
    """

    places: tuple[Place, ...]
    unread: str = ""

    @property
    def status(self) -> int:
        """The exit status: 0 when the key was found."""
        return 0 if self.places else 1

    def describe(self) -> Iterator[str]:
        """The lines that a person reads."""
        for place in self.places:
            what = "line" if place.where not in _SETTINGS else "entry"
            yield f"Remove {what} {place.number} of {place.where}: {place.shown} ({place.left} other keys stay)"
        if self.unread:
            yield self.unread
        if not self.places:
            yield "The key is in no place that was looked at: nothing accepts it, or it was given wrong."
            return
        settings = {place.where for place in self.places} & set(_SETTINGS)
        if settings:
            yield f"{' and '.join(sorted(settings))} take effect with the next deployment: `make deploy`."
        if len(settings) < len({place.where for place in self.places}):
            yield "A file takes effect within a minute."
        if any(place.where == "API_KEYS" and not place.left for place in self.places):
            yield "It is the last key of API_KEYS: without one the functions refuse to start, so make another first."

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return asdict(self)


def find_entries(key: str, environ: Mapping[str, str], file: Path | None) -> Revocation:
    """Find the entries of a key.

    Args:
        key: the key, or ``sha256:`` and its hash.
        environ: settings of the deployment.
        file: a copy of ``API_KEYS_FILE``, where that path is one of the functions.

    Raises:
        ValueError: it is no key, or an entry is none.
    """
    if not key or "@" in key:
        raise ValueError("a key has at least one character, and no @")
    digest, _ = read_key(key)
    places: list[Place] = []
    for setting in _SETTINGS:
        entries = [entry.strip() for entry in environ.get(setting, "").split(",")]
        places += _find(setting, digest, enumerate(filter(None, entries), 1))
    path = file or (Path(environ[_FILE]) if environ.get(_FILE) else None)
    if path is None:
        return Revocation(tuple(places))
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        unread = f"{path} cannot be read here: name a copy of it with --file."
        return Revocation(tuple(places), unread)
    numbered = ((number, line.strip()) for number, line in enumerate(lines, 1))
    places += _find(str(path), digest, (it for it in numbered if it[1] and not it[1].startswith("#")))
    return Revocation(tuple(places))


def _find(where: str, digest: bytes, entries: Iterable[tuple[int, str]]) -> Iterator[Place]:
    held = [(number, entry, read_key(entry)[0]) for number, entry in entries]
    left = len({other for *_, other in held} - {digest})
    return (Place(where, number, _show(entry), left) for number, entry, other in held if other == digest)


def _show(entry: str) -> str:
    """The beginning of a hash, and the tenants; of a key in clear only those."""
    key, at, tenants = entry.rpartition("@") if "@" in entry else (entry, "", "")
    shown = f"{key[:_HASH_END]}…" if key.lower().startswith(_HASHED) else "a key in clear"
    return f"{shown}{at}{tenants}"
