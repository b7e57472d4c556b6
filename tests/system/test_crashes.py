"""Processes that die, freeze and come back, in the middle of an ingest, on the real local stack.

The worker is gunicorn's, started as `s.yaml` says; events come from the emulator of OSS and are delivered again by the
gateway. A stage is held open by the emulators or by a gate in front of Milvus, so that a kill strikes exactly there.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local import processes, stack
from local.stack import PROJECT, Plan, Ports, Stack
from shared.domain.models import DocumentState, ObjectKey
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings, MilvusSettings
from shared.store.schema import Space
from shared.store.store import Store
from tests.conftest import DashScope, Oss
from tests.milvus_gate import MilvusGate
from tests.simulation import chunks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shared.domain.models import Chunk

PATIENCE_SECONDS = 240
BUCKET = "local-documents"
CHUNKS = b"search__"
MARK = "unmistakable"


def eventually(holds: Callable[[], object]) -> None:
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < PATIENCE_SECONDS, "it never came true"
        time.sleep(0.05)


def soon() -> Deadline:
    return Deadline.after(60)


def document(key: str, sections: range, more: str = "") -> bytes:
    """A text of one chunk or more for each section, like no other's."""
    words = "of what the keeper of the light wrote into the book on that day, in all the words that he had for it"
    texts = [f"Section {i} of {key} is {MARK}. " + " ".join([f"It tells {i} {words}."] * 12) for i in sections]
    return ("\n\n".join(texts) + more).encode()


def event_for(key: str) -> dict[str, Any]:
    name = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    return {"events": [{"eventName": "ObjectCreated:PutObject", "oss": name}]}


class Milvus:
    """A Milvus Lite of its own, which can be killed and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = processes.free_port()
        self.start()

    def start(self) -> None:
        arguments = ["--data", str(self._folder / "milvus"), "--port", str(self._port)]
        self.process = processes.start(
            "milvus", "local.milvus", arguments, os.environ, self._folder / "milvus.log", PATIENCE_SECONDS
        )

    def kill(self) -> None:
        self.process.popen.kill()
        self.process.popen.wait()


@dataclass(frozen=True)
class Hold:
    """A stage of an ingest, held open.

    Attributes:
        reached: whether the worker is there.
        let_go: ends it.
    """

    reached: Callable[[], object]
    let_go: Callable[[], object]


@dataclass(frozen=True)
class World:
    """The running stack and its parts."""

    running: Stack
    data: Path
    milvus: Milvus
    gate: MilvusGate
    oss: Oss
    dashscope: DashScope
    store: Store

    # -- what is there ------------------------------------------------------------------------------------------------

    def ingest(self) -> dict[str, Any]:
        """The gateway's word on the function."""
        functions = requests.get(f"{self.running.url}/gateway/status", timeout=10).json()["functions"]
        return dict(next(function for function in functions if function["name"].endswith("ingest")))

    def busy(self) -> int:
        """The process of the instance that has a request in progress."""
        return int(next(it["pid"] for it in self.ingest()["instances"] if it["in_flight"]))

    def worker(self) -> int:
        """The process that does the work; its parent is what Function Compute started."""
        instance = self.busy()
        (worker,) = Path(f"/proc/{instance}/task/{instance}/children").read_text().split()
        return int(worker)

    def at_rest(self) -> bool:
        """Whether the function has nothing to do and nothing is to be delivered to it again."""
        status = self.ingest()
        are_ready = all(instance["ready"] for instance in status["instances"])
        return are_ready and status["queued"] == status["in_flight"] == 0

    def rows_billed(self) -> int:
        return int(self.dashscope.usage()["rows"])

    def leftovers(self) -> list[Path]:
        """What lies in the /tmp of the function's instances."""
        return [path for folder in (self.data / "logs").glob("ingest*.tmp") for path in folder.iterdir()]

    def held(self, key: str) -> set[str]:
        return set(dict(self.store.chunks.read_positions(ObjectKey(BUCKET, key).document_id, soon())))

    def wanted(self, key: str, content: bytes) -> tuple[Chunk, ...]:
        return chunks_of(key, content, "text-embedding-v4/512", IngestionSettings().chunk_tokens, BUCKET)

    # -- what is done -------------------------------------------------------------------------------------------------

    def ingested(self, key: str, content: bytes) -> None:
        self.oss.put(key, content)
        eventually(lambda: self.state(key) is DocumentState.INDEXED and self.at_rest())

    def state(self, key: str) -> DocumentState | None:
        found = self.store.registry.read(ObjectKey(BUCKET, key).document_id, soon())
        return found.state if found else None

    def hold(self, stage: str, key: str, size: int) -> Hold:
        """Hold the next ingest of an object open at a stage."""
        match stage:
            case "loading":
                # The sidecar is asked for first.
                self.oss.fail({"fault": "slow", "times": 2, "seconds": 60, "match": {"method": "GET", "key": key}})
                return Hold(self.leftovers, self.oss.fail)
            case "parsing":
                return Hold(lambda: size in [path.stat().st_size for path in self.objects()], lambda: None)
            case "embedding":
                # The answer is under way and paid for.
                self.dashscope.fail({"fault": "black_hole_body", "times": 1, "match": f"Section 30 of {key}"})
                return Hold(lambda: self.dashscope.usage()["faults"], self.dashscope.fail)
            case _:
                method = "Upsert" if stage.startswith("storing") else "Delete"
                stop = self.gate.stop(method, CHUNKS, applied=stage.endswith("applied"))
                return Hold(stop.reached.is_set, stop.open.set)

    def objects(self) -> list[Path]:
        return [path / "object" for path in self.leftovers() if (path / "object").exists()]

    # -- what must hold -----------------------------------------------------------------------------------------------

    def check(self, key: str, content: bytes, billed: int, bound: int) -> None:
        """The invariants at rest, of one document; ``bound`` is for the rows that were billed."""
        eventually(lambda: self.state(key) is DocumentState.INDEXED and self.at_rest())
        assert self.rows_billed() - billed <= bound
        wanted, document_id = self.wanted(key, content), ObjectKey(BUCKET, key).document_id
        held = dict(self.store.chunks.read_positions(document_id, soon()))
        places = {id_: (place.ordinal, place.start) for id_, place in held.items()}
        assert places == {chunk.id: (chunk.ordinal, chunk.location.start) for chunk in wanted}
        record = self.store.registry.read(document_id, soon())
        assert record is not None
        assert (record.chunks, record.failure, record.indexed_version) == (len(wanted), None, record.version)
        vectors = self.store.chunks.read_vectors(list(held), soon())
        embedder = Embedder(self.dashscope.settings())
        texts = [chunk.text for chunk in wanted]
        own = embedder.embed(texts, embedder.make_parameters(TextType.DOCUMENT), soon()).complete()
        for chunk, embedding in zip(wanted, own, strict=True):
            assert vectors[chunk.id] == pytest.approx(embedding.dense, abs=1e-4)
        assert self.leftovers() == []
        assert self.ingest()["failed"] == 0


@contextmanager
def running_world(tmp_path_factory: pytest.TempPathFactory, instances: int) -> Iterator[World]:
    """The stack with at most so many instances of each function."""
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("bucket")
    declared = (PROJECT / "s.yaml").read_text("utf-8")
    deployment = data / "s.yaml"
    shutil.copy(PROJECT / "s.domain.yaml", data)  # its routes
    deployment.write_text(re.sub(r"(?<=reservedConcurrency: )[0-9]+", str(instances), declared), "utf-8")
    milvus = Milvus(data)
    try:
        with MilvusGate(milvus.process.address) as gate:
            environ = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "MILVUS_URI": gate.address}
            plan = Plan(data, folder, ports=Ports(0, 0, 0, 0), environ=environ, deployment=deployment)
            with stack.running(plan) as running:
                settings = MilvusSettings(uri=milvus.process.address, collection="search")
                store = Store(settings, Space("text-embedding-v4", 512))
                oss = Oss(running.oss, folder, BUCKET)
                yield World(running, data, milvus, gate, oss, DashScope(running.dashscope), store)
    finally:
        milvus.process.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory, instances=2) as running:
        yield running


@pytest.fixture
def key(world: World) -> Iterator[str]:
    """A new name, with the emulators as if freshly started."""
    world.dashscope.reset()
    yield f"{uuid.uuid4().hex[:12]}.txt"
    eventually(world.at_rest)


STAGES_OPEN = ["loading", "parsing", "embedding", "storing", "sweeping"]
# Milvus did what it was asked, and the answer is lost.
STAGES = [*STAGES_OPEN, "storing, applied", "sweeping, applied"]


@contextmanager
def in_the_middle(world: World, stage: str, key: str) -> Iterator[None]:
    """The second version of a document, held open at a stage; afterwards the invariants must hold.

    A process that dies costs what it had embedded and not written yet, and nothing that is in.
    """
    sections = range(40)
    if stage == "parsing":
        key, empty = key.replace(".txt", ".html"), "<div></div>" * 150_000
        old, new = b"<p>Nothing.</p>", f"<p>Section of {key} is {MARK}.</p>{empty}".encode()
    else:
        old, new = document(key, sections[:20]), document(key, sections[5:])
    world.ingested(key, old)
    before, after = ({chunk.id for chunk in world.wanted(key, content)} for content in (old, new))
    needed, billed = len(after - before), world.rows_billed()
    assert needed > 0
    hold = world.hold(stage, key, len(new))
    world.oss.put(key, new)
    eventually(hold.reached)
    yield
    held = world.held(key)
    assert held, "it cannot be found while it is replaced"
    assert held <= before | after
    hold.let_go()
    bought_twice = needed if stage in ("embedding", "storing") else 0
    world.check(key, new, billed, needed + bought_twice)


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_worker_costs_no_more_than_its_call(world: World, key: str, stage: str) -> None:
    with in_the_middle(world, stage, key):
        os.kill(world.worker(), signal.SIGKILL)


@pytest.mark.parametrize("stage", STAGES_OPEN)
def test_a_killed_instance_costs_no_more_than_its_call(world: World, key: str, stage: str) -> None:
    with in_the_middle(world, stage, key):
        os.killpg(world.busy(), signal.SIGKILL)


def test_a_worker_that_is_ended_in_order_finishes_what_it_has_begun(world: World, key: str) -> None:
    content = document(key, range(30))
    restarts = world.ingest()["restarts"]
    world.dashscope.tune(latency_ms=2_000)
    world.oss.put(key, content)
    eventually(lambda: world.dashscope.usage()["requests"])
    os.kill(world.busy(), signal.SIGTERM)
    eventually(lambda: world.ingest()["restarts"] > restarts)
    needed = len(world.wanted(key, content))
    world.check(key, content, 0, needed)


def test_a_worker_that_was_frozen_goes_on_as_if_nothing_had_been(world: World, key: str) -> None:
    world.dashscope.tune(latency_ms=500)
    old, new = document(key, range(20)), document(key, range(3, 25))
    world.oss.put(key, old)
    eventually(lambda: world.dashscope.usage()["requests"])
    worker = world.worker()
    os.kill(worker, signal.SIGSTOP)
    # The answer arrives in its sleep, and the object changes.
    world.oss.put(key, new)
    time.sleep(4)
    os.kill(worker, signal.SIGCONT)
    needed = {chunk.id for content in (old, new) for chunk in world.wanted(key, content)}
    eventually(lambda: len(world.held(key)) == len(world.wanted(key, new)))
    world.check(key, new, 0, len(needed))


def test_two_instances_on_one_document_end_with_its_newest_version_though_one_was_frozen(
    world: World, key: str
) -> None:
    old, new = document(key, range(20)), document(key, range(10, 30))
    world.dashscope.tune(latency_ms=500)
    world.oss.put(key, old)
    eventually(lambda: world.dashscope.usage()["requests"])
    frozen = world.busy()
    os.killpg(frozen, signal.SIGSTOP)
    # These wait in the frozen instance for the document's lock; with its places taken, a second instance gets the rest.
    places = 4
    for _ in range(places - 1):
        world.running.invoke("ingest", event_for(key))
    eventually(lambda: world.ingest()["in_flight"] >= places)
    world.oss.put(key, new)
    try:
        eventually(lambda: world.held(key) == {chunk.id for chunk in world.wanted(key, new)})
        assert len(world.ingest()["instances"]) == 2
    finally:
        os.killpg(frozen, signal.SIGCONT)
    needed = {chunk.id for content in (old, new) for chunk in world.wanted(key, content)}
    # What the frozen process had embedded is wanted by the newer version too, and may be billed for both.
    world.check(key, new, 0, 2 * len(needed))


def test_two_instances_share_the_documents_of_one_bucket(world: World, key: str) -> None:
    # So large that each has an event of its own.
    contents = {f"{i}-{key}": document(f"{i}-{key}", range(3), " " * 70_000) for i in range(12)}
    world.dashscope.tune(latency_ms=1_000)
    for name, content in contents.items():
        world.oss.put(name, content)
    eventually(lambda: len(world.ingest()["instances"]) == 2)
    needed = sum(len(world.wanted(name, content)) for name, content in contents.items())
    for name in contents:
        eventually(lambda name=name: world.state(name) is DocumentState.INDEXED)  # type: ignore[misc]
    assert world.rows_billed() <= needed
    for name, content in contents.items():
        world.check(name, content, world.rows_billed(), 0)


def test_a_milvus_that_dies_and_comes_back_ends_with_the_exact_set(world: World, key: str) -> None:
    content = document(key, range(30))
    stop = world.gate.stop("Upsert", CHUNKS, applied=True)
    world.oss.put(key, content)
    eventually(stop.reached.is_set)
    world.milvus.kill()
    stop.open.set()
    time.sleep(1)
    world.milvus.start()
    needed = len(world.wanted(key, content))
    world.check(key, content, 0, 2 * needed)


def test_the_same_event_ten_times_and_eight_at_once_is_paid_for_once(world: World, key: str) -> None:
    content = document(key, range(30))
    event = event_for(key)
    world.dashscope.tune(latency_ms=300)
    world.oss.put(key, content)
    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(lambda _: world.running.invoke("ingest", event), range(8)):
            pass
    for _ in range(10):
        world.running.invoke("ingest", event)
    world.check(key, content, 0, len(world.wanted(key, content)))


def test_a_version_that_comes_back_is_billed_once(world: World, key: str) -> None:
    first, second = document(key, range(20)), document(key, range(20, 30))
    for content in (first, second, first):
        world.oss.put(key, content)
    needed = {chunk.id for content in (first, second) for chunk in world.wanted(key, content)}
    # The first may be embedded, swept, and embedded again.
    world.check(key, first, 0, len(needed) + len(world.wanted(key, first)))


VECTOR = re.compile(r"-?0\.\d{3,}(e-\d+)?(, ?-?0\.\d{3,}(e-\d+)?){3}")


def test_no_line_of_all_this_tells_a_secret_a_text_or_a_vector(world: World, key: str) -> None:
    faults = ("lost_answer", "html", "cut_body", "null_output", "missing_rows", "wrong_dimension", "not_a_number")
    world.dashscope.fail(*({"fault": fault, "times": 1} for fault in faults))
    world.oss.fail({"fault": "truncated", "times": 1, "match": {"method": "GET", "key": key}})
    content = document(key, range(20))
    world.oss.put(key, content)
    eventually(lambda: world.state(key) is DocumentState.INDEXED and world.at_rest())
    world.dashscope.fail({"fault": "status", "code": "DataInspectionFailed", "message": "Refused."})
    world.oss.put(f"refused-{key}", content)
    eventually(lambda: world.state(f"refused-{key}") is DocumentState.FAILED and world.at_rest())
    logged = "\n".join(log.read_text("utf-8", "replace") for log in (world.data / "logs").glob("*.log"))
    assert "document_converged" in logged
    for secret in ("sk-local", MARK, "the keeper of the light", "Authorization", "Bearer"):
        assert secret not in logged
    assert not VECTOR.search(logged)
