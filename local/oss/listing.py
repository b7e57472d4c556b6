"""One page of the bucket's keys."""

from __future__ import annotations

import base64
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from local.oss import headers, wire
from local.oss.notification import ACCOUNT
from local.oss.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.oss.call import Call
    from local.oss.stored_object import StoredObject

_PAGE_LIMIT: Final = 1000
_PAGE_DEFAULT: Final = 100


@dataclass(frozen=True)
class Entry:
    """A line of a listing: a key, or the common prefix of several."""

    name: str
    common: bool

    @property
    def token(self) -> str:
        """Names this entry as the last of its page."""
        return base64.urlsafe_b64encode(f"{'p' if self.common else 'k'}{self.name}".encode()).decode()

    def covers(self, key: str) -> bool:
        """Whether ``key`` stood on this page or an earlier one."""
        return key <= self.name or (self.common and key.startswith(self.name))


@dataclass(frozen=True)
class Listing:
    """What a call wants listed.

    Attributes:
        limit: entries of a page.
        after: the entry before the first one.
    """

    call: Call
    prefix: str
    delimiter: str
    limit: int
    after: Entry

    @classmethod
    def of(cls, call: Call) -> Listing:
        """The listing that ``call`` asks for.

        Raises:
            Refusal: an argument is invalid.
        """
        prefix, delimiter = call.query.get("prefix", ""), call.query.get("delimiter", "")
        listing = cls(call, prefix, delimiter, _page_size(call.query.get("max-keys", "")), _after(call))
        return listing if listing.is_second else replace(listing, after=listing.find_marked())

    @property
    def is_second(self) -> bool:
        """Whether it is of the second version, which names the next page by a token; the first has the last name."""
        return self.call.query.get("list-type") == "2"

    def find_marked(self) -> Entry:
        """The entry that ``marker`` names; a common prefix only where it is one as a whole."""
        marker = self.call.query.get("marker", "")
        entry = self._entry(marker) if marker.startswith(self.prefix) else Entry(marker, common=False)
        return entry if entry.name == marker else Entry(marker, common=False)

    def page(self, keys: Sequence[str]) -> tuple[list[Entry], bool]:
        """The next entries among the sorted ``keys``, and whether more follow."""
        entries: list[Entry] = []
        for key in keys:
            if self.after.covers(key) or (entries and entries[-1].covers(key)):
                continue
            if len(entries) == self.limit:
                return entries, True
            entries.append(self._entry(key))
        return entries, False

    def answer(self, entries: Sequence[Entry], found: Sequence[StoredObject], *, more: bool) -> ET.Element:
        """The page as XML; ``found`` are the objects of its keys, without those that went meanwhile."""
        encode, query = wire.encoder(self.call), self.call.query
        root = ET.Element("ListBucketResult")
        wire.add(root, Name=self.call.bucket, Prefix=encode(self.prefix), MaxKeys=str(self.limit))
        wire.add(root, Delimiter=encode(self.delimiter), EncodingType=query.get("encoding-type"))
        wire.add(root, IsTruncated=str(more).lower())
        if self.is_second:
            wire.add(root, StartAfter=encode(query.get("start-after", "")))
            wire.add(root, ContinuationToken=query.get("continuation-token"))
            wire.add(root, NextContinuationToken=entries[-1].token if more else None)
        else:
            wire.add(root, Marker=encode(query.get("marker", "")))
            wire.add(root, NextMarker=encode(entries[-1].name) if more else None)
        for stored in found:
            node = ET.SubElement(root, "Contents")
            wire.add(node, Key=encode(stored.key), LastModified=wire.stamp(stored), ETag=f'"{stored.etag}"')
            wire.add(node, Type=headers.object_type(stored), Size=str(stored.size), StorageClass="Standard")
            if not self.is_second:
                wire.add(ET.SubElement(node, "Owner"), ID=ACCOUNT, DisplayName=ACCOUNT)
        common = [entry.name for entry in entries if entry.common]
        for name in common:
            wire.add(ET.SubElement(root, "CommonPrefixes"), Prefix=encode(name))
        if self.is_second:
            wire.add(root, KeyCount=str(len(found) + len(common)))
        return root

    def _entry(self, key: str) -> Entry:
        rest = key[len(self.prefix) :]
        cut = rest.find(self.delimiter) if self.delimiter else -1
        if cut < 0:
            return Entry(key, common=False)
        return Entry(self.prefix + rest[: cut + len(self.delimiter)], common=True)


def _after(call: Call) -> Entry:
    token = call.query.get("continuation-token", "")
    if not token:
        return Entry(call.query.get("start-after", ""), common=False)
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except ValueError:
        text = ""
    if text[:1] not in ("p", "k"):
        raise Refusal("InvalidArgument", "The specified continuation-token is invalid.")
    return Entry(text[1:], common=text[0] == "p")


def _page_size(value: str) -> int:
    if not value:
        return _PAGE_DEFAULT
    if not value.isdecimal() or not 1 <= int(value) <= _PAGE_LIMIT:
        raise Refusal("InvalidArgument", f"max-keys must be a number between 1 and {_PAGE_LIMIT}.")
    return int(value)
