"""One embedding client in a process of its own: ours, a peer, or the bare SDK.

Run as ``python -m benchmarks.client NAME`` with the client's packages installed; a peer runs in the environment that
`benchmarks.peers` makes, so nothing of the project is imported but by ``ours``. DashScope's address and key come from
the environment. On stdin a `Job` in JSON; ``ready`` on stdout; the start on an empty line; then an `Outcome` in JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    Embed = Callable[[list[str]], list[Any]]

_MODEL: Final = "text-embedding-v4"
_ROWS_PER_CALL: Final = 10
_PATIENCE_SECONDS: Final = 900


@dataclass(frozen=True)
class Job:
    """What a client is to embed.

    Attributes:
        documents: the texts of each.
        threads: documents under way at once.
    """

    documents: list[list[str]]
    threads: int


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        documents: how many came back whole: one vector for each text.
        rows: texts in them.
        started: moment of the first call, on the machine's monotonic clock.
        finished: moment of the last answer.
        cpu: seconds of CPU time between the two, user and system.
        reason: why the first document that failed did.
    """

    documents: int
    rows: int
    started: float
    finished: float
    cpu: float
    reason: str


def _ours() -> Embed:
    from shared.embedding.embedder import Embedder
    from shared.embedding.parameters import TextType
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import DashScopeSettings, read_settings

    embedder = Embedder(read_settings(DashScopeSettings, os.environ))
    embedder.warm_up()
    parameters = embedder.make_parameters(TextType.DOCUMENT)
    return lambda texts: list(embedder.embed(texts, parameters, Deadline.after(_PATIENCE_SECONDS)).complete())


def _bare() -> Embed:
    from dashscope import TextEmbedding

    def embed(texts: list[str]) -> list[Any]:
        vectors: list[Any] = []
        for start in range(0, len(texts), _ROWS_PER_CALL):
            answer = TextEmbedding.call(
                model=_MODEL,
                input=texts[start : start + _ROWS_PER_CALL],
                text_type="document",
                dimension=1024,
                output_type="dense",
            )
            vectors += [row["embedding"] for row in answer.output["embeddings"]]
        return vectors

    return embed


def _langchain() -> Embed:
    # By name: it is installed only where this client runs.
    module = importlib.import_module("langchain_community.embeddings")
    embeddings = module.DashScopeEmbeddings(model=_MODEL)
    return lambda texts: list(embeddings.embed_documents(texts))


def _llama_index() -> Embed:
    module = importlib.import_module("llama_index.embeddings.dashscope")
    # Its own default of 25 rows is refused by this model.
    embedding = module.DashScopeEmbedding(model_name=_MODEL, embed_batch_size=_ROWS_PER_CALL)
    return lambda texts: list(embedding.get_text_embedding_batch(texts))


CLIENTS: dict[str, Callable[[], Embed]] = {
    "ours": _ours,
    "bare": _bare,
    "langchain": _langchain,
    "llama-index": _llama_index,
}


def _work(embed: Embed, job: Job) -> Outcome:
    def rows_of(texts: list[str]) -> int | Exception:
        try:
            vectors = embed(texts)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises, that document failed
            return error
        whole = len(vectors) == len(texts) and all(vectors)
        return len(texts) if whole else ValueError("some texts came back without a vector")

    started, cpu = time.monotonic(), time.process_time()
    with ThreadPoolExecutor(job.threads) as pool:
        results = list(pool.map(rows_of, job.documents))
    finished, used = time.monotonic(), time.process_time() - cpu
    done = [result for result in results if isinstance(result, int)]
    failed = [result for result in results if isinstance(result, Exception)]
    return Outcome(len(done), sum(done), started, finished, used, str(failed[0])[:300] if failed else "")


def main(name: str) -> None:
    """Embed one job."""
    job = Job(**json.loads(sys.stdin.readline()))
    embed = CLIENTS[name]()
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(asdict(_work(embed, job))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
