"""Documents converge to the bucket's state, through the real SDKs against real servers."""

from __future__ import annotations

import base64
import contextlib
import gzip
import os
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from alibabacloud_oss_v2 import PutSymlinkRequest

from shared.domain.errors import ConfigurationError, DocumentError, PlatformError, RequestError, TransientError
from shared.domain.models import Document, DocumentState, Location, ObjectKey
from shared.domain.tenants import Tenancy
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.ingestion.bucket import Bucket, ChangedError
from shared.ingestion.converging import Ingestion, Report
from shared.ingestion.events import Action, ObjectEvent, Unknown
from shared.ingestion.results import Outcome, Result
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime.credentials import Credentials, use_credentials
from shared.runtime.retrying import Deadline
from shared.runtime.settings import IngestionSettings, Secret
from shared.store.expressions import equals
from shared.store.schema import Space
from shared.store.store import Store
from tests.patience import grant
from tests.proxy import ForgetfulProxy

if TYPE_CHECKING:
    from pathlib import Path

    from shared.domain.models import SearchHit
    from shared.retrieval.result import SearchResult
    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope, Oss

ENGLISH = "\n\n".join(
    f"Paragraph {i} of the handbook speaks of subject number {i * 13}. It has two sentences." for i in range(60)
)


def soon() -> Deadline:
    return Deadline.after(60)


@dataclass(frozen=True)
class World:
    """A bucket, a DashScope and a Milvus, with the code under test between them."""

    oss: Oss
    dashscope: DashScope
    store: Store
    embedder: Embedder
    ingestion: Ingestion

    def key(self, name: str) -> ObjectKey:
        return ObjectKey(self.oss.bucket, name)

    def converge(self, name: str) -> Result:
        return self.ingestion.converge(self.key(name), soon())

    def document(self, name: str) -> Document | None:
        return self.store.registry.read(self.key(name).document_id, soon())

    def texts(self, name: str) -> list[str]:
        """The chunks the index holds of a document, in order."""
        vector = [1.0] + [0.0] * 511
        # A search may be late; never later than a Strong read before it.
        places = dict(self.store.chunks.read_positions(self.key(name).document_id, soon()))
        hits = self.store.chunks.search_dense(vector, 10_000, equals("document_id", self.key(name).document_id), soon())
        return [hit.text for hit in sorted(hits, key=lambda hit: places[hit.id].ordinal)]

    def places(self, name: str) -> dict[str, tuple[int, int]]:
        """Where the chunks of a document stand, by id."""
        held = dict(self.store.chunks.read_positions(self.key(name).document_id, soon()))
        return {id_: (place.ordinal, place.start) for id_, place in held.items()}

    def ask(self, query: str, **options: Any) -> list[SearchHit]:
        return list(self.found(query, **options).hits)

    def found(self, query: str, **options: Any) -> SearchResult:
        dict(self.store.chunks.read_positions("any", soon()))
        return Retrieval(self.embedder, self.store).search(SearchQuery(query, **options), soon())


@pytest.fixture
def world(oss: Oss, dashscope: DashScope, milvus: MilvusSettings) -> World:
    store = Store(milvus, Space("text-embedding-v4", 512))
    store.prepare(soon())
    for document in store.registry.read_all("", soon()):
        store.chunks.delete(dict(store.chunks.read_positions(document.id, soon())), soon())
        store.registry.delete([document.id], soon())
    embedder = Embedder(dashscope.settings(call_timeout=5.0))
    ingestion = Ingestion(Bucket(oss.settings()), embedder, store, IngestionSettings(chunk_tokens=64))
    return World(oss, dashscope, store, embedder, ingestion)


@pytest.mark.every_milvus
def test_an_object_is_indexed_whole_and_found(world: World) -> None:
    world.oss.put("guide.md", "# Moorings\n\nTie the boat with two lines.\n\n## 锚地\n\n涨潮时不要下锚。\n")
    result = world.converge("guide.md")
    assert (result.outcome, result.chunks) == (Outcome.INDEXED, 2)
    document = world.document("guide.md")
    assert document is not None
    assert (document.state, document.title, document.format, document.chunks) == (
        DocumentState.INDEXED,
        "Moorings",
        "md",
        2,
    )
    assert document.tokens > 0
    assert document.cost_cny > 0
    (best, *_) = world.ask("什么时候不能下锚？")
    assert "涨潮时不要下锚" in best.text
    assert best.location.headings == ("Moorings", "锚地")


@pytest.mark.every_milvus
def test_a_finished_event_costs_nothing_again(world: World) -> None:
    world.oss.put("a.txt", ENGLISH)
    first = world.converge("a.txt")
    world.dashscope.reset()
    again = world.converge("a.txt")
    assert (again.outcome, again.chunks, again.embedded) == (Outcome.UNCHANGED, first.chunks, 0)
    assert world.dashscope.usage()["calls"] == 0


@pytest.mark.every_milvus
def test_an_edit_buys_only_what_changed_and_leaves_the_exact_set(world: World) -> None:
    world.oss.put("a.txt", ENGLISH)
    first = world.converge("a.txt")
    edited = ENGLISH.replace("Paragraph 30 of", "An inserted sentence stands here. Paragraph 30 of")
    world.oss.put("a.txt", edited)
    second = world.converge("a.txt")
    assert second.outcome is Outcome.INDEXED
    assert 1 <= second.embedded <= first.chunks // 4
    assert len(world.texts("a.txt")) == second.chunks
    # What was moved and what was embedded is what a fresh start would have written.
    places = world.places("a.txt")
    world.oss.remove("a.txt")
    world.converge("a.txt")
    world.oss.put("a.txt", edited)
    world.converge("a.txt")
    assert world.places("a.txt") == places


@pytest.mark.every_milvus
def test_a_renamed_object_keeps_its_vectors_and_costs_no_embedding(world: World) -> None:
    repeated = f"{ENGLISH}\n\n{ENGLISH}"
    world.oss.put("old/guide.txt", repeated)
    first = world.converge("old/guide.txt")
    assert first.embedded == first.chunks > 1
    world.oss.put("new/guide.txt", repeated)
    world.oss.remove("old/guide.txt")
    second = world.converge("new/guide.txt")
    assert (second.outcome, second.chunks, second.embedded, second.usage.calls) == (Outcome.INDEXED, first.chunks, 0, 0)
    assert world.converge("old/guide.txt").outcome is Outcome.REMOVED
    positions = world.store.chunks.read_positions(world.key("new/guide.txt").document_id, soon())
    vectors = world.store.chunks.read_vectors([id_ for id_, _ in positions], soon())
    chunks, total = world.store.chunks.read_range(world.key("new/guide.txt").document_id, 0, first.chunks, "", soon())
    assert total == len(vectors) == first.chunks
    texts = [chunk.embedded_text for chunk in chunks]
    own = world.embedder.embed(texts, world.embedder.make_parameters(TextType.DOCUMENT), soon()).complete()
    for chunk, embedding in zip(chunks, own, strict=True):
        assert vectors[chunk.id] == pytest.approx(embedding.dense, abs=1e-4)


def test_a_reconcile_of_a_renamed_folder_embeds_nothing(world: World) -> None:
    names = [f"{i}.txt" for i in range(6)]
    settings = IngestionSettings(chunk_tokens=64, max_deleted_share=1)
    ingestion = Ingestion(Bucket(world.oss.settings()), world.embedder, world.store, settings)
    for name in names:
        world.oss.put(f"old/{name}", f"{ENGLISH}\n\nThis is the end of {name}.")
    ingestion.reconcile(soon())
    (world.oss.folder / "old").rename(world.oss.folder / "new")
    report = ingestion.reconcile(soon())
    assert (len(report.stale), len(report.orphaned), report.usage.calls) == (6, 6, 0)
    assert {document.key for document in world.store.registry.read_all("", soon())} == {f"new/{name}" for name in names}


def test_another_tenants_document_of_the_same_content_is_embedded_again(world: World) -> None:
    tenants = Ingestion(
        Bucket(world.oss.settings()), world.embedder, world.store, IngestionSettings(chunk_tokens=64), Tenancy("prefix")
    )
    for tenant in ("one", "two"):
        world.oss.put(f"{tenant}/guide.txt", ENGLISH)
        result = tenants.converge(world.key(f"{tenant}/guide.txt"), soon())
        assert result.embedded == result.chunks > 1


@pytest.mark.every_milvus
def test_a_removed_object_stops_answering(world: World) -> None:
    world.oss.put("gone.txt", "The password of the lighthouse is swordfish.")
    world.converge("gone.txt")
    assert world.ask("lighthouse password")
    world.oss.remove("gone.txt")
    assert world.converge("gone.txt").outcome is Outcome.REMOVED
    assert world.document("gone.txt") is None
    assert world.ask("lighthouse password") == []


@pytest.mark.every_milvus
def test_equal_chunks_of_one_document_are_all_kept(world: World) -> None:
    world.oss.put("same.csv", "name,note\n" + "x,The very same row.\n" * 30)
    result = world.converge("same.csv")
    texts = world.texts("same.csv")
    assert len(texts) == result.chunks
    assert Counter(" ".join(texts).split())["row."] == 30


FAILURES = {
    "empty.txt": (b"", "empty_document"),
    "blank.txt": (b" \n\t\n ", "empty_document"),
    "image.png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "needs_ocr"),
    "broken.pdf": (b"%PDF-1.7\n" + b"garbage" * 50, "broken_file"),
    "broken.docx": (b"PK\x03\x04" + bytes(200), "broken_file"),
    "half.jsonl": (b'{"text": \n{"text": \n', "broken_file"),
}


@pytest.mark.every_milvus
@pytest.mark.parametrize("name", FAILURES)
def test_a_document_that_cannot_be_read_is_recorded_and_not_tried_again(world: World, name: str) -> None:
    content, code = FAILURES[name]
    world.oss.put(name, content)
    assert world.converge(name).outcome is Outcome.FAILED
    document = world.document(name)
    assert document is not None
    assert document.failure is not None
    assert (document.state, document.failure.code) == (DocumentState.FAILED, code)
    assert document.failure.message
    assert dict(world.store.chunks.read_positions(document.id, soon())) == {}
    assert world.converge(name).outcome is Outcome.FAILED
    again = world.document(name)
    assert again is not None
    assert again.attempts == 1


@pytest.mark.every_milvus
def test_a_broken_new_version_leaves_the_old_one_answering_and_says_so(world: World) -> None:
    world.oss.put("data.jsonl", '{"text": "Wolves live in packs."}\n')
    world.converge("data.jsonl")
    good = world.document("data.jsonl")
    assert good is not None
    world.oss.put("data.jsonl", '{"text" "Some"}\n{"text" "thing"}\n{"text": "else."}\n')
    world.converge("data.jsonl")
    document = world.document("data.jsonl")
    assert document is not None
    assert document.state is DocumentState.FAILED
    assert (document.indexed_version, document.chunks) == (good.version, 1)
    assert document.version != good.version
    assert world.texts("data.jsonl") == ["Wolves live in packs."]


def test_one_poisonous_object_does_not_keep_the_others(world: World) -> None:
    for name in ("one.txt", "two.txt"):
        world.oss.put(name, f"The content of {name}.")
    world.oss.put("poison.pdf", b"%PDF-garbage")
    events = [ObjectEvent(world.key(name), "ObjectCreated:PutObject") for name in ("one.txt", "poison.pdf", "two.txt")]
    outcomes = [result.outcome for result in world.ingestion.handle(events, soon()) if isinstance(result, Result)]
    assert outcomes == [Outcome.INDEXED, Outcome.FAILED, Outcome.INDEXED]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Unknown("it is odd"), "unknown_event"),
        (ObjectEvent(ObjectKey("another-bucket", "x.txt"), "ObjectCreated:PutObject"), "foreign_object"),
    ],
)
def test_an_event_that_is_none_of_ours_fails_after_the_others_were_served(world: World, event: Any, code: str) -> None:
    world.oss.put("mine.txt", "Mine.")
    with pytest.raises(RequestError, match=code):
        world.ingestion.handle([event, ObjectEvent(world.key("mine.txt"), "ObjectCreated:PutObject")], soon())
    assert world.texts("mine.txt") == ["Mine."]


@pytest.mark.every_milvus
@pytest.mark.parametrize(
    "key", ["中文 文档.txt", "a+b.txt", "100%25.txt", "a%20b.txt", 'quote".txt', "🙂.txt", "x" * 200 + ".txt"]
)
def test_odd_keys_converge_and_go(world: World, key: str) -> None:
    world.oss.put(key, "Some content.")
    assert world.converge(key).outcome is Outcome.INDEXED
    assert [hit.key for hit in world.ask("content")] == [key]
    world.oss.remove(key)
    assert world.converge(key).outcome is Outcome.REMOVED


def test_a_key_that_arrives_percent_encoded_is_understood(world: World) -> None:
    world.oss.put("a b/文.txt", "Some content.")
    encoded = ObjectEvent(world.key("a%20b/%E6%96%87.txt"), "ObjectCreated:PutObject")
    world.ingestion.handle([encoded], soon())
    assert world.texts("a b/文.txt") == ["Some content."]


@pytest.mark.every_milvus
def test_two_deployments_on_one_bucket_leave_each_others_documents_alone(world: World) -> None:
    everything = IngestionSettings(max_deleted_share=1.0)
    deployments = [
        Ingestion(Bucket(world.oss.settings(**filters)), world.embedder, world.store, everything)
        for filters in ({"prefix": "one/"}, {"prefix": "two/", "suffix": ".txt"}, {"prefix": "two/", "suffix": ".md"})
    ]
    for name in ("one/a.txt", "two/b.txt", "two/c.md"):
        world.oss.put(name, f"The content of {name}.")
    for _ in range(2):
        reports = [deployment.reconcile(soon()) for deployment in deployments]
    assert [(report.listed, report.stale, report.orphaned) for report in reports] == [(1, (), ())] * 3
    world.oss.remove("two/b.txt")
    assert [deployment.reconcile(soon()).orphaned for deployment in deployments] == [(), ("two/b.txt",), ()]
    assert world.texts("one/a.txt") == ["The content of one/a.txt."]
    assert world.texts("two/c.md") == ["The content of two/c.md."]


def test_a_reconcile_notices_chunks_that_are_gone_and_that_nobody_owns(world: World) -> None:
    world.oss.put("a.txt", ENGLISH)
    world.converge("a.txt")
    held = dict(world.store.chunks.read_positions(world.key("a.txt").document_id, soon()))
    world.store.chunks.delete(sorted(held)[:3], soon())
    assert world.ingestion.reconcile(soon()).stale == ("a.txt",)
    assert dict(world.store.chunks.read_positions(world.key("a.txt").document_id, soon())) == held


def test_a_refused_version_takes_even_an_interrupted_attempts_chunks_with_it(world: World) -> None:
    world.oss.put("a.txt", ENGLISH + "\n\nPOISON stands at the end.")
    world.dashscope.fail({"fault": "status", "code": "InvalidApiKey", "match": "POISON"})
    with pytest.raises(ConfigurationError):
        world.converge("a.txt")
    assert dict(world.store.chunks.read_positions(world.key("a.txt").document_id, soon()))
    world.dashscope.reset()
    world.dashscope.fail({"fault": "status", "code": "DataInspectionFailed", "match": "POISON"})
    assert world.converge("a.txt").outcome is Outcome.FAILED
    assert dict(world.store.chunks.read_positions(world.key("a.txt").document_id, soon())) == {}


def test_what_was_paid_for_is_written_before_the_deadline(world: World) -> None:
    world.oss.put("a.txt", ENGLISH)
    world.dashscope.fail({"fault": "black_hole", "match": "subject number 767"})

    def converge(seconds: float) -> int:
        with pytest.raises(TransientError):
            world.ingestion.converge(world.key("a.txt"), Deadline.after(seconds))
        return int(world.dashscope.usage()["rows"])

    paid = grant(converge)
    assert paid > 0
    assert len(dict(world.store.chunks.read_positions(world.key("a.txt").document_id, soon()))) == paid


def test_an_archived_object_is_a_failure_of_its_own_and_not_of_the_deployment(world: World, tmp_path: Path) -> None:
    world.oss.put("a.txt", "Frozen.")
    bucket = Bucket(world.oss.settings())
    state = bucket.state(world.key("a.txt"), soon())
    assert state is not None
    world.oss.fail({"fault": "archived", "times": 9, "match": {"method": "GET", "key": "a.txt"}})
    with pytest.raises(DocumentError, match="archived"):
        bucket.download(state, tmp_path / "object", 1_000, soon())
    result = world.converge("a.txt")  # now it is the sidecar that cannot be read
    assert result.failure is not None
    assert result.failure.code == "broken_metadata"
    assert "archived" in result.failure.message


@pytest.mark.parametrize("size", [1_009, 1_010, 1_023])
def test_a_key_of_any_length_that_oss_takes_is_indexed(world: World, size: int) -> None:
    """Its sidecar would have a longer name than OSS takes, so that there can be none."""
    folder = "/".join(["d" * 200] * 5)[: size - 20].rstrip("/")
    names = [f"{folder}/{number}".ljust(size - 4, "x") + ".txt" for number in range(4)]
    assert {len(name) for name in names} == {size}
    for name in names:
        world.oss.put(name, ENGLISH)
    assert world.converge(names[0]).outcome is Outcome.INDEXED
    results = world.ingestion.handle(
        [ObjectEvent(world.key(name), "ObjectCreated:PutObject") for name in names], soon()
    )
    assert [result.outcome for result in results if isinstance(result, Result)] == [
        Outcome.UNCHANGED, *[Outcome.INDEXED] * 3
    ]  # fmt: skip
    report = world.ingestion.reconcile(soon())
    assert (report.listed, report.counts.stale) == (4, 0)


def test_an_event_with_a_key_that_no_object_can_have_is_acknowledged(world: World) -> None:
    names = [f"{number}".ljust(3_000, "x") for number in range(4)]
    results = world.ingestion.handle(
        [ObjectEvent(world.key(name), "ObjectCreated:PutObject") for name in names], soon()
    )
    assert [result.outcome for result in results if isinstance(result, Result)] == [Outcome.UNCHANGED] * 4


@pytest.mark.parametrize("name", ["a/../b.txt", "./b.txt", "a/./b.txt", "a/.."])
def test_a_key_that_http_would_shorten_is_a_failure_of_its_own(world: World, name: str) -> None:
    """Without care the client asks for another object, such as one outside of the prefix."""
    world.oss.put("b.txt", "This is another object.")
    world.oss.put(name, ENGLISH)
    for _ in range(2):
        report = world.ingestion.reconcile(soon())
        document = world.document(name)
        assert document is not None
        assert document.failure is not None
        assert (document.state, document.failure.code) == (DocumentState.FAILED, "unsupported_key")
    assert (report.listed, report.counts.stale, report.counts.unfinished) == (2, 0, 0)
    assert world.texts(name) == []
    world.oss.remove(name)
    world.ingestion.handle([ObjectEvent(world.key(name), "ObjectRemoved:DeleteObject")], soon())
    assert world.document(name) is None


def test_an_object_that_is_stored_compressed_is_read_as_it_is_stored(world: World) -> None:
    """Clients undo ``Content-Encoding``, and then neither size nor range is that of the object."""
    names = ["small.txt", "large.html"]
    # Large as an object, and of little text, so that it is soon embedded on any machine.
    picture = f'<img src="data:image/png;base64,{base64.b64encode(os.urandom(120_000)).decode()}">'
    for name, text in zip(names, (ENGLISH, f"<p>{ENGLISH}</p>{picture}"), strict=True):
        world.oss.put(name, gzip.compress(text.encode()), **{"Content-Encoding": "gzip"})
        state = world.ingestion.pipeline.bucket.state(world.key(name), soon())
        assert state is not None
        assert world.ingestion.pipeline.bucket.read_head(state, 2, soon()) == b"\x1f\x8b"
    world.oss.put("plain.txt", "It says that it is compressed, and is not.", **{"Content-Encoding": "gzip"})
    results = world.ingestion.handle(
        [ObjectEvent(world.key(name), "ObjectCreated:PutObject") for name in (*names, "plain.txt")], soon()
    )
    assert [result.outcome for result in results if isinstance(result, Result)] == [Outcome.INDEXED] * 3
    assert any("subject number 39" in text for text in world.texts("large.html"))


def test_the_prefix_bounds_what_is_ours(world: World) -> None:
    bucket = Bucket(world.oss.settings(prefix="docs/"))
    assert bucket.owns(bucket.key("docs/a.txt"))
    assert not bucket.owns(bucket.key("other/a.txt"))
    assert not bucket.owns(bucket.key("docs/folder/"))


@pytest.mark.every_milvus
def test_a_passing_failure_is_recorded_raised_and_resumed_where_it_stopped(world: World) -> None:
    world.oss.put("a.txt", ENGLISH)
    world.dashscope.fail(
        {"fault": "status", "code": "InvalidApiKey", "match": "subject number 767"}
    )  # in the last chunk
    with pytest.raises(ConfigurationError, match="InvalidApiKey"):
        world.converge("a.txt")
    document = world.document("a.txt")
    assert document is not None
    assert document.state is DocumentState.PENDING
    assert document.failure is not None
    assert (document.failure.stage, document.failure.retryable) == ("embedding", True)
    assert document.failure.request_id
    paid = world.dashscope.usage()["rows"]
    world.dashscope.reset()
    result = world.converge("a.txt")
    assert paid > 0
    assert world.dashscope.usage()["rows"] == result.chunks - paid
    done = world.document("a.txt")
    assert done is not None
    assert (done.state, done.attempts, done.failure) == (DocumentState.INDEXED, 2, None)


@pytest.mark.parametrize("fault", ["missing", "changed", "unavailable", "truncated"])
def test_a_fault_of_the_bucket_ends_in_the_exact_state(world: World, fault: str) -> None:
    world.oss.put("a.txt", "Steady content.")
    world.oss.fail({"fault": fault, "times": 3, "match": {"method": "GET", "key": "a.txt"}})
    for _ in range(3):
        with contextlib.suppress(PlatformError):
            world.converge("a.txt")
    world.converge("a.txt")
    assert world.texts("a.txt") == ["Steady content."]


def test_a_forbidden_bucket_names_the_permission(world: World) -> None:
    world.oss.fail({"fault": "forbidden", "times": 9, "match": {"method": "HEAD", "key": ""}})
    with pytest.raises(ConfigurationError, match="oss:GetObject"):
        world.converge("a.txt")


@pytest.mark.every_milvus
def test_eight_workers_on_one_key_and_eight_keys_at_once_end_exactly(world: World) -> None:
    names = [f"file-{i}.txt" for i in range(8)]
    for name in names:
        world.oss.put(name, ENGLISH.replace("handbook", name))
    threads = [threading.Thread(target=world.converge, args=(name,)) for name in (*names, *[names[0]] * 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chunks = 0
    for name in names:
        document = world.document(name)
        assert document is not None
        assert document.state is DocumentState.INDEXED
        assert len(world.texts(name)) == document.chunks
        chunks += document.chunks
    assert world.dashscope.usage()["rows"] == chunks  # nothing was billed twice


@pytest.mark.every_milvus
def test_reconcile_repairs_both_ways(world: World) -> None:
    for i in range(10):
        world.oss.put(f"kept-{i}.txt", f"Kept {i}.")
        world.converge(f"kept-{i}.txt")
    world.oss.put("lost.txt", "Its event was lost.")
    world.oss.put("kept-1.txt", "Changed without an event.")
    world.oss.remove("kept-0.txt")
    (dry,) = world.ingestion.handle([Action("reconcile", dry_run=True)], soon())
    assert isinstance(dry, Report)
    assert (dry.listed, dry.stale, dry.orphaned) == (10, ("kept-1.txt", "lost.txt"), ("kept-0.txt",))
    assert world.document("lost.txt") is None
    world.dashscope.reset()
    report = world.ingestion.reconcile(soon())
    assert report.unfinished == ()
    assert report.usage.tokens == world.dashscope.usage()["tokens"] > 0
    assert world.texts("lost.txt") == ["Its event was lost."]
    assert world.texts("kept-1.txt") == ["Changed without an event."]
    assert world.document("kept-0.txt") is None
    assert world.ingestion.reconcile(soon()).results == ()


@pytest.mark.every_milvus
def test_reconcile_stops_before_it_deletes_too_much(world: World) -> None:
    for i in range(4):
        world.oss.put(f"{i}.txt", f"Text {i}.")
        world.converge(f"{i}.txt")
    world.oss.empty()
    with pytest.raises(RequestError, match="too_many_deletions"):
        world.ingestion.reconcile(soon())
    assert len(world.store.registry.read_all("", soon())) == 4


def test_reconcile_refuses_a_listing_it_cannot_finish(world: World) -> None:
    world.oss.put("a.txt", "Text.")
    world.converge("a.txt")
    world.oss.fail({"fault": "unavailable", "times": 20, "match": {"method": "GET", "key": ""}})
    with pytest.raises(TransientError):
        world.ingestion.reconcile(Deadline.after(3))
    assert world.document("a.txt") is not None


def test_metadata_beside_an_object_filters_and_its_change_is_not_paid_for(world: World) -> None:
    world.oss.put("plan.txt", "The pier is rebuilt in spring.")
    world.oss.put(
        "plan.txt.metadata.json", '{"team": "harbour", "tags": ["pier", "spring"], "year": 2026, "open": true}'
    )
    world.oss.put("other.txt", "The pier is closed in winter.")
    for name in ("plan.txt", "other.txt"):
        world.converge(name)
    conditions: tuple[dict[str, Any], ...] = (
        {"eq": {"metadata.team": "harbour"}},
        {"contains": {"metadata.tags": "pier"}},
        {"gte": {"metadata.year": 2026}},
        {"eq": {"metadata.open": True}},
        {"exists": "metadata.team"},
        {"in": {"metadata.team": ["harbour", "office"]}},
    )
    for condition in conditions:
        assert [hit.key for hit in world.ask("pier", filter=condition)] == ["plan.txt"], condition
    world.dashscope.reset()
    world.oss.put("plan.txt.metadata.json", '{"team": "office"}')
    event = ObjectEvent(world.key("plan.txt.metadata.json"), "ObjectCreated:PutObject")
    (result,) = world.ingestion.handle([event], soon())
    assert isinstance(result, Result)
    assert (result.key, result.outcome, result.embedded) == ("plan.txt", Outcome.INDEXED, 0)
    assert world.dashscope.usage()["calls"] == 0
    assert world.ask("pier", filter={"eq": {"metadata.team": "harbour"}}) == []
    assert [hit.metadata for hit in world.ask("pier", top_k=1)] == [{"team": "office"}]
    assert world.document("plan.txt.metadata.json") is None


def test_a_reconcile_sees_that_metadata_went(world: World) -> None:
    world.oss.put("plan.txt", "The pier is rebuilt in spring.")
    time.sleep(1.1)  # the bucket's clock ticks in seconds
    world.oss.put("plan.txt.metadata.json", '{"team": "harbour"}')
    world.converge("plan.txt")
    assert world.ingestion.reconcile(soon()).stale == ()
    world.oss.remove("plan.txt.metadata.json")
    assert world.ingestion.reconcile(soon()).stale == ("plan.txt",)
    assert world.ask("pier", filter={"exists": "metadata.team"}) == []


def test_metadata_in_an_objects_headers_filters_too(world: World) -> None:
    world.oss.put("head.txt", "The crane lifts forty tons.", **{"x-oss-meta-team": "crane"})
    world.converge("head.txt")
    hits = world.ask("crane", filter={"eq": {"metadata.team": "crane"}})
    assert [hit.metadata for hit in hits] == [{"team": "crane"}]


BROKEN_METADATA = ["", "[1]", '{"a": {"deep": 1}}', '{"a b": 1}', '{"a": "' + "x" * 20_000 + '"}', "{" * 9_000]


@pytest.mark.parametrize("broken", BROKEN_METADATA, ids=range(len(BROKEN_METADATA)))
def test_metadata_that_cannot_be_read_is_a_failure_with_its_reason(world: World, broken: str) -> None:
    world.oss.put("plan.txt", "The pier is rebuilt in spring.")
    world.oss.put("plan.txt.metadata.json", broken)
    result = world.converge("plan.txt")
    assert result.failure is not None
    assert result.failure.code == "broken_metadata"
    world.oss.put("plan.txt.metadata.json", "{}")
    assert world.converge("plan.txt").outcome is Outcome.INDEXED


@pytest.mark.every_milvus
def test_modes_find_what_they_should(world: World, keywords: None) -> None:
    world.oss.put("cats.txt", "The cat sleeps on the warm windowsill all afternoon.")
    world.oss.put("tax.txt", "Form XJ-900 must reach the office before April.")
    for name in ("cats.txt", "tax.txt"):
        world.converge(name)
    assert world.ask("Form XJ-900", mode=Mode.KEYWORD)[0].key == "tax.txt"
    assert world.ask("猫在哪里睡觉？", mode=Mode.DENSE)[0].key == "cats.txt"
    assert world.ask("猫在哪里睡觉？")[0].key == "cats.txt"
    assert world.ask("Form XJ-900")[0].key == "tax.txt"
    assert [hit.key for hit in world.ask("cat", filter={"eq": {"key": "tax.txt"}})] == ["tax.txt"]
    assert world.ask("cat", top_k=1)[0].location == Location(start=0, end=52)


@pytest.mark.every_milvus
def test_a_milvus_without_words_answers_by_meaning_and_says_so(world: World, milvus_version: tuple[int, int]) -> None:
    world.oss.put("cats.txt", "The cat sleeps on the warm windowsill all afternoon.")
    world.converge("cats.txt")
    found = world.found("猫在哪里睡觉？", mode=Mode.HYBRID)
    assert [hit.key for hit in found.hits] == ["cats.txt"]
    if milvus_version >= (2, 5):
        assert found.mode is Mode.HYBRID
    else:
        assert found.mode is Mode.DENSE
        with pytest.raises(RequestError, match=r"keywords_unsupported.*2\.5"):
            world.found("cat", mode=Mode.KEYWORD)


def test_a_bucket_that_falls_silent_costs_its_timeout_and_no_more(oss: Oss) -> None:
    oss.put("a.txt", "Text.")
    with ForgetfulProxy(oss.endpoint) as proxy:
        bucket = Bucket(oss.settings(endpoint=proxy.address, timeout=1.0))
        assert bucket.state(bucket.key("a.txt"), soon())
        proxy.forget()
        started = time.monotonic()
        with pytest.raises(TransientError, match="oss_unavailable"):
            bucket.state(bucket.key("a.txt"), Deadline.after(0.5))
        assert time.monotonic() - started < 15  # the SDK's own time limit is longer


def test_an_object_that_drips_costs_no_more_than_the_time_there_is(world: World, oss: Oss, tmp_path: Path) -> None:
    """Each byte comes in time for the read timeout, the whole would take minutes."""
    oss.put("drips.txt", "A drop. " * 2_000)
    bucket = Bucket(oss.settings())
    state = bucket.state(bucket.key("drips.txt"), soon())
    assert state is not None
    oss.fail({"fault": "slow", "seconds": 300, "match": {"method": "GET", "key": "drips.txt"}})
    started = time.monotonic()
    with pytest.raises(TransientError) as caught:
        bucket.download(state, tmp_path / "object", 1 << 20, Deadline.after(4))
    assert caught.value.code == "deadline_exceeded"
    assert time.monotonic() - started < 150


FILM = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41"


@pytest.mark.parametrize("name", ["film.mp4", "film.txt", "film"])
def test_a_large_file_that_no_parser_reads_is_not_downloaded(world: World, name: str, monkeypatch: Any) -> None:
    world.oss.put(name, FILM + bytes(4 << 20))
    monkeypatch.setattr(Bucket, "download", lambda *_: pytest.fail("the film was downloaded"))
    failure = world.converge(name).failure
    assert failure is not None
    assert failure.code in ("unsupported_format", "format_mismatch")
    assert "film" in failure.message


def test_the_head_of_an_object_is_a_ranged_read_of_its_version(world: World) -> None:
    world.oss.put("a.txt", "0123456789" * 10_000)
    bucket = Bucket(world.oss.settings())
    state = bucket.state(world.key("a.txt"), soon())
    assert state is not None
    assert bucket.read_head(state, 15, soon()) == b"012345678901234"
    world.oss.put("a.txt", "Another version.")
    with pytest.raises(ChangedError):
        bucket.read_head(state, 15, soon())


def test_a_large_document_is_still_read_whole(world: World) -> None:
    content = "\n\n".join(f"Paragraph {i} is about subject {i * 13}." for i in range(3_000))
    assert len(content) > 1 << 16
    world.oss.put("large.txt", content)
    assert world.converge("large.txt").outcome is Outcome.INDEXED


def reconcile_at_once(ingestions: list[Ingestion]) -> list[Report]:
    with ThreadPoolExecutor(len(ingestions)) as pool:
        return list(pool.map(lambda ingestion: ingestion.reconcile(Deadline.after(300)), ingestions))


@pytest.mark.every_milvus
@pytest.mark.parametrize(("documents", "paragraphs"), [(2, 300), (40, 8)])
def test_two_reconciles_side_by_side_bill_each_chunk_once(world: World, documents: int, paragraphs: int) -> None:
    for i in range(documents):
        text = "\n\n".join(f"Document {i} says in paragraph {j} that {i * j} is a number." for j in range(paragraphs))
        world.oss.put(f"{i}.txt", text)
    world.dashscope.tune(latency_ms=50)
    settings = IngestionSettings(chunk_tokens=64)
    reports = reconcile_at_once(
        [Ingestion(Bucket(world.oss.settings()), world.embedder, world.store, settings) for _ in range(2)]
    )
    assert all(report.unfinished == () and report.left == 0 for report in reports)
    chunks = sum(len(world.texts(f"{i}.txt")) for i in range(documents))
    assert chunks > documents
    assert world.dashscope.usage()["rows"] <= 1.05 * chunks


def test_the_credentials_of_the_invocation_are_used_and_else_those_of_the_environment(world: World) -> None:
    world.oss.put("a.txt", "Text.")
    expired = Bucket(world.oss.settings(security_token=Secret("local.old.1")))
    with pytest.raises(TransientError, match="oss_credentials_expired"):
        expired.state(world.key("a.txt"), soon())
    fresh = Credentials(Secret("STS.1"), Secret("secret"), Secret(f"local.new.{int(time.time()) + 3_600}"))
    with use_credentials(fresh):
        assert expired.state(world.key("a.txt"), soon()) is not None
    with pytest.raises(TransientError, match="oss_credentials_expired"):
        expired.state(world.key("a.txt"), soon())


def test_credentials_that_expire_in_the_middle_of_a_document_cost_nothing(world: World, caplog: Any) -> None:
    world.oss.put("a.txt", ENGLISH)
    tokens = [f"local.{name}.{int(time.time()) + 3_600}" for name in ("first", "second")]

    # The first token expires when the first chunks are written.
    write = world.store.chunks.write

    def expire(*arguments: Any) -> None:
        write(*arguments)
        world.oss.expire(tokens[0])

    world.store.chunks.write = expire  # type: ignore[method-assign,assignment]
    event = ObjectEvent(world.key("a.txt"), "ObjectCreated:PutObject")
    with caplog.at_level("DEBUG"):
        first, second = (Credentials(Secret("STS.1"), Secret("hidden-secret"), Secret(token)) for token in tokens)
        with use_credentials(first), pytest.raises(TransientError, match="oss_credentials_expired"):
            world.ingestion.handle([event], soon())
        billed = world.dashscope.usage()["rows"]
        with use_credentials(second):
            (result,) = world.ingestion.handle([event], soon())
    assert isinstance(result, Result)
    assert result.outcome is Outcome.UNCHANGED
    assert world.dashscope.usage()["rows"] == billed == result.chunks
    assert not any(word in f"{vars(entry)}" for entry in caplog.records for word in (*tokens, "hidden-secret"))


def test_an_event_about_a_folder_is_acknowledged(world: World) -> None:
    world.oss.put("reports/", "")
    (result,) = world.ingestion.handle([ObjectEvent(world.key("reports/"), "ObjectCreated:PutObject")], soon())
    assert isinstance(result, Result)
    assert result.outcome is Outcome.IGNORED
    assert world.document("reports/") is None


def link(world: World, name: str, target: str) -> None:
    """Put a symbolic link, which leads to another object."""
    client = Bucket(world.oss.settings())._client
    client.put_symlink(PutSymlinkRequest(bucket=world.oss.bucket, key=name, symlink_target=target))


def test_a_symbolic_link_is_indexed_once_and_a_reconcile_finds_nothing_to_do(world: World) -> None:
    world.oss.put("handbook.md", ENGLISH)
    link(world, "link.md", "handbook.md")
    first = world.ingestion.reconcile(soon())
    assert set(first.stale) == {"handbook.md", "link.md"}
    assert world.texts("link.md") == world.texts("handbook.md") != []
    calls = world.dashscope.usage()
    for _ in range(2):
        again = world.ingestion.reconcile(soon())
        assert (again.stale, again.results, again.orphaned) == ((), (), ())
    assert world.converge("link.md").outcome is Outcome.UNCHANGED
    assert world.dashscope.usage() == calls


def test_a_symbolic_link_follows_its_target(world: World) -> None:
    for name in ("target.md", *(f"other{n}.md" for n in range(8))):
        world.oss.put(name, "The first words.")
    link(world, "link.md", "target.md")
    world.ingestion.reconcile(soon())
    world.oss.put("target.md", "Other words, and more of them.")
    world.ingestion.reconcile(soon())
    assert world.texts("link.md") == ["Other words, and more of them."]
    world.oss.remove("target.md")
    for _ in range(2):
        world.ingestion.reconcile(soon())
    assert world.document("link.md") is None
    assert world.texts("link.md") == []


@pytest.mark.parametrize("target", ["nothing.md", "other.md"])
def test_a_symbolic_link_that_leads_to_no_object_is_no_document(world: World, target: str) -> None:
    world.oss.put("handbook.md", "Some words.")
    link(world, "other.md", "handbook.md")
    link(world, "link.md", target)
    report = world.ingestion.reconcile(soon())
    assert not report.unfinished
    assert world.converge("link.md").outcome is Outcome.UNCHANGED
    assert world.document("link.md") is None
    assert world.ingestion.reconcile(soon(), dry_run=True).stale == ()


def test_links_among_many_objects_are_indexed_with_them(world: World) -> None:
    """Events of several objects are converged together, by listings."""
    names = [f"doc{n}.md" for n in range(6)]
    for name in names:
        world.oss.put(name, f"The words of {name}.")
        link(world, f"to-{name}", name)
    links = [f"to-{name}" for name in names]
    events = [ObjectEvent(world.key(name), "ObjectCreated:PutSymlink") for name in [*names, *links]]
    world.ingestion.handle(events, soon())
    assert [world.texts(name) for name in links] == [[f"The words of {name}."] for name in names]
    assert world.ingestion.reconcile(soon(), dry_run=True).stale == ()
