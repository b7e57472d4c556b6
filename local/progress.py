"""How far the first ingestion has come."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local.documents import Documents
from local.reporting import show
from shared.runtime.retrying import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console

    from local.stack import Stack
    from shared.domain.models import ObjectState
    from shared.ingestion.bucket import Bucket

_POLL_SECONDS = 0.5
# Without a document done or a chunk written for so long, the wait ends; the work goes on.
_STALLED_SECONDS = 180
# Documents in progress that are asked for their chunks: more than are worked on at once.
_ASKED = 16


def await_ingestion(running: Stack, bucket: Bucket, console: Console) -> None:
    """Show how many documents the index has caught up with, until it has with all or nothing moves any more.

    Raises:
        StartError: a part of the stack ended and cannot be started again.
    """
    wanted = {state.key.document_id: state for state in bucket.documents(Deadline.after(60))}
    documents = Documents(running, lambda sentence: console.print(f"  [yellow]{escape(show(sentence))}[/yellow]"))
    columns = (
        TextColumn("Ingesting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("documents, {task.fields[chunks]} chunks"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console) as display:
        task = display.add_task("ingest", total=len(wanted), chunks=0)
        moved, before = time.monotonic(), (-1, -1)
        while True:
            known = {document["id"]: document for document in documents.read()}
            open_ = {id_: known.get(id_) for id_ in wanted if not _is_settled(known.get(id_), wanted[id_])}
            working = [document for document in open_.values() if document and not document["failure"]][:_ASKED]
            settled = sum(document["chunks"] for id_, document in known.items() if id_ not in open_)
            now = (len(wanted) - len(open_), settled + documents.count_chunks(working))
            display.update(task, completed=now[0], chunks=now[1])
            if now != before:
                moved, before = time.monotonic(), now
            if not open_ or time.monotonic() - moved > _STALLED_SECONDS:
                break
            time.sleep(_POLL_SECONDS)
    for sentence in (*_explain_failed(known.values()), *_explain_open(open_, wanted)):
        console.print(f"  {sentence}")


def _is_settled(document: Mapping[str, Any] | None, state: ObjectState) -> bool:
    if document is None or document["state"] == "pending":
        return False
    return bool((document["etag"], document["sidecar_etag"]) == (state.etag, state.sidecar_etag))


def _explain_failed(documents: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for document in documents:
        if document["state"] == "failed":
            yield f"[yellow]{escape(show(document['key']))}[/yellow]: {escape(document['failure']['message'])}"


def _explain_open(
    documents: Mapping[str, Mapping[str, Any] | None], wanted: Mapping[str, ObjectState]
) -> Iterable[str]:
    """A sentence for each document that the index has not caught up with."""
    for id_, document in documents.items():
        key = f"[yellow]{escape(show(wanted[id_].key.key))}[/yellow]"
        if document is None:
            yield f"{key} waits for its turn."
        elif document["failure"]:
            yield f"{key} is tried again: {escape(document['failure']['message'])}"
        else:
            yield f"{key} is still being indexed; the rest of it is found later."
