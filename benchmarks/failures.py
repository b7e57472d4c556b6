"""Documents of a measured set that were not indexed: real sets hold empty ones, and the rest is still measured."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SHOWN: Final = 5


@dataclass(frozen=True)
class FailedDocument:
    """One document that no search can find.

    Attributes:
        code: the error code of the registry; ``not_registered`` if the registry has no record, ``not_indexed`` if it
            has one without an error.
    """

    key: str
    code: str
    message: str


def find_failures(keys: Iterable[str], documents: Sequence[Mapping[str, Any]]) -> list[FailedDocument]:
    """The documents among ``keys`` that are not indexed.

    Args:
        documents: records of the registry, as ``GET /documents`` lists them.
    """
    records = {record["key"]: record for record in documents}
    return [_failure(key, records.get(key)) for key in keys if not _is_indexed(records.get(key))]


def describe_failures(failures: Sequence[FailedDocument], ids: Mapping[str, str]) -> Iterator[str]:
    """One line for each error code: how many documents have it, its message, and the first ids.

    Args:
        ids: the documents' ids in their set, by key.
    """
    by_code: defaultdict[str, list[FailedDocument]] = defaultdict(list)
    for failure in failures:
        by_code[failure.code].append(failure)
    for code, some in sorted(by_code.items(), key=lambda item: (-len(item[1]), item[0])):
        shown = ", ".join(ids.get(failure.key, failure.key) for failure in some[:_SHOWN])
        more = f" and {len(some) - _SHOWN} more" if len(some) > _SHOWN else ""
        yield f"{len(some)} not indexed, {code}: {some[0].message} ({shown}{more})"


def _is_indexed(record: Mapping[str, Any] | None) -> bool:
    return record is not None and record["state"] == "indexed"


def _failure(key: str, record: Mapping[str, Any] | None) -> FailedDocument:
    if record is None:
        return FailedDocument(key, "not_registered", "The registry has no record of it.")
    failure = record.get("failure")
    if not failure:
        return FailedDocument(key, "not_indexed", f"Its state is {record['state']}.")
    return FailedDocument(key, failure["code"], failure["message"])
