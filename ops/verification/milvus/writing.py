"""What is assumed of collections, aliases, writes and reads after them."""

from __future__ import annotations

import re
import secrets
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from ops.verification.assumption import Assumption, UncheckedError, expect
from ops.verification.milvus.collections import Sample, TemporaryCollections, document_id, find_error
from shared.runtime.settings import Secret
from shared.store.expressions import among, equals, select_id_prefix
from shared.store.schema import MAX_JSON_BYTES, MAX_TEXT_BYTES
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRONG_ROUNDS: Final = 5
_BOUNDED_SECONDS: Final = 15.0
_MOST_ROWS: Final = 16_384
_HEX_DIGITS: Final = "0123456789abcdef"


def list_writing(made: TemporaryCollections) -> Iterator[Assumption]:
    """The assumptions; the first ones make the collections that the others use."""

    def assume(subject: str, sentence: str, check: Any) -> Assumption:
        return Assumption(f"milvus.{subject}", sentence, partial(check, made))

    yield assume("version", "The server is 2.3 or later; from 2.5 on it searches by words.", _check_version)
    yield assume("create", "Our schema and indexes are accepted; made twice, they are found ready.", _check_create)
    yield assume("alias", "An alias reads like its collection, is listed with it, and can be moved.", _check_alias)
    yield assume("upsert", "A row with the id of an existing one replaces it.", _check_upsert)
    yield assume("strong", "A Strong read sees what another client has just written or deleted.", _check_strong)
    yield assume("bounded", f"A Bounded read sees it within {_BOUNDED_SECONDS:.0f} s.", _check_bounded)
    yield assume("delete", "Rows are deleted by id; ids that do not exist are ignored.", _check_delete)
    yield assume("count", "count(*) is exact.", _check_count)
    yield assume("text_size", f"A text of {MAX_TEXT_BYTES:,} bytes comes back whole.", _check_text_size)
    yield assume("json_size", "A JSON field takes almost 65,536 bytes.", _check_json_size)
    yield assume("vector", "A vector comes back in float32.", _check_vector)
    yield assume("rows", f"An answer may hold {_MOST_ROWS:,} rows.", _check_rows)
    yield assume("id_ranges", "Ranges of ids by their first digit are all rows, each once.", _check_id_ranges)
    yield assume("released", "A collection that was released is loaded again by the next read.", _check_released)
    yield assume("missing", "A call about a missing collection is refused for good.", _check_missing)
    yield assume("token", "A wrong token is refused in another way than a dead server answers.", _check_token)


def _check_version(made: TemporaryCollections) -> str:
    number = re.search(r"(\d{1,4})\.(\d{1,4})", made.version)
    expect(number and (int(number[1]), int(number[2])) >= (2, 3), f"it is {made.version}")
    return made.version


def _check_create(made: TemporaryCollections) -> str:
    made.store.prepare(made.until)
    again = Store(made.settings, made.space, made.other)
    expect(again.check(made.until), "another client does not find them")
    again.prepare(made.until)
    return f"index {made.store.chunks.read_index_kind(made.until)}"


def _check_alias(made: TemporaryCollections) -> str:
    alias, registry = f"{made.name}_alias", made.store.registry.name
    made.write(Sample("alias"))
    made.client.call("create_alias", made.until, made.chunks, alias)
    listed = list(made.client.call("list_aliases", made.until, made.chunks)["aliases"])
    expect(alias in listed and made.name in listed, f"listed are {len(listed)} aliases, not both")
    rows = made.client.query(alias, equals("document_id", document_id("alias")), ["id"], made.until)
    expect(len(rows) == 1, f"by its alias the collection has {len(rows)} of one row")
    made.client.call("alter_alias", made.until, registry, alias)
    rows = made.other.query(alias, 'id != ""', ["id"], made.until)
    expect(rows == [], "after it was moved, the alias still reads the first collection")
    return ""


def _check_upsert(made: TemporaryCollections) -> str:
    made.write(Sample("upsert", "first"))
    made.write(Sample("upsert", "second"))
    rows = made.read(equals("document_id", document_id("upsert")), "text")
    expect([row["text"] for row in rows] == ["second"], f"there are {len(rows)} rows, of {[r['text'] for r in rows]}")
    return ""


def _check_strong(made: TemporaryCollections) -> str:
    condition = equals("document_id", document_id("strong"))
    slowest = 0.0
    for number in range(_STRONG_ROUNDS):
        made.write(Sample("strong", f"text {number}"))
        began = time.monotonic()
        rows = made.read(condition, "text", other=True)
        slowest = max(slowest, time.monotonic() - began)
        expect([row["text"] for row in rows] == [f"text {number}"], f"write {number} was not seen")
    made.client.call("delete", made.until, made.chunks, ids=[rows[0]["id"]])
    expect(made.read(condition, other=True) == [], "a deleted row was seen")
    return f"slowest read {slowest:.2f} s"


def _check_bounded(made: TemporaryCollections) -> str:
    made.write(Sample("bounded"))
    condition = equals("document_id", document_id("bounded"))
    began = time.monotonic()
    while not made.read(condition, consistency="Bounded", other=True):
        expect(time.monotonic() - began < _BOUNDED_SECONDS, "it was not seen in that time")
        time.sleep(0.05)
    return f"seen after {time.monotonic() - began:.2f} s"


def _check_delete(made: TemporaryCollections) -> str:
    made.write(Sample("delete"), Sample("remain"))
    gone = made.make_row(Sample("delete")).chunk.id
    made.store.chunks.delete([gone, "0" * 32], made.until)
    names = [document_id("delete"), document_id("remain")]
    rows = made.read(among("document_id", names), "document_id")
    expect([row["document_id"] for row in rows] == names[1:], f"{len(rows)} of two rows remain")
    return ""


def _check_count(made: TemporaryCollections) -> str:
    made.write(*(Sample(f"count {number}", key=f"count/{number}") for number in range(20)))
    condition = among("document_id", [document_id(f"count {number}") for number in range(20)])
    made.read(condition)
    counted = made.client.call(
        "query", made.until, made.chunks, filter=condition, output_fields=["count(*)"], consistency_level="Strong"
    )[0]["count(*)"]
    expect(counted == 20, f"of 20 rows it counts {counted}")
    return ""


def _check_text_size(made: TemporaryCollections) -> str:
    text = "汉" * (MAX_TEXT_BYTES // 3)
    made.write(Sample("text size", text))
    (row,) = made.read(equals("document_id", document_id("text size")), "text")
    expect(row["text"] == text, f"of {len(text)} characters {len(row['text'])} came back")
    return ""


def _check_json_size(made: TemporaryCollections) -> str:
    value = {"note": "a" * (MAX_JSON_BYTES - 64)}
    made.write(Sample("json size", metadata=value))
    (row,) = made.read(equals("document_id", document_id("json size")), "metadata")
    expect(row["metadata"] == value, "it came back changed")
    return ""


def _check_vector(made: TemporaryCollections) -> str:
    made.write(Sample("vector", axis=3))
    wanted = made.make_row(Sample("vector", axis=3))
    found = made.store.chunks.read_vectors([wanted.chunk.id], made.until)
    expect(found.get(wanted.chunk.id) == wanted.vector, "it came back changed")
    return ""


def _check_rows(made: TemporaryCollections) -> str:
    made.client.query(made.chunks, 'id != ""', ["id"], made.until, limit=_MOST_ROWS)
    return ""


def _check_id_ranges(made: TemporaryCollections) -> str:
    made.write(*(Sample(f"range {number}", key="range") for number in range(40)))
    whole = sorted(row["id"] for row in made.read(equals("key", "range")))
    parts = [
        row["id"]
        for digit in _HEX_DIGITS
        for row in made.read(f"{equals('key', 'range')} and {select_id_prefix(digit)}")
    ]
    expect(sorted(parts) == whole and len(whole) == 40, f"of {len(whole)} rows the ranges have {len(parts)}")
    return ""


def _check_released(made: TemporaryCollections) -> str:
    made.write(Sample("released"))
    made.client.call("release_collection", made.until, made.chunks)
    rows = made.read(equals("document_id", document_id("released")))
    expect(len(rows) == 1, f"it has {len(rows)} of one row")
    return ""


def _check_missing(made: TemporaryCollections) -> str:
    error = find_error(made.client, "describe_collection", made.until, f"{made.name}_missing")
    expect(error is not None, "it succeeds")
    code = error.code if error else ""
    expect(code == "milvus_refused", f"it is taken for {code}")
    return ""


def _check_token(made: TemporaryCollections) -> str:
    if not made.settings.token:
        raise UncheckedError("MILVUS_TOKEN is empty: the server asks for none")
    wrong = made.make_client(replace(made.settings, token=Secret(f"verify:{secrets.token_hex(8)}")))
    error = find_error(wrong, "list_collections", made.until)
    if error is None:
        raise UncheckedError("the server lets in any token: its authorization is switched off")
    expect(error.code == "milvus_forbidden", f"it is taken for {error.code}")
    return ""
