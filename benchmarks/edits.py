"""What one inserted sentence costs: the share of a document's chunks that are embedded again, ours and the peers'.

Run as ``python -m benchmarks.edits NAME`` this is one contender in a process of its own, which for a peer belongs to
the environment that `benchmarks.peers` makes: an `Edits` in JSON on stdin, a `Bill` in JSON on stdout. Every edit
starts from a fresh index of the original. Ours is the real ingestion over a bucket, a model and an index in memory; the
model counts what it bills, as the peers' does.
"""

from __future__ import annotations

import importlib
import json
import random
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY: Final = "handbook.txt"
_PATIENCE_SECONDS: Final = 600
_SENTENCES_PER_PARAGRAPH: Final = (3, 9)
_INSERTED: Final = "No reader had expected this remark, which was added {place} long after the rest. "


class ContenderError(RuntimeError):
    """A contender could not run; the message is its last line."""


@dataclass(frozen=True)
class Edits:
    """A document and its edited versions.

    Attributes:
        characters: size of a chunk, for those who cut by characters.
        tokens: the same, for those who cut by tokens.
    """

    original: str
    edited: list[str]
    characters: int
    tokens: int


@dataclass(frozen=True)
class Bill:
    """What a contender embedded.

    Attributes:
        chunks: of the original.
        again: texts embedded for each edit.
    """

    chunks: int
    again: list[int]

    @property
    def mean(self) -> float:
        """Share of the chunks embedded again, over all edits."""
        return sum(self.again) / len(self.again) / self.chunks

    @property
    def worst(self) -> float:
        """The same for the worst of them."""
        return max(self.again) / self.chunks


def edits(chunks: int, places: int, size: int) -> Edits:
    """A document of ``chunks`` chunks of at most ``size`` tokens, and one sentence more at each of ``places``."""
    from benchmarks.documents import questions

    chance, sentences = random.Random("edits"), questions()
    paragraphs: list[list[str]] = []
    while True:
        for _ in range(100):
            count = chance.randint(*_SENTENCES_PER_PARAGRAPH)
            paragraphs.append([f"{next(sentences)} " for _ in range(count)])
        lengths = _chunk_lengths(_text(paragraphs), size)
        if len(lengths) >= chunks:
            break
    edited = []
    for place in range(places):
        changed = paragraphs[at := place * len(paragraphs) // places]
        inside = chance.randrange(len(changed) + 1)
        altered = [*changed[:inside], _INSERTED.format(place=place), *changed[inside:]]
        edited.append(_text([*paragraphs[:at], altered, *paragraphs[at + 1 :]]))
    text = _text(paragraphs)
    return Edits(text, edited, len(text) // len(lengths), sum(lengths) // len(lengths))


def bill(contender: str, asked: Edits, python: str = sys.executable) -> Bill:
    """Let a contender work through ``asked``.

    Raises:
        ContenderError: it could not.
    """
    done = subprocess.run(
        [python, "-m", "benchmarks.edits", contender], input=json.dumps(asdict(asked)),
        check=False, capture_output=True, text=True, timeout=_PATIENCE_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise ContenderError(f"{contender} ended: {(done.stderr.strip() or 'it printed nothing').splitlines()[-1]}")
    return Bill(**json.loads(done.stdout.splitlines()[-1]))


def _text(paragraphs: list[list[str]]) -> str:
    return "\n\n".join("".join(paragraph).strip() for paragraph in paragraphs)


def _chunk_lengths(text: str, size: int) -> list[int]:
    """The tokens of each chunk."""
    from shared.domain.models import Block
    from shared.embedding import tokens
    from shared.ingestion import chunking

    blocks = (Block(part) for part in text.split("\n\n"))
    return [tokens.estimate(chunk.text) for chunk in chunking.chunk(blocks, "document", "profile", size)]


def _ours(asked: Edits) -> Bill:
    from shared.ingestion.converging import Ingestion
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import IngestionSettings
    from tests import fakes

    def converge(edited: str) -> tuple[int, int]:
        objects, model = fakes.Objects(), fakes.Model()
        bucket, store = fakes.FakeBucket(objects), fakes.FakeStore(fakes.Index())
        ingestion = Ingestion(bucket, fakes.FakeEmbedder(model), store, IngestionSettings())
        rows = []
        for text in (asked.original, edited):
            objects.put(_KEY, text)
            ingestion.converge(bucket.key(_KEY), Deadline.after(_PATIENCE_SECONDS))
            rows.append(model.rows)
        return rows[0], rows[1] - rows[0]

    billed = [converge(edited) for edited in asked.edited]
    return Bill(billed[0][0], [again for _, again in billed])


def _langchain(asked: Edits) -> Bill:
    # By name: these are installed only where this contender runs.
    indexing = importlib.import_module("langchain_core.indexing")
    documents = importlib.import_module("langchain_core.documents")
    stores = importlib.import_module("langchain_core.vectorstores")
    splitters = importlib.import_module("langchain_text_splitters")
    base = importlib.import_module("langchain_core.embeddings").Embeddings
    splitter = splitters.RecursiveCharacterTextSplitter(chunk_size=asked.characters, chunk_overlap=0)

    class Counting(base):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            self.rows = 0

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            self.rows += len(texts)
            return [[1.0, float(len(text))] for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return [1.0, float(len(text))]

    def index(edited: str) -> tuple[int, int]:
        embeddings, records = Counting(), indexing.InMemoryRecordManager(namespace="edits")
        records.create_schema()
        store = stores.InMemoryVectorStore(embeddings)
        rows = []
        for text in (asked.original, edited):
            parts = splitter.split_documents([documents.Document(page_content=text, metadata={"source": _KEY})])
            indexing.index(parts, records, store, cleanup="incremental", source_id_key="source", key_encoder="sha256")
            rows.append(embeddings.rows)
        return rows[0], rows[1] - rows[0]

    billed = [index(edited) for edited in asked.edited]
    return Bill(billed[0][0], [again for _, again in billed])


def _llama_index(asked: Edits) -> Bill:
    core = importlib.import_module("llama_index.core")
    ingestion = importlib.import_module("llama_index.core.ingestion")
    parsers = importlib.import_module("llama_index.core.node_parser")
    docstores = importlib.import_module("llama_index.core.storage.docstore")
    stores = importlib.import_module("llama_index.core.vector_stores")
    mock = importlib.import_module("llama_index.core.embeddings").MockEmbedding
    rows = [0]

    class Counting(mock):  # type: ignore[misc, valid-type]
        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            rows[0] += len(texts)
            return [[1.0, float(len(text))] for text in texts]

    def run(edited: str) -> tuple[int, int]:
        pipeline = ingestion.IngestionPipeline(
            transformations=[
                parsers.SentenceSplitter(chunk_size=asked.tokens, chunk_overlap=0),
                Counting(embed_dim=2, embed_batch_size=10),
            ],
            docstore=docstores.SimpleDocumentStore(),
            vector_store=stores.SimpleVectorStore(),
            docstore_strategy=ingestion.DocstoreStrategy.UPSERTS,
        )
        billed = []
        for text in (asked.original, edited):
            rows[0] = 0
            pipeline.run(documents=[core.Document(text=text, id_=_KEY)])
            billed.append(rows[0])
        return billed[0], billed[1]

    billed = [run(edited) for edited in asked.edited]
    return Bill(billed[0][0], [again for _, again in billed])


CONTENDERS: dict[str, Callable[[Edits], Bill]] = {
    "ours": _ours,
    "langchain": _langchain,
    "llama-index": _llama_index,
}


def main(name: str) -> None:
    """Work through one set of edits."""
    asked: dict[str, Any] = json.loads(sys.stdin.read())
    print(json.dumps(asdict(CONTENDERS[name](Edits(**asked)))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
