"""ingest: events in, an index that equals the bucket out. Nothing here answers the public."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from flask import request
from msgspec.structs import replace

from shared import parsing
from shared.domain.catalog import EMBEDDING_MODELS
from shared.embedding.batch_tasks import BatchTasks
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.embedders import Embedders
from shared.ingestion import events
from shared.ingestion.backfill_parts import BackfillParts
from shared.ingestion.backfilling import Backfill, Handler
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.ingestion.scans import make_scans
from shared.migration.ingestions import Ingestions
from shared.runtime.auth import Authenticator
from shared.runtime.credentials import read_credentials, use_credentials
from shared.runtime.settings import IngestSettings
from shared.runtime.web import Application, read_settings_or_exit
from shared.store.client import Client
from shared.store.directory import StoreDirectory
from shared.store.schema import Space

if TYPE_CHECKING:
    from shared.ingestion.events import Action
    from shared.ingestion.origin import Origin
    from shared.migration.report import MigrationReport
    from shared.runtime.retrying import Deadline
    from shared.store.directory import Member

settings = read_settings_or_exit(IngestSettings)
client = DashScopeClient(settings.dashscope)
embedder = Embedder(settings.dashscope, client)
embedders = Embedders(settings.dashscope, client, embedder)
stores = StoreDirectory(
    settings.milvus,
    Space(settings.dashscope.model_name, settings.dashscope.dimension),
    Client(settings.milvus, awaits_server=True),
)
bucket = Bucket(settings.bucket)
tenancy = settings.tenants.tenancy(settings.bucket.prefix)
scans = make_scans(settings.ocr, settings.dashscope, client, stores.page_texts) if settings.ocr.is_on else None
owner = os.environ.get("FC_INSTANCE_ID", "")
batch_tasks = BatchTasks(settings.dashscope)


def build_ingestion(member: Member, origin: Origin | None, *, is_leader: bool) -> Ingestion:
    """Build the ingestion into one collection; all but the one that answers use a share of the quota."""
    space, ingestion = member.store.space, settings.ingestion
    share = 1 if is_leader else ingestion.migration_share
    return Ingestion(
        bucket,
        embedders.find(space.model, space.dimension, share),
        member.store,
        replace(ingestion, chunk_tokens=member.plan.chunk_tokens or ingestion.chunk_tokens),
        tenancy,
        scans=scans,
        owner=owner,
        origin=origin,
    )


def build_backfill(target: Ingestion, ingestion: Handler, leader: Ingestion | None) -> Backfill:
    """Build what orders and collects vectors for one collection; the new one of a migration has a leader."""
    pipeline, space = target.pipeline, target.pipeline.store.space
    model = EMBEDDING_MODELS[space.model]
    parts = BackfillParts(pipeline, batch_tasks, model, space.dimension, client.budget, target.locks, leader)
    return Backfill(parts, ingestion)


ingestions = Ingestions(stores, build_ingestion, build_backfill, settings.ingestion.migration_retention_days)


def prepare(deadline: Deadline) -> None:
    """Create the collections or refuse those of another model; pay for slow imports before the first event would."""
    stores.warm_up()
    with ThreadPoolExecutor(1) as aside:  # one waits for Milvus while the others load
        preparing = aside.submit(stores.prepare, deadline)
        for warm_up in (parsing.warm_up, embedder.warm_up, bucket.warm_up):
            warm_up()
        preparing.result()


def on_event(raw: bytes, deadline: Deadline) -> dict[str, Any]:
    """Act on every record of an event; what happened to each is the invocation's result."""
    # The bucket is read with the credentials that the invocation brings along.
    with use_credentials(read_credentials(request.headers.get)):
        return {"results": ingestions.handle(events.parse(raw), deadline, migrate)}


def migrate(action: Action, deadline: Deadline) -> MigrationReport:
    """Do one step of a migration."""
    # Late: most instances never migrate, and it imports what search does.
    from shared.migration.comparing import Comparison
    from shared.migration.steps import Migration
    from shared.records.copying import RecordCopier

    def find(space: Space, share: float = 1) -> Embedder:
        return embedders.find(space.model, space.dimension, share)

    share = settings.ingestion.migration_share
    migration = Migration(
        stores,
        settings.ingestion.chunk_tokens,
        ingestions.join,
        lambda source, target: RecordCopier(find(target.space, share), source, target, settings.tenants.tenancy()),
        lambda space, total, rows: find(space, share).seconds_for(total, rows),
        Comparison(find).ask,
        ingestions.withdraw,
    )
    return migration.act(action, deadline)


def describe() -> dict[str, Any]:
    """The model in use, for `/healthz`; after a migration that of the collection, as the last event found it."""
    space = stores.known_space
    return embedders.find(space.model, space.dimension).about


application = Application("ingest", about=describe, authenticator=Authenticator(()), prepare=prepare, on_event=on_event)
app = application.flask
