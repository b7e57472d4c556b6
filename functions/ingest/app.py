"""ingest: events in, an index that equals the bucket out. Nothing here answers the public."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from flask import request

from shared import parsing
from shared.embedding.batch_tasks import BatchTasks
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.ingestion import events
from shared.ingestion.backfill_parts import BackfillParts
from shared.ingestion.backfilling import Backfill
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.ingestion.locks import DocumentLocks
from shared.ingestion.pipeline import Pipeline
from shared.ingestion.scans import make_scans
from shared.runtime.auth import Authenticator
from shared.runtime.credentials import read_credentials, use_credentials
from shared.runtime.settings import IngestSettings
from shared.runtime.web import Application, read_settings_or_exit
from shared.store.schema import Space
from shared.store.store import Store

if TYPE_CHECKING:
    from shared.runtime.retrying import Deadline

settings = read_settings_or_exit(IngestSettings)
client = DashScopeClient(settings.dashscope)
embedder = Embedder(settings.dashscope, client)
store = Store(settings.milvus, Space(settings.dashscope.model_name, settings.dashscope.dimension))
bucket = Bucket(settings.bucket)
tenancy = settings.tenants.tenancy(settings.bucket.prefix)
scans = make_scans(settings.ocr, settings.dashscope, client, store.page_texts) if settings.ocr.is_on else None
owner = os.environ.get("FC_INSTANCE_ID") or secrets.token_hex(8)
locks = DocumentLocks()
ingestion = Ingestion(bucket, embedder, store, settings.ingestion, tenancy, scans=scans, owner=owner, locks=locks)
backfill = Backfill(
    BackfillParts(
        pipeline=Pipeline(bucket, embedder, store, settings.ingestion, tenancy, parsing.parse_bounded, owner, scans),
        tasks=BatchTasks(settings.dashscope),
        model=settings.dashscope.model,
        dimension=settings.dashscope.dimension,
        budget=client.budget,
        locks=locks,
    ),
    ingestion,
)


def prepare(deadline: Deadline) -> None:
    """Create the collections or refuse those of another model; pay for slow imports before the first event would."""
    store.warm_up()
    with ThreadPoolExecutor(1) as aside:  # one waits for Milvus while the others load
        preparing = aside.submit(store.prepare, deadline)
        for warm_up in (parsing.warm_up, embedder.warm_up, bucket.warm_up):
            warm_up()
        preparing.result()


def on_event(raw: bytes, deadline: Deadline) -> dict[str, Any]:
    """Act on every record of an event; what happened to each is the invocation's result."""
    # The bucket is read with the credentials that the invocation brings along.
    with use_credentials(read_credentials(request.headers.get)):
        return {"results": backfill.handle(events.parse(raw), deadline)}


application = Application(
    "ingest", about=embedder.about, authenticator=Authenticator(()), prepare=prepare, on_event=on_event
)
app = application.flask
