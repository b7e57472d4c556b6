"""The values that cross borders between steps: frozen, plain, independent of any vendor.

Here and elsewhere they are Structs, which serve as dataclasses do and are made in C: a dataclass of ten fields takes
0.7 ms of a cold start to define, a Struct 0.02; a copy with another score takes 6 µs of a search, or 0.2. Dataclasses
remain where a field shall not be shown or compared.

Longer than 300 lines because half of it documents fields that all rooms share.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from shared.domain.history import HistoryEntry  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterator


def digest(*parts: str) -> str:
    """A stable 32-character hexadecimal id of ``parts``; equal parts give equal ids on every machine."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(len(data).to_bytes(8, "big"))
        hashed.update(data)
    return hashed.hexdigest()


class ObjectKey(Struct, frozen=True):
    """The name of an object in a bucket."""

    bucket: str
    key: str

    @property
    def document_id(self) -> str:
        """Id of the document made from this object: safe inside any filter, whatever the key holds."""
        return digest(self.bucket, self.key)


@dataclass(frozen=True)
class ObjectState:
    """What the bucket holds under a key right now.

    Attributes:
        etag: version of the content, without quotes.
        size: bytes.
        modified: when it or its metadata was last written, in whole seconds since the epoch.
        metadata: what its owner says about it, by name; empty in a listing, which does not tell.
        problem: why the object or its metadata cannot be used, or empty.
        sidecar_etag: version of the sidecar, the object that holds its metadata; empty when there is none.
    """

    key: ObjectKey
    etag: str
    size: int
    modified: int
    metadata: dict[str, Any] = field(default_factory=dict, compare=False)
    problem: str = field(default="", compare=False)
    sidecar_etag: str = ""

    @property
    def version(self) -> str:
        """Identity of content and metadata together: what the index must speak of."""
        if not self.metadata and not self.problem:
            return self.etag
        return digest(self.etag, json.dumps(self.metadata, sort_keys=True, ensure_ascii=False), self.problem)


class Location(Struct, frozen=True):
    """Place of a chunk in its document.

    Attributes:
        start: offset of its first character in the document's extracted text.
        end: exclusive end offset.
        page: page or slide, counted from 1.
        sheet: name of the worksheet.
        row: row of the sheet, or record of a csv or jsonl file, counted from 1.
        headings: titles of the sections around it, outermost first.
        columns: labels of the columns of the table a row belongs to, in order; empty for everything else.
    """

    start: int = 0
    end: int = 0
    page: int | None = None
    sheet: str | None = None
    row: int | None = None
    headings: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class BlockKind(StrEnum):
    """What a block is, which decides where it may be cut.

    ``TEXT`` is cut at sentences. ``ROW`` (a table row, a record) and ``ITEM`` (a list item) stay whole where they fit
    into a chunk. ``CODE`` is cut at line ends only.
    """

    TEXT = "text"
    ROW = "row"
    ITEM = "item"
    CODE = "code"


class Picture(Struct, frozen=True):
    """A page or a picture that a model has to read.

    Attributes:
        data: the picture as JPEG.
        digest: hash of its pixels, which stays the same however it is compressed.
        width: in pixels.
        height: in pixels.
        is_page: whether it is a page of text; else a picture, which may show anything.
        is_inside: whether it is a part of a document that has text, which is read with ``OCR=all`` only.
    """

    data: bytes
    digest: str
    width: int
    height: int
    is_page: bool = True
    is_inside: bool = False


class Block(Struct, frozen=True):
    """One stretch of a document's text in reading order: a paragraph, a heading, a table row.

    Parsers yield blocks; they need not set offsets, which chunking counts.

    Attributes:
        text: non-blank text.
        location: page, sheet, row, headings and columns; ``start`` and ``end`` are ignored.
        heading: whether this block is itself a heading, at which a chunk always starts.
        kind: where it may be cut.
        keys: of a row or record, the fields that identify it, as in its text (``sku: D1``); they accompany each part
            of one that is larger than a chunk.
        picture: what has to be read in place of this block, which has no text then.
    """

    text: str
    location: Location = Location()
    heading: bool = False
    kind: BlockKind = BlockKind.TEXT
    keys: str = ""
    picture: Picture | None = None


class ParsedDocument(Struct, frozen=True):
    """A document's title and its text, read lazily so that a large file never stands in memory whole.

    Attributes:
        format: name of the format the content is in, a value of `shared.parsing.FORMATS`.
        warnings: sentences that say what was left out; complete once all blocks are read.
    """

    title: str
    blocks: Iterator[Block]
    format: str = ""
    warnings: list[str] = []


class Chunk(Struct, frozen=True):
    """A stretch of a document that is embedded and found as one.

    Attributes:
        id: hash of document, text, occurrence and embedding profile: unchanged text keeps its id.
        ordinal: position in the document, counted from 0.
        context: title, section path and the like, which are embedded and indexed in front of the text, but not shown.
    """

    id: str
    document_id: str
    ordinal: int
    text: str
    location: Location
    context: str = ""

    @property
    def embedded_text(self) -> str:
        """What is embedded and indexed for words: the context in front of the text."""
        return f"{self.context}\n{self.text}" if self.context else self.text


class DocumentState(StrEnum):
    """Processing state. Deleted records keep a tombstone so that a late older version cannot restore them."""

    PENDING = "pending"
    INDEXED = "indexed"
    FAILED = "failed"
    DELETED = "deleted"


class Failure(Struct, frozen=True):
    """Why a document could not be indexed.

    Attributes:
        stage: the step that failed.
        code: stable name of the reason.
        message: a sentence for people.
        request_id: the remote service's request id, or empty.
        retryable: whether trying the same again can help.
    """

    stage: str
    code: str
    message: str
    request_id: str = ""
    retryable: bool = False


class Claim(Struct, frozen=True):
    """Which process is at work on a document.

    Attributes:
        owner: name of the process.
        until: when the claim ends unless it is renewed, seconds since the epoch.
    """

    owner: str
    until: float


class Document(Struct, frozen=True):
    """The registry's record of one document.

    Attributes:
        version: the object's content and metadata this record speaks of (the ETag, where there is no metadata).
        indexed_version: the version the index answers from; empty when it holds none.
        etag: version of the object's content alone.
        sidecar_etag: version of the sidecar (``<key>.metadata.json``); empty when there was none.
        size: bytes of the object.
        modified: when the object or its metadata was written, seconds since the epoch.
        chunks: chunks in the index.
        tokens: tokens DashScope billed for this version.
        cost_cny: what they cost.
        ocr_pages: pages and pictures of this version that a model has read, in this attempt or an earlier one.
        ocr_cost_cny: the part of ``cost_cny`` that they cost.
        attempts: tries spent on this version.
        order: of a record, its version number; an older record that comes late is left out.
        fingerprint: digest of the chunks' ids and places, to see whether the index still holds exactly them.
        tenant: the tenant that owns the document, or empty.
        tenant_from: the rule that gave the tenant.
        parser_revision: revision of the parsing code that read this version; 0 where none did.
        warnings: sentences that say what was left out of the document.
        generation: how many versions were indexed so far; a chunk holds the generation that wrote it.
        claim: which process is at work on it, or null.
        updated: when this record was written, seconds since the epoch.
        history: how the last attempts ended, oldest first; empty in a list of documents.
    """

    id: str
    bucket: str
    key: str
    state: DocumentState
    version: str
    indexed_version: str = ""
    etag: str = ""
    sidecar_etag: str = ""
    title: str = ""
    format: str = ""
    size: int = 0
    modified: float = 0
    chunks: int = 0
    fingerprint: str = ""
    tenant: str = ""
    tenant_from: str = ""
    tokens: int = 0
    cost_cny: float = 0
    model: str = ""
    ocr_pages: int = 0
    ocr_cost_cny: float = 0
    attempts: int = 0
    order: int = 0
    parser_revision: int = 0
    warnings: tuple[str, ...] = ()
    generation: int = 0
    claim: Claim | None = None
    failure: Failure | None = None
    updated: float = 0
    history: tuple[HistoryEntry, ...] = ()


class Usage(Struct, frozen=True):
    """What remote calls used.

    Attributes:
        tokens: input tokens billed.
        calls: requests sent.
        cost_cny: their price.
    """

    tokens: int = 0
    calls: int = 0
    cost_cny: float = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.tokens + other.tokens, self.calls + other.calls, self.cost_cny + other.cost_cny)


class SparseVector(Struct, frozen=True):
    """Token indices and their weights."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Embedding:
    """One text's vectors; ``dense`` is empty when only the sparse one was asked for."""

    dense: tuple[float, ...] = field(repr=False)
    sparse: SparseVector | None = field(default=None, repr=False)


class SearchHit(Struct, frozen=True):
    """A chunk that answers a question.

    Attributes:
        score: higher is better. As the store returns it, a cosine or BM25; in an answer, how likely the chunk answers.
        ordinal: position in the document, counted from 0.
        metadata: given by the document's owner.
        tenant: the tenant that owns the document, or empty.
        context: title, section path and the like, which were embedded in front of the text.
        words: tokens of context and text in lines; only of hits by keywords.
    """

    id: str
    score: float
    text: str
    document_id: str
    bucket: str
    key: str
    title: str
    location: Location
    ordinal: int = 0
    metadata: dict[str, Any] = {}
    tenant: str = ""
    context: str = ""
    words: str = ""
