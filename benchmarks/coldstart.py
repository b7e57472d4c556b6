"""How long a deployed function takes from nothing to its first answer, and how large it is.

Run as ``python -m benchmarks.coldstart`` after ``make package``. Each package of ``build`` is started by the command of
``s.yaml`` on a Python with nothing installed, and called as Function Compute does: health check, ``/initialize``, first
request. The measure is the ratio to a bare gunicorn and Flask that imports the same SDKs from the same package and says
yes to everything. All arms take turns, so that what else the machine does meets each of them alike.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from rich.console import Console

from benchmarks.report import Figure, at_most, plain, report
from benchmarks.testbed import MeasurementError
from local import processes
from ops.deployment import load
from shared.domain.models import Chunk, Location
from shared.runtime.retrying import Deadline
from shared.runtime.settings import MilvusSettings
from shared.store.rows import ChunkRow
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
_ROUNDS: Final = 9
_POLL_SECONDS: Final = 0.005
_PATIENCE_SECONDS: Final = 120
_MOST_RATIO: Final = 1.15
_DIMENSION: Final = 512
_MOST_MB: Final = {"embed": 25, "ingest": 75, "search": 60}
_KEY: Final = "local"
_SDKS: Final = {"embed": "dashscope.embeddings", "search": "dashscope.embeddings, pymilvus"}
_REQUESTS: Final = {"embed": {"texts": ["sea breeze"]}, "search": {"query": "sea breeze", "top_k": 3}}
_BARE: Final = """\
import {sdks}
from flask import Flask

app = Flask(__name__)
app.add_url_rule("/<path:_>", view_func=lambda _: {{"yes": True}}, methods=["GET", "POST"])
"""


@dataclass(frozen=True)
class Arm:
    """One way to start: where, with which command, in which environment.

    Attributes:
        request: path and body of the first request.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]
    request: tuple[str, bytes]


@dataclass(frozen=True)
class Start:
    """What one start cost.

    Attributes:
        seconds: from the start of the process to the first answer.
        cpu: seconds of processor time that took, in all its processes: on a part of a vCPU this is what one waits for.
        memory: bytes of all its processes then, pages they share counted once.
    """

    seconds: float
    cpu: float
    memory: int


def main() -> int:
    """Measure every arm in turn."""
    missing = [name for name in _MOST_MB if not (ROOT / "build" / f"{name}.zip").exists()]
    if missing:
        print(f"There is no package of {', '.join(missing)}: run `make package` first.", file=sys.stderr)
        return 1
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # our own client stays idle while Milvus is asked by others
    console = Console(stderr=True)
    with console.status("Starting the services ...") as status, _arms() as arms:
        starts: dict[str, list[Start]] = {arm.name: [] for arm in arms}
        for number in range(_ROUNDS + 1):
            for arm in arms:
                status.update(f"Round {number} of {_ROUNDS}: {arm.name} ...")
                start = _start(arm)
                if number:  # the first round fills the page cache
                    starts[arm.name].append(start)
    return report("coldstart", [*_figures(starts), *_sizes()])


def _figures(starts: Mapping[str, Sequence[Start]]) -> Iterator[Figure]:
    for name in _SDKS:
        ours, bare, uncompiled = (starts[f"{name}{kind}"] for kind in ("", ", bare", ", without .pyc"))
        ratio = median(one.seconds / other.seconds for one, other in zip(ours, bare, strict=True))
        yield at_most(f"{name}: first answer to that of a bare app", ratio, "x", _MOST_RATIO)
        work = median(one.cpu / other.cpu for one, other in zip(ours, bare, strict=True))
        yield plain(f"{name}: processor time to that of a bare app", work, "x")
        yield plain(f"{name}: processor time", median(start.cpu for start in ours), "s")
        yield plain(f"{name}: first answer", median(start.seconds for start in ours), "s")
        yield plain(f"{name}: a bare app's", median(start.seconds for start in bare), "s")
        yield plain(f"{name}: without .pyc", median(start.seconds for start in uncompiled), "s")
        yield plain(f"{name}: memory", median(start.memory for start in ours) / 1e6, "MB")


def _sizes() -> Iterator[Figure]:
    for name, most in _MOST_MB.items():
        yield at_most(f"{name}: package, zipped", (ROOT / "build" / f"{name}.zip").stat().st_size / 1e6, "MB", most)


# --- What is started --------------------------------------------------------------------------------------------


@contextmanager
def _arms() -> Iterator[list[Arm]]:
    with TemporaryDirectory(prefix="coldstart-") as name, ExitStack() as services:
        folder = Path(name)
        addresses = {
            service: _service(services, folder, service, arguments)
            for service, arguments in (
                ("milvus", ["--data", str(folder / "milvus"), "--port", "0"]),
                ("dashscope", ["--model", "hash", "--port", "0"]),
            )
        }
        _fill(addresses["milvus"])
        venv.create(folder / "python", with_pip=False, symlinks=True)
        settings = {
            "DASHSCOPE_API_KEY": "sk-local",
            "DASHSCOPE_BASE_URL": f"{addresses['dashscope'].removesuffix('/api/v1')}/api/v1",
            "EMBEDDING_DIMENSION": str(_DIMENSION),
            "MILVUS_URI": addresses["milvus"],
            "API_KEYS": _KEY,
        }
        yield [arm for function in _SDKS for arm in _ways(folder, function, settings)]


def _service(services: ExitStack, folder: Path, name: str, arguments: Sequence[str]) -> str:
    running = processes.start(name, f"local.{name}", arguments, os.environ, folder / f"{name}.log", 60)
    services.callback(running.stop)
    return running.address


def _fill(milvus: str) -> None:
    store = Store(MilvusSettings(uri=milvus), Space("text-embedding-v4", _DIMENSION))
    until = Deadline.after(60)
    store.prepare(until)
    chunks = [Chunk(f"{i:032x}", "d" * 32, i, f"chunk {i} of the sea", Location(0, 9)) for i in range(200)]
    vector = (1.0, *[0.0] * (_DIMENSION - 1))
    store.chunks.write([ChunkRow(chunk, vector, "bucket", "key", "title", "txt", 0) for chunk in chunks], until)


def _ways(folder: Path, function: str, settings: Mapping[str, str]) -> Iterator[Arm]:
    package = ROOT / "build" / function
    uncompiled, bare = folder / f"{function}-uncompiled", folder / f"{function}-bare"
    shutil.copytree(package, uncompiled, ignore=shutil.ignore_patterns("__pycache__"))
    bare.mkdir()
    (bare / "bare.py").write_text(_BARE.format(sdks=_SDKS[function]), "utf-8")
    declared = load(ROOT / "s.yaml", settings).functions[function]
    runtime = declared.custom_runtime_config
    interpreter = str(folder / "python" / "bin" / runtime.command[0])
    command = (interpreter, *runtime.command[1:], *runtime.args)
    first = (f"/{function}", json.dumps(_REQUESTS[function]).encode())

    def environ(place: Path) -> dict[str, str]:
        passed = {
            name: text.replace("/code", str(place)) for name, text in declared.environment_variables.items() if text
        }
        return {"PATH": os.defpath, "LISTEN_HOST": "127.0.0.1", **passed, "PYTHONDONTWRITEBYTECODE": "1"}

    yield Arm(function, command, package, environ(package), first)
    plain = (
        interpreter,
        "-m",
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        "22",
        "--bind",
        "127.0.0.1:{port}",
    )
    paths = {**environ(package), "PYTHONPATH": f"{package / 'python'}:{bare}"}
    yield Arm(f"{function}, bare", (*plain, "--no-control-socket", "bare:app"), bare, paths, first)
    yield Arm(f"{function}, without .pyc", command, uncompiled, environ(uncompiled), first)


# --- One start --------------------------------------------------------------------------------------------------


def _start(arm: Arm) -> Start:
    """Start ``arm``, measure it up to its first answer, end it.

    Raises:
        MeasurementError: it ended, or did not answer with 200.
    """
    port = processes.free_port()
    url = f"http://127.0.0.1:{port}"
    began = time.perf_counter()
    process = subprocess.Popen(
        [part.format(port=port) for part in arm.command],
        cwd=arm.folder,
        env={**arm.environ, "FC_CUSTOM_LISTEN_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _answers(f"{url}/healthz"):
            if process.poll() is not None or time.perf_counter() - began > _PATIENCE_SECONDS:
                raise MeasurementError(f"{arm.name} did not start")
            time.sleep(_POLL_SECONDS)
        for path, body in (("/initialize", b""), arm.request):
            if not _answers(url + path, body, path):
                raise MeasurementError(f"{arm.name} did not answer {path} with 200")
        return Start(time.perf_counter() - began, *_used(process.pid))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(url: str, body: bytes | None = None, control: str = "") -> bool:
    headers = {"x-api-key": _KEY, "x-fc-control-path": control, "Content-Type": "application/json"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
            return bool(answer.read()) and answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


def _used(leader: int) -> tuple[float, int]:
    """CPU seconds and proportional set size of a session's processes; see ``man 5 proc``."""
    ticks, memory = 0, 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == leader:
                ticks += int(fields[11]) + int(fields[12])
                rollup = (stat.parent / "smaps_rollup").read_text()
                memory += next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
        except OSError:
            continue  # it ended meanwhile
    return ticks / os.sysconf("SC_CLK_TCK"), memory


if __name__ == "__main__":
    sys.exit(main())
