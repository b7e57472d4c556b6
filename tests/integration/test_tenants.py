"""The tenant of a document; a key bound to tenants never reaches another's: not by field, filter, route or tool."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.domain.errors import RequestError
from shared.domain.models import ObjectKey
from shared.domain.tenants import Tenancy
from shared.embedding.embedder import Embedder
from shared.ingestion.bucket import Bucket
from shared.ingestion.converging import Ingestion
from shared.ingestion.results import Outcome
from shared.records.envelopes import Record
from shared.records.writing import RecordWriter
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime.auth import EVERYTHING, Authenticator, Scope
from shared.runtime.settings import IngestionSettings
from shared.store.expressions import select_tenants
from shared.store.schema import Space
from shared.store.store import Store
from tests.fakes import BUCKET, FakeBucket, FakeEmbedder, FakeStore, Index, Model, Objects, parse_here
from tests.integration.test_store import SPACE, chunk_rows, soon
from tests.profile import examples
from tests.simulation import calm, simulated

if TYPE_CHECKING:
    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss


@pytest.mark.parametrize(
    ("source", "root", "key", "metadata", "tenant"),
    [
        ("", "", "acme/a.txt", {"team": "x"}, ""),
        ("prefix", "", "acme/a.txt", {}, "acme"),
        ("prefix", "", "acme/b/a.txt", {}, "acme"),
        ("prefix", "", "a.txt", {}, ""),
        ("prefix", "docs/", "docs/acme/a.txt", {}, "acme"),
        ("prefix", "docs", "docs/acme/a.txt", {}, "acme"),
        ("prefix", "docs/", "docs/a.txt", {}, ""),
        ("prefix", "", "公司/a.txt", {}, "公司"),
        ("metadata.team", "", "acme/a.txt", {"team": "sales"}, "sales"),
        ("metadata.team", "", "acme/a.txt", {"team": 7}, "7"),
        ("metadata.team", "", "acme/a.txt", {"team": True}, ""),
        ("metadata.team", "", "acme/a.txt", {"team": ["a"]}, ""),
        ("metadata.team", "", "acme/a.txt", {}, ""),
        ("metadata.team", "", "acme/a.txt", {"team": "x" * 1_025}, ""),
    ],
)
def test_a_tenant_is_what_the_rule_says_or_nobody(
    source: str, root: str, key: str, metadata: dict[str, Any], tenant: str
) -> None:
    assert Tenancy(source, root).of(key, metadata) == tenant


@given(st.text())
@settings(max_examples=examples(300))
def test_every_tenant_can_be_asked_for(name: str) -> None:
    """Whoever writes to the bucket chooses the names."""
    for tenant in (Tenancy("prefix").of(f"{name}/a.txt", {}), Tenancy("metadata.of").of("a.txt", {"of": name})):
        assert tenant in ("", name.lstrip("/").partition("/")[0], name)
        assert select_tenants(frozenset({tenant}))


@pytest.mark.parametrize("key", ["a\x01b/x.txt", "a\x1bb/x.txt", "\x0b/x.txt"])
def test_a_document_of_a_tenant_that_nobody_can_be_bound_to_is_indexed_for_all(key: str) -> None:
    with simulated():
        index, objects = Index(), Objects()
        objects.put(key, b"Some words of a document.")
        store = FakeStore(index)
        ingestion = Ingestion(
            FakeBucket(objects), FakeEmbedder(Model()), store, IngestionSettings(), Tenancy("prefix"), parse=parse_here
        )
        assert ingestion.converge(ObjectKey(BUCKET, key), calm()).outcome is Outcome.INDEXED
        assert {row["tenant"] for row in index.rows(store.chunks.name).values()} == {""}


def test_a_key_sees_what_it_is_bound_to() -> None:
    authenticator = Authenticator(["free", "one@acme", "both@acme+globex"])
    assert authenticator.authenticate("Bearer free", "") == EVERYTHING
    assert authenticator.authenticate("", "one") == Scope(frozenset({"acme"}))
    assert authenticator.authenticate("Bearer both", "").tenants == frozenset({"acme", "globex"})
    for wrong in ("one@acme", "acme", "", "ONE", "one@", "both@acme+globex"):
        with pytest.raises(RequestError, match="unauthorized"):
            authenticator.authenticate("", wrong)


@pytest.mark.parametrize("entry", ["@acme", "key@", "key@acme+", "key@+", "key@ "])
def test_an_entry_that_binds_to_nothing_is_refused_at_start(entry: str) -> None:
    with pytest.raises(ValueError, match="API_KEYS"):
        Authenticator([entry])


def test_a_request_narrows_what_a_key_sees_and_never_widens_it() -> None:
    bound = Scope(frozenset({"acme", "globex"}))
    assert bound.narrow(None) == bound
    assert bound.narrow("acme").tenants == frozenset({"acme"})
    assert EVERYTHING.narrow("acme").tenants == frozenset({"acme"})
    for foreign in ("other", "", "ACME", 'acme" or tenant != "'):
        with pytest.raises(RequestError, match="tenant_forbidden") as caught:
            bound.narrow(foreign)
        assert caught.value.status == 403


@pytest.mark.every_milvus
def test_a_chunk_that_changes_its_tenant_stands_exactly_once_and_is_found_under_the_new_one(
    milvus: MilvusSettings,
) -> None:
    store = Store(replace(milvus, collection=f"{milvus.collection}_moving"), SPACE)
    store.prepare(soon())
    written = chunk_rows(f"{uuid.uuid4().hex}.txt", [f"Text {i}." for i in range(20)])
    document_id = written[0].chunk.document_id
    for tenant in ("acme", "globex", "", "公司", "acme"):
        store.chunks.write([replace(row, tenant=tenant) for row in written], soon())
        assert len(list(store.chunks.read_positions(document_id, soon()))) == 20
        mine = f'document_id == "{document_id}"'
        assert store._client.count(store.chunks.name, mine, soon()) == 20
        for asked in ("acme", "globex", "", "公司"):
            within = f"({select_tenants(frozenset({asked}))}) and ({mine})"
            hits = store.chunks.search_dense(written[0].vector, 50, within, soon())
            assert len(hits) == (20 if asked == tenant else 0)


class World:
    """Documents of two tenants and one without a tenant, ingested from a bucket."""

    def __init__(self, dashscope: DashScope, oss: Oss, milvus: MilvusSettings) -> None:
        self.settings = dashscope.settings()
        self.oss = oss
        self.embedder = Embedder(self.settings)
        self.store = Store(milvus, Space(self.settings.model_name, self.settings.dimension))
        self.store.prepare(soon())
        self.retrieval = Retrieval(self.embedder, self.store)

    def ingest(self, tenancy: Tenancy) -> Any:
        bucket = Bucket(self.oss.settings())
        return Ingestion(bucket, self.embedder, self.store, IngestionSettings(max_deleted_share=1.0), tenancy)

    def seen(self, scope: Scope, **fields: Any) -> set[str]:
        found = self.retrieval.search(SearchQuery("the secret plan", top_k=100, **fields), soon(), scope)
        contexts = [answer.context for answer in found.items if answer.context]
        for excerpt in (excerpt for context in contexts for excerpt in (*context.before, *context.after)):
            assert excerpt.document_id in {hit.document_id for hit in found.hits}
        return {hit.key for hit in found.hits}


@pytest.fixture
def world(dashscope: DashScope, oss: Oss, fresh_milvus: MilvusSettings) -> World:
    return World(dashscope, oss, fresh_milvus)


KEYS = {"acme/plan.txt", "globex/plan.txt", "plan.txt"}


@pytest.mark.every_milvus
def test_no_question_of_a_bound_key_reaches_another_tenants_rows(world: World) -> None:
    for key in KEYS:
        world.oss.put(key, f"The secret plan of {key}.", **{"x-oss-meta-team": "shared"})
    ingestion = world.ingest(Tenancy("prefix"))
    ingestion.reconcile(soon())
    world.store.registry.read_all("", soon())  # a Strong read: later searches see what it saw
    for key in KEYS:
        list(world.store.chunks.read_positions(ObjectKey(world.oss.bucket, key).document_id, soon()))
    acme = Scope(frozenset({"acme"}))
    assert world.seen(EVERYTHING) == KEYS
    assert world.seen(EVERYTHING, tenant="acme") == {"acme/plan.txt"}
    assert world.seen(Scope(frozenset({"acme", "globex"}))) == KEYS - {"plan.txt"}
    foreign = ObjectKey(world.oss.bucket, "globex/plan.txt").document_id
    filters: list[Any] = [
        None,
        {"eq": {"tenant": "globex"}},
        {"or": [{"eq": {"tenant": "globex"}}, {"exists": "metadata.team"}]},
        {"ne": {"tenant": "acme"}},
        {"not": {"eq": {"tenant": "acme"}}},
        {"in": {"tenant": ["acme", "globex", ""]}},
        {"prefix": {"key": ""}},
        {"eq": {"document_id": foreign}},
        {"eq": {"key": 'x" or tenant != "'}},
        {"not": {"and": [{"eq": {"key": "x"}}, {"eq": {"key": "y"}}]}},
    ]
    modes = [Mode.HYBRID, Mode.DENSE, *([Mode.KEYWORD] if world.store.has_keywords(soon()) else [])]
    for mode in modes:
        for condition in filters:
            for more in ({}, {"grouped": True, "group_size": 10}, {"context": 5, "offset": 0}):
                assert world.seen(acme, mode=mode, filter=condition, **more) <= {"acme/plan.txt"}
    with pytest.raises(RequestError, match="tenant_forbidden"):
        world.seen(acme, tenant="globex")
    assert world.store.registry.read(foreign, soon(), select_tenants(acme.tenants)) is None
    assert world.store.chunks.read_range(foreign, 0, 10, select_tenants(acme.tenants), soon()) == ([], 0)
    page = world.store.registry.read_page(select_tenants(acme.tenants), None, 10, soon())
    assert ([document.key for document in page.documents], page.total) == (["acme/plan.txt"], 1)
    # Another rule: every document changes its tenant, and nothing is billed again.
    bill = world.embedder.embed_query("the secret plan", soon())[1]
    assert bill.calls == 0
    report = world.ingest(Tenancy("metadata.team")).reconcile(soon())
    assert set(report.stale) == KEYS
    assert (report.usage.calls, report.unfinished) == (0, ())
    for key in KEYS:
        list(world.store.chunks.read_positions(ObjectKey(world.oss.bucket, key).document_id, soon()))
    assert world.seen(acme) == set()
    assert world.seen(Scope(frozenset({"shared"}))) == KEYS
    assert world.ingest(Tenancy("metadata.team")).reconcile(soon(), dry_run=True).stale == ()


def test_a_change_of_metadata_that_changes_the_tenant_moves_the_document_for_nothing(world: World) -> None:
    ingestion = world.ingest(Tenancy("metadata.team"))
    key = ObjectKey(world.oss.bucket, "plan.txt")
    for team in ("acme", "globex"):
        world.oss.put("plan.txt", "The secret plan.", **{"x-oss-meta-team": team})
        result = ingestion.converge(key, soon())
        assert result.embedded == (1 if team == "acme" else 0)
        assert world.seen(Scope(frozenset({team}))) == {"plan.txt"}
    assert world.seen(Scope(frozenset({"acme"}))) == set()
    record = world.store.registry.read(key.document_id, soon())
    assert record is not None
    assert (record.tenant, record.tenant_from) == ("globex", "metadata.team")


def test_a_record_sent_again_under_another_rule_changes_hands_for_nothing(world: World) -> None:
    record = Record("acme/ticket-1", "The secret plan of a ticket.", {"team": "globex"})
    for tenancy, tenant in ((Tenancy("prefix"), "acme"), (Tenancy("metadata.team"), "globex")):
        written = RecordWriter(world.embedder, {"": world.store}, tenancy).write([record], soon())
        assert written.results[0].outcome == "upserted"
        assert written.usage.calls == (1 if tenant == "acme" else 0)
        assert world.seen(Scope(frozenset({tenant}))) == {"acme/ticket-1"}
    assert world.seen(Scope(frozenset({"acme"}))) == set()
