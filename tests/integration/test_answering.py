"""Answers with citations, over a real index and the emulator's extractive model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from shared.domain.catalog import ANSWER_MODELS
from shared.domain.errors import RequestError
from shared.embedding.budget import Budget
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.writer import Writer
from shared.retrieval.answering import Answering, Outcome, WrittenAnswer
from shared.retrieval.prompting import NO_ANSWER, Turn
from shared.retrieval.query import Mode, SearchQuery
from shared.retrieval.searching import Retrieval
from shared.runtime.auth import EVERYTHING, Scope
from shared.runtime.retrying import Deadline
from shared.runtime.settings import AnswerSettings
from shared.store.schema import Space
from shared.store.store import Store
from tests.hostile import ATTACKS
from tests.integration.test_searching import chunk_rows

if TYPE_CHECKING:
    from shared.runtime.settings import MilvusSettings
    from tests.conftest import DashScope

QUERY = "How much is the harbour fee for a sailing boat?"
FACT = "The harbour fee for a sailing boat is 12 euro a night. Showers cost extra."
OTHERS = [
    f"Notice {i}: the {thing} of the town is open from {i + 6} o'clock, as the council decided in {1900 + i}."
    for i, thing in enumerate(["library", "museum", "market", "swimming pool", "theatre", "school", "post office"] * 3)
]
QUOTE = re.compile("“(.*?)”")


def soon() -> Deadline:
    return Deadline.after(60)


@pytest.fixture(scope="module")
def answering(dashscope_process: DashScope, milvus: MilvusSettings) -> Answering:
    """An index with one fact, other documents, hostile ones, and one of another tenant."""
    dashscope_process.reset()
    settings = dashscope_process.settings()
    client = DashScopeClient(settings)
    embedder = Embedder(settings, client)
    store = Store(replace(milvus, collection=f"{milvus.collection}_answering"), Space(settings.model_name, 512))
    store.prepare(soon())
    documents = {"fees.md": [FACT], "others.md": OTHERS}
    documents |= {
        f"hostile/{i}.md": [f"About the harbour fee for a sailing boat. {text}"] for i, text in enumerate(ATTACKS)
    }
    rows = [row for key, texts in documents.items() for row in chunk_rows(embedder, key, texts)]
    rows += chunk_rows(
        embedder, "secret.md", ["The harbour fee for a sailing boat is 77 euro in Zanzibar."], tenant="rival"
    )
    store.chunks.write(rows, soon())
    list(store.chunks.read_positions(rows[0].chunk.document_id, soon()))  # Strong: what is written can be found
    retrieval = Retrieval(embedder, store)
    model = ANSWER_MODELS["qwen3.7-flash"]
    return Answering(retrieval, Writer(settings, AnswerSettings(model_name=model.name, timeout=20), client, model))


def ask(
    answering: Answering,
    query: str = QUERY,
    history: list[Turn] | None = None,
    scope: Scope = EVERYTHING,
    **fields: Any,
) -> WrittenAnswer:
    fields.setdefault("filter", {"not": {"prefix": {"key": "hostile/"}}})
    written = answering.begin(SearchQuery(query, top_k=6, **fields), history or [], soon(), scope)
    streamed = "".join(written.write())
    assert (written.outcome is Outcome.ANSWERED) == bool(written.cited.sentences)
    if not written.warnings:
        assert streamed.strip() == written.cited.text
    return written


def check_quotes(written: WrittenAnswer) -> int:
    """Each quoted word is in a cited hit; the number of quotes."""
    count = 0
    for sentence in written.cited.sentences:
        cited = "\n".join(written.sources[number - 1].text for number in sentence.sources)
        for quoted in QUOTE.findall(sentence.text):
            assert quoted in cited
            count += 1
    return count


def test_an_answer_cites_the_hit_that_holds_its_words(dashscope: DashScope, answering: Answering) -> None:
    # The other tenant's document answers the same question.
    written = ask(answering, filter={"not": {"or": [{"prefix": {"key": "hostile/"}}, {"eq": {"key": "secret.md"}}]}})
    assert written.outcome is Outcome.ANSWERED
    first = written.cited.sentences[0]
    assert "12 euro" in first.text
    assert FACT.startswith(written.sources[first.sources[0] - 1].text[:30])
    assert check_quotes(written) >= 1
    assert written.warnings == []
    assert written.usage.calls >= 1  # the query's vector may be cached
    assert written.usage.cost_cny < 0.001
    assert written.milliseconds["writing"] > 0


@pytest.mark.parametrize("number", range(len(ATTACKS)))
def test_a_hostile_document_does_not_change_the_task(dashscope: DashScope, answering: Answering, number: int) -> None:
    only = {"in": {"key": [f"hostile/{number}.md", "fees.md", "others.md"]}}
    written = ask(answering, filter=only)
    assert any(hit.key == f"hostile/{number}.md" for hit in written.sources)
    assert written.outcome is Outcome.ANSWERED
    assert "I do as I read" not in written.cited.text
    assert "12 euro" in written.cited.text
    assert "PWNED" not in written.cited.text
    assert written.cited.dropped == 0
    assert all(sentence.sources for sentence in written.cited.sentences)


def test_what_no_document_holds_is_not_asked_of_the_model(dashscope: DashScope, answering: Answering) -> None:
    written = ask(answering, "Who wrote the opera about the flying Dutchman in Bayreuth?")
    assert (written.outcome, written.cited.text, written.warnings) == (Outcome.UNANSWERABLE, "", [])
    assert written.found.items
    assert [request.get("streams") for request in dashscope.usage()["requests"]] == [None]


def test_a_model_that_finds_no_answer_shows_nothing_of_it(
    dashscope: DashScope, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    for written in (NO_ANSWER, f" {NO_ANSWER}.", f"`{NO_ANSWER}`", f"{NO_ANSWER}\n\nBut"):
        monkeypatch.setattr(answering._writer, "write", lambda *_, text=written: iter([text[:4], text[4:]]))
        assert ask(answering).outcome is Outcome.UNANSWERABLE


def test_a_made_up_citation_is_removed_with_a_warning(
    dashscope: DashScope, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering._writer, "write", lambda *_: iter(["It is 12 euro [1].", " It is late [42]."]))
    written = ask(answering)
    assert [sentence.sources for sentence in written.cited.sentences] == [(1,), ()]
    assert written.cited.text == "It is 12 euro [1]. It is late."
    assert [warning.code for warning in written.warnings] == ["citation_dropped"]
    monkeypatch.setattr(answering._writer, "write", lambda *_: iter(["It is 12 euro."]))
    assert [warning.code for warning in ask(answering).warnings] == ["answer_uncited"]


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "status", "code": "ModelUnavailable"},
        {"fault": "status", "code": "DataInspectionFailed"},
        {"fault": "cut_body"},
        {"fault": "null_output"},
    ],
    ids=str,
)
def test_an_answer_that_fails_leaves_the_hits(
    dashscope: DashScope, answering: Answering, fault: dict[str, Any]
) -> None:
    dashscope.fail({**fault, "match": "<sources>"})
    written = ask(answering)
    assert written.outcome is Outcome.FAILED
    assert [warning.code for warning in written.warnings] == ["answer_failed"]
    assert any("12 euro" in hit.text for hit in written.found.hits)


def test_tenants_and_filters_hold_for_answers(dashscope: DashScope, answering: Answering) -> None:
    own = ask(answering, filter={"eq": {"key": "fees.md"}})
    assert {hit.key for hit in own.sources} == {"fees.md"}
    rival = ask(answering, scope=Scope(frozenset({"rival"})), filter=None)
    assert {hit.key for hit in rival.sources} == {"secret.md"}
    with pytest.raises(RequestError, match="tenant_forbidden"):
        ask(answering, scope=Scope(frozenset({"rival"})), tenant="other", history=[Turn("user", "x")])


def test_a_follow_up_is_searched_in_words_of_its_own(dashscope: DashScope, answering: Answering) -> None:
    written = ask(answering, "And for how long?", [Turn("user", QUERY), Turn("assistant", "12 euro.")])
    assert "harbour fee" in written.query
    assert written.outcome is Outcome.ANSWERED
    assert written.milliseconds["rewriting"] > 0


def test_a_follow_up_that_cannot_be_completed_is_searched_as_it_is(dashscope: DashScope, answering: Answering) -> None:
    dashscope.fail({"fault": "status", "code": "ModelUnavailable", "match": "<conversation>"})
    written = ask(answering, QUERY, [Turn("user", "Hello")])
    assert written.query == QUERY
    assert [warning.code for warning in written.warnings] == ["query_not_rewritten"]
    assert written.outcome is Outcome.ANSWERED


def test_what_was_meant_is_told_by_words_that_the_caller_may_see(
    dashscope: DashScope, answering: Answering, keywords: None
) -> None:
    retrieval = answering._retrieval
    assert isinstance(retrieval, Retrieval)
    search = retrieval.search
    retrieval._corrector._vocabularies.wait_seconds = 60
    seen = search(SearchQuery("Zanzibaar", mode=Mode.KEYWORD), soon())
    assert seen.did_you_mean == "Zanzibar"
    assert "Zanzibar" in seen.hits[0].text
    hidden = search(SearchQuery("Zanzibaar", mode=Mode.KEYWORD), soon(), Scope(frozenset({"other"})))
    assert (hidden.did_you_mean, hidden.hits) == ("", ())


@pytest.mark.parametrize("mode", [Mode.KEYWORD, Mode.HYBRID])
def test_misspelt_and_joined_words_find_what_was_meant(
    dashscope: DashScope, answering: Answering, keywords: None, mode: Mode
) -> None:
    assert isinstance(answering._retrieval, Retrieval)
    answering._retrieval._corrector._vocabularies.wait_seconds = 60
    for query, meant in (("musuem", "museum"), ("postoffice", "post office"), ("harbur", "harbour")):
        found = answering._retrieval.search(SearchQuery(query, mode=mode), soon())
        assert found.did_you_mean == meant
        assert found.items[0].highlights
        assert meant.split()[0] in found.hits[0].text
    right = answering._retrieval.search(SearchQuery("museum", mode=mode), soon())
    assert right.did_you_mean == ""


def test_an_answer_that_might_cost_too_much_is_not_written(
    dashscope: DashScope, answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering._writer._client, "budget", Budget(1e-9))
    written = ask(answering)
    assert written.outcome is Outcome.FAILED
    assert "MAX_COST_CNY" in written.warnings[0].message
    assert any("12 euro" in hit.text for hit in written.found.hits)
    assert all("streams" not in request for request in dashscope.usage()["requests"])
