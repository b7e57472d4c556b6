"""Every field of a row and of a record fits into Milvus, whatever a document holds; checked before it is billed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.errors import DocumentError
from shared.domain.history import DocumentEvent, HistoryEntry
from shared.domain.models import Chunk, Document, DocumentState, Failure, Location, ObjectKey, ObjectState
from shared.ingestion.rows import RowMaker
from shared.ingestion.sidecar import check_size
from shared.store.registry import make_row as make_record_row
from shared.store.rows import ChunkRow, check_row, make_row
from shared.store.schema import MAX_BYTES, MAX_JSON_BYTES
from tests.profile import examples

ID = "0" * 32
# Characters that take most bytes in UTF-8 or as JSON, and half of one.
CHARACTERS = st.sampled_from(["a", "é", "中", "🙂", "\x00", "\x1f", '"', "\\", "\ud800"])
TEXTS = st.builds(lambda character, times: character * times, CHARACTERS, st.integers(0, 70_000))
NAMES = st.builds(lambda text, times: (text[:9_000],) * times, TEXTS, st.integers(0, 300))
VALUES = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), TEXTS, st.booleans())


def fits(fields: dict[str, Any]) -> bool:
    """Whether Milvus accepts the fields: counted here as its documentation does."""
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    objects = [value for value in fields.values() if isinstance(value, dict)]
    return all(len(value.encode()) <= MAX_BYTES[name] for name, value in texts.items()) and all(
        len(msgspec.json.encode(value)) <= MAX_JSON_BYTES for value in objects
    )


@settings(max_examples=examples(200), deadline=None)
@given(
    text=TEXTS,
    context=TEXTS,
    key=TEXTS,
    title=TEXTS,
    sheet=TEXTS,
    headings=NAMES,
    columns=NAMES,
    metadata=st.dictionaries(st.sampled_from("abc"), VALUES),
)
def test_a_row_fits_or_is_refused(
    text: str,
    context: str,
    key: str,
    title: str,
    sheet: str,
    headings: tuple[str, ...],
    columns: tuple[str, ...],
    metadata: dict[str, Any],
) -> None:
    location = Location(sheet=sheet, headings=headings, columns=columns)
    chunk = Chunk(ID, ID, 0, text, location, context)
    row = ChunkRow(chunk, (), "bucket", key, title, "md", 0, metadata, ID, "")
    try:
        check_row(row)
    except ValueError:
        return
    assert fits(make_row(row, with_words=True))


@settings(max_examples=examples(200), deadline=None)
@given(
    key=TEXTS.map(lambda text: text[:2_000]),
    title=TEXTS,
    message=TEXTS,
    warnings=st.lists(TEXTS, max_size=100),
    tenant=TEXTS,
    entries=st.integers(0, 10),
)
def test_a_record_always_fits(
    key: str, title: str, message: str, warnings: list[str], tenant: str, entries: int
) -> None:
    document = Document(
        ID,
        "bucket",
        key,
        DocumentState.FAILED,
        ID,
        title=title,
        tenant=tenant,
        tenant_from=tenant,
        warnings=tuple(warnings),
        failure=Failure("parsing", "broken_file", message, message),
        history=(HistoryEntry(1.0, DocumentEvent.FAILED, title, message, request_id=message),) * entries,
    )
    assert fits(make_record_row(document))


def test_what_a_row_cannot_hold_is_refused_by_name() -> None:
    state = ObjectState(ObjectKey("bucket", "a.txt"), "etag", 1, 1, {"note": "x" * 70_000})
    maker = RowMaker(state, "", 1)
    maker.describe("title", "txt")
    with pytest.raises(DocumentError, match="metadata has 70011 bytes") as caught:
        maker.check([Chunk(ID, ID, 0, "text", Location())])
    assert (caught.value.code, caught.value.stage) == ("field_too_large", "chunking")


def test_metadata_of_headers_and_sidecar_together_is_bounded() -> None:
    key = ObjectKey("bucket", "a.txt")
    assert not check_size(ObjectState(key, "etag", 1, 1, {"note": "x" * 20_000})).problem
    assert "larger than" in check_size(ObjectState(key, "etag", 1, 1, {"note": "x" * 40_000})).problem
