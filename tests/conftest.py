"""The real parts tests run against, on loopback: a DashScope server, a Milvus Lite server, an OSS server."""

from __future__ import annotations

import logging
import os
import re
import resource
import shutil
import tempfile
import uuid
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import pytest
import requests
from hypothesis import settings
from msgspec.structs import replace
from xdist.scheduler import LoadScopeScheduling

from local import dashscope as dashscope_server
from local import oss as oss_server
from local import processes
from shared.runtime.proxies import exempt_loopback
from shared.runtime.settings import BucketSettings, DashScopeSettings, MilvusSettings, Secret
from tests import milvus_server
from tests.profile import profile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

exempt_loopback(os.environ)  # as the commands do: a proxy of the machine is not for the servers of the tests
# Begins the name of every collection this session makes, so that it can tell its own.
RUN = f"test_{uuid.uuid4().hex[:8]}"


# Of a part of the local stack; it only ends what hangs.
_START_SECONDS = 240


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands of the operator switch logging off in their process, which is that of the tests here."""
    yield
    logging.disable(logging.NOTSET)


@dataclass(frozen=True)
class DashScope:
    """The emulator and its control routes."""

    base_url: str

    def settings(self, **changes: Any) -> DashScopeSettings:
        """Settings of a client that speaks to it, with the fast model's own size and no quota to wait for."""
        values: dict[str, Any] = {
            "api_key": Secret("sk-local"),
            "base_url": self.base_url,
            "requested_dimension": 512,
            "requests_per_second": 10_000.0,
            "tokens_per_minute": 1_000_000_000,
            "call_timeout": 120.0,  # on a loaded machine an answer may be late, and is billed all the same
        }
        return DashScopeSettings(**{**values, **changes})

    def fail(self, *rules: dict[str, Any]) -> None:
        """Put fault rules in force."""
        requests.put(self._control("faults"), json=list(rules), timeout=60).raise_for_status()

    def tune(self, **settings: float) -> None:
        """Change latency or quota."""
        requests.put(self._control("settings"), json=settings, timeout=60).raise_for_status()

    def usage(self) -> dict[str, Any]:
        """What was called and billed since the last reset."""
        return dict(requests.get(self._control("usage"), timeout=60).json())

    def reset(self) -> None:
        """Forget faults, quota, latency and counters, and end batch tasks, which would be billed to the next test."""
        requests.delete(self._control("faults"), timeout=60).raise_for_status()
        self._end_tasks()
        requests.delete(self._control("usage"), timeout=60).raise_for_status()
        self.tune(latency_ms=0, requests_per_second=0, tokens_per_minute=0, batch_seconds=0)

    def _end_tasks(self) -> None:
        while under_way := [task["id"] for task in self._tasks("GET", "?limit=100")["data"] if _is_under_way(task)]:
            for id_ in under_way:
                self._tasks("POST", f"/{id_}/cancel")

    def _tasks(self, method: str, what: str) -> dict[str, Any]:
        url = f"{self.base_url.removesuffix('/api/v1')}/compatible-mode/v1/batches{what}"
        return dict(requests.request(method, url, headers={"Authorization": "Bearer sk-local"}, timeout=60).json())

    def _control(self, what: str) -> str:
        return f"{self.base_url.removesuffix('/api/v1')}/control/{what}"


def _is_under_way(task: dict[str, Any]) -> bool:
    return task["status"] not in ("failed", "completed", "expired", "cancelled")


@pytest.fixture(scope="session")
def dashscope_process() -> Iterator[DashScope]:
    """One emulator for all tests, with the real fast model."""
    with dashscope_server.running(dashscope_server.Settings()) as base_url:
        yield DashScope(base_url)


@pytest.fixture
def dashscope(dashscope_process: DashScope) -> Iterator[DashScope]:
    """The emulator, as if freshly started, for this test and for whatever test comes next."""
    dashscope_process.reset()
    yield dashscope_process
    dashscope_process.reset()


@contextmanager
def process(name: str, arguments: Sequence[str]) -> Iterator[str]:
    """A part of the local stack in a process of its own; gives its address."""
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    running = processes.start(name, f"local.{name}", arguments, os.environ, folder / "log", _START_SECONDS)
    try:
        yield running.address
    finally:
        running.stop()
        shutil.rmtree(folder)


# Every Milvus that must pass: the Lite server, a real server, and one given from outside.
MILVUSES = ["lite", "server", *(["given"] if os.environ.get("MILVUS_TEST_URI") else [])]


# A test process serves and calls the emulators, and most connections stay open until the garbage collector comes by;
# users are allowed 1,024 files at first, on macOS 256, and may raise that themselves.
_OPEN_FILES = 10_240


def pytest_configure(config: pytest.Config) -> None:
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, wanted), most))
    settings.load_profile(profile())
    config.addinivalue_line("markers", "every_milvus: a test of every Milvus, not only of Lite")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `every_milvus` runs on each of them; all else on Lite."""
    if "any_milvus" in metafunc.fixturenames and metafunc.definition.get_closest_marker("every_milvus"):
        metafunc.parametrize("any_milvus", MILVUSES, indirect=True, scope="session")


# Files that take a minute and more, longest first: side by side with others, they are not to begin last.
_LONG = (
    *("crashes", "demo", "memory", "packaging", "linear_time", "survival", "integrations", "simulation"),
    *("docs", "isolation", "record_simulation", "preflight", "page", "scans"),
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One group after the other, long ones first."""
    order = ["server", *(f"test_{name}.py" for name in _LONG)]
    places = {name: place for place, name in enumerate(order)}
    items.sort(key=lambda item: places.get(_group(item.nodeid).rpartition("/")[2], len(order)))


class _Groups(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Shares out groups of tests. (xdist's own ``loadgroup`` does not see its marks under this pytest.)"""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Groups:
    return _Groups(config, log)


def _group(nodeid: str) -> str:
    """What runs in one process and in one go: a file, and whatever needs the real Milvus server."""
    return "server" if "[server" in nodeid else nodeid.partition("::")[0]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End the real Milvus with its last test: it takes half a core even without requests.

    By itself pytest would keep it until another test asks for another Milvus.
    """
    is_last = nextitem is None or _group(nextitem.nodeid) != "server"
    if isinstance(item, pytest.Function) and _group(item.nodeid) == "server" and is_last:
        for definition in item._fixtureinfo.name2fixturedefs.get("any_milvus", ()):
            definition.finish(cast("Any", item._request))


@pytest.fixture(scope="session")
def lite_milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusSettings]:
    """One Milvus Lite server for all tests."""
    with process("milvus", ["--data", str(tmp_path_factory.mktemp("milvus")), "--port", "0"]) as address:
        yield MilvusSettings(uri=address)


@contextmanager
def real_milvus() -> Iterator[MilvusSettings]:
    """A real server, or a skip that says why there is none."""
    with ExitStack() as cleanup:
        try:
            address = cleanup.enter_context(milvus_server.running())
        except milvus_server.UnavailableError as error:
            warnings.warn(f"NOTHING WAS TESTED ON A REAL MILVUS: {error}", stacklevel=1)
            pytest.skip(str(error))
        yield MilvusSettings(uri=address)


@pytest.fixture(scope="session")
def given_milvus() -> Iterator[MilvusSettings]:
    """The server ``MILVUS_TEST_URI`` names (``MILVUS_TEST_TOKEN`` opens it), left as it was found."""
    from pymilvus import MilvusClient

    uri, token = os.environ["MILVUS_TEST_URI"], os.environ.get("MILVUS_TEST_TOKEN", "")
    yield MilvusSettings(uri=uri, token=Secret(token))
    client = MilvusClient(uri, token=token, timeout=60)
    for name in client.list_collections(timeout=60):
        if name.startswith(RUN):
            for alias in client.list_aliases(name, timeout=60)["aliases"]:
                client.drop_alias(alias, timeout=60)
            client.drop_collection(name, timeout=60)


@pytest.fixture(scope="session")
def any_milvus(request: pytest.FixtureRequest) -> Iterator[MilvusSettings]:
    """The Milvus a test runs on. The real one ends with its last test: it is busy even without requests."""
    kind = getattr(request, "param", "lite")
    if kind == "server":
        with real_milvus() as settings:
            yield settings
    else:
        yield request.getfixturevalue(f"{kind}_milvus")


@pytest.fixture(scope="session")
def milvus_version(any_milvus: MilvusSettings) -> tuple[int, int]:
    """What the Milvus says it is; Lite counts on from 2.5."""
    from pymilvus import MilvusClient

    client = MilvusClient(any_milvus.uri, token=any_milvus.token.reveal(), timeout=60)
    major, minor = re.findall(r"\d+", client.get_server_version(timeout=60))[:2]
    client.close()
    return int(major), int(minor)


@pytest.fixture
def keywords(milvus_version: tuple[int, int]) -> None:
    """For tests of search by words."""
    if milvus_version < (2, 5):
        pytest.skip(f"Milvus {'.'.join(map(str, milvus_version))} has no BM25; 2.5 and later have")


@pytest.fixture(scope="session")
def milvus(any_milvus: MilvusSettings) -> MilvusSettings:
    """A collection that tests of one session share: making one takes a second, so tests use documents of their own."""
    return replace(any_milvus, collection=f"{RUN}_shared")


@pytest.fixture
def fresh_milvus(any_milvus: MilvusSettings) -> MilvusSettings:
    """A collection of the test's own."""
    return replace(any_milvus, collection=f"{RUN}_{uuid.uuid4().hex[:12]}")


@dataclass(frozen=True)
class Oss:
    """The OSS emulator over a folder."""

    endpoint: str
    folder: Path
    bucket: str = "test-bucket"

    def settings(self, **changes: Any) -> BucketSettings:
        """Settings of a client that speaks to it."""
        values: dict[str, Any] = {
            "bucket": self.bucket,
            "endpoint": self.endpoint,
            "access_key_id": "local",
            "access_key_secret": Secret("local"),
        }
        return BucketSettings(**{**values, **changes})

    def put(self, key: str, content: bytes | str, **headers: str) -> None:
        """Put an object."""
        data = content.encode() if isinstance(content, str) else content
        self._object("PUT", key, data=data, headers=headers)

    def remove(self, key: str) -> None:
        """Delete an object."""
        self._object("DELETE", key)

    def empty(self) -> None:
        """Delete everything, and end all faults."""
        for path in self.folder.iterdir():
            if not path.name.startswith("."):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        requests.delete(f"{self.endpoint}/control/faults", timeout=60).raise_for_status()

    def expire(self, *tokens: str) -> None:
        """Let security tokens expire."""
        requests.put(f"{self.endpoint}/control/expired-tokens", json=tokens, timeout=60).raise_for_status()

    def fail(self, *rules: dict[str, Any]) -> None:
        """Put fault rules in force."""
        requests.put(f"{self.endpoint}/control/faults", json={"rules": list(rules)}, timeout=60).raise_for_status()

    def _object(self, method: str, key: str, headers: dict[str, str] | None = None, **options: Any) -> None:
        url = f"{self.endpoint}/{self.bucket}/{quote(key, safe='')}"
        signed = {"Authorization": "OSS test:unverified", **(headers or {})}
        requests.request(method, url, headers=signed, timeout=60, **options).raise_for_status()


@pytest.fixture(scope="session")
def oss_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oss]:
    """One OSS server for all tests."""
    folder = tmp_path_factory.mktemp("bucket")
    with oss_server.running(oss_server.Settings(root=folder, bucket="test-bucket")) as endpoint:
        yield Oss(endpoint, folder)


@pytest.fixture
def oss(oss_process: Oss) -> Oss:
    """The bucket, empty."""
    oss_process.empty()
    return oss_process
