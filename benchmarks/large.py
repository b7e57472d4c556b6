"""One text file larger than an instance's memory, into Milvus, over as many invocations as it takes.

Run as ``python -m benchmarks.large JSON`` this is the instance: a process that does nothing but ingest, once for each
deadline, as Function Compute repeats an invocation that did not finish. It prints one `Lap` in JSON for each. Its
memory is read from the kernel: the most that ever was resident, the imports included.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.documents import questions
from benchmarks.pipeline import Parts
from shared.domain.errors import TransientError
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

_KEY: Final = "large.txt"
_DIMENSION: Final = 64
_MOST_LAPS: Final = 60
_SENTENCES: Final = 5_000
_SENTENCES_PER_PARAGRAPH: Final = 6


@dataclass(frozen=True)
class Lap:
    """What one invocation did.

    Attributes:
        done: whether the document was whole in the index after it.
        code: why it was not.
        overtime: seconds after the deadline at which it ended; negative when before.
        peak: most resident bytes of the process so far.
        chunks: chunks of the whole document, once it is done.
    """

    done: bool
    code: str
    seconds: float
    overtime: float
    peak: int
    chunks: int


@dataclass(frozen=True)
class Ingested:
    """What became of the file.

    Attributes:
        billed: rows billed at the emulator after each lap.
    """

    laps: tuple[Lap, ...]
    billed: tuple[int, ...]


def ingested(parts: Parts, size: int, deadline: float, say: Callable[[str], None]) -> Ingested:
    """Make a file of ``size`` bytes and let an instance ingest it, with ``deadline`` seconds for each invocation.

    Raises:
        RuntimeError: the instance died; the message has its last line.
    """
    say(f"writing a file of {size / 1e6:,.0f} MB")
    _write(parts.folder / _KEY, size)
    instance = {**asdict(parts), "folder": str(parts.folder)}
    laps, billed = [], []
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.large", json.dumps(instance), str(deadline)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            laps.append(Lap(**json.loads(line)))
            billed.append(int(parts.usage()["rows"]))
            say(f"lap {len(laps)}: {laps[-1]}, {billed[-1]:,} rows billed")
        errors = process.stderr.read()
    if process.returncode:
        raise RuntimeError(f"the instance ended: {(errors.strip() or 'it printed nothing').splitlines()[-1]}")
    return Ingested(tuple(laps), tuple(billed))


def _write(path: Path, size: int) -> None:
    chance, sentences = random.Random(size), list(islice(questions(), _SENTENCES))
    written = 0
    with path.open("wb") as file:
        for number in count(1):
            # A number of its own makes every paragraph another: the sentences alone would run out.
            text = f"{number}. " + " ".join(chance.choices(sentences, k=_SENTENCES_PER_PARAGRAPH)) + "\n\n"
            written += file.write(text.encode())
            if written >= size:
                return


def _peak() -> int:
    """Most resident bytes of this process so far; see ``man 5 proc_pid_status``."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def main(instance: str, seconds: float) -> None:
    """Be the instance."""
    fields = json.loads(instance)
    parts = Parts(**{**fields, "folder": Path(fields["folder"])})
    ingestion = parts.ingestion(parts.store("large", _DIMENSION), _DIMENSION)
    key = parts.bucket().key(_KEY)
    for _ in range(_MOST_LAPS):
        started, deadline = time.monotonic(), Deadline.after(seconds)
        result, code = None, ""
        try:
            result = ingestion.converge(key, deadline)
            code = result.failure.code if result.failure else ""
        except TransientError as error:
            code = error.code
        chunks = result.chunks if result else 0
        lap = Lap(bool(result) and not code, code, time.monotonic() - started, -deadline.remaining(), _peak(), chunks)
        print(json.dumps(asdict(lap)), flush=True)
        if result is not None:
            return


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
