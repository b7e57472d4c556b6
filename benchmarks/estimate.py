"""How far an estimate is from the bill: of the samples, and of generated documents of every format.

Each set is estimated as `ops estimate` does, by a sample of it, then indexed by the code of ingest in this process.

    python -m benchmarks.estimate --documents 2000
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from benchmarks.documents import documents
from benchmarks.pipeline import lite, parts
from benchmarks.report import Figure, at_most, plain, report
from local.stack import PROJECT
from ops.estimation.command import Question, read
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.pipeline import Parts

_DOCUMENTS: Final = 2_000
_DIMENSION: Final = 128
_SECONDS: Final = 24 * 3_600.0
_MAX_PERCENT: Final = 5.0
# As the command by default.
_QUESTION: Final = Question((), tokens=1_000, searches=10_000, sample=300, megabytes=500, seed=1, as_json=False)


def measure(bed: Parts, name: str, files: Mapping[str, bytes]) -> list[Figure]:
    """Estimate and index a set of files; the bucket must be empty."""
    for file, data in files.items():
        bed.put(file, data)
    profile = bed.embedder(_DIMENSION).profile
    content = read(bed.bucket(), IngestionSettings(), profile, _QUESTION, Console(file=io.StringIO()))
    before = bed.usage()
    store = bed.store(name, _DIMENSION)
    bed.ingestion(store, _DIMENSION).reconcile(Deadline.after(_SECONDS))
    tokens = bed.usage()["tokens"] - before["tokens"]
    rows = bed.usage()["rows"] - before["rows"]
    for file in files:
        bed.remove(file)
    return [
        at_most(f"{name}: tokens estimated against billed", _percent(content.tokens.value, tokens), "%", _MAX_PERCENT),
        at_most(f"{name}: chunks estimated against embedded", _percent(content.chunks.value, rows), "%", _MAX_PERCENT),
        plain(f"{name}: documents", content.documents, ""),
        plain(f"{name}: documents read for the estimate", content.read, ""),
        plain(f"{name}: tokens billed", tokens, ""),
    ]


def _percent(estimated: float, true: float) -> float:
    return 100 * abs(estimated - true) / max(1, true)


def _read_samples() -> dict[str, bytes]:
    folder = PROJECT / "samples"
    return {
        path.relative_to(folder).as_posix().replace("/", "-"): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.estimate", description=__doc__)
    parser.add_argument("--documents", type=int, default=_DOCUMENTS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with lite(folder) as milvus, parts(folder, milvus) as bed:
            figures = measure(bed, "samples", _read_samples())
            figures += measure(bed, "generated", documents(asked.documents))
    return report("estimate", figures)


if __name__ == "__main__":
    sys.exit(main())
