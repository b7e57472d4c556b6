"""Writing by a chat model, through the real SDK against the emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shared.domain.catalog import ANSWER_MODELS
from shared.domain.errors import ConfigurationError, PlatformError
from shared.domain.models import Location, SearchHit
from shared.embedding.dashscope import DashScopeClient
from shared.embedding.writer import Draft, Writer
from shared.retrieval.prompting import NO_ANSWER, Turn, ask, ask_rewriting
from shared.runtime.retrying import Deadline
from shared.runtime.settings import AnswerSettings

if TYPE_CHECKING:
    from tests.conftest import DashScope

QUERY = "How much may a hotel room in Shanghai cost?"
TEXTS = ("Bread rises slowly. The oven is hot.", "A hotel room in Shanghai may cost 650 yuan a night. Meals are extra.")


def hit(text: str, **fields: Any) -> SearchHit:
    values: dict[str, Any] = {"id": f"{len(text):032x}", "score": 0.9, "document_id": "d", "bucket": "b"} | fields
    return SearchHit(text=text, key="rules.md", title=values.pop("title", "Rules"), location=Location(), **values)


def soon() -> Deadline:
    return Deadline.after(40)


def writer(dashscope: DashScope, model: str = "qwen3.7-flash", **changes: Any) -> Writer:
    answers = {name: changes.pop(name) for name in ("timeout", "max_tokens") if name in changes}
    settings = dashscope.settings(**changes)
    return Writer(
        settings, AnswerSettings(model_name=model, **answers), DashScopeClient(settings), ANSWER_MODELS[model]
    )


def write(ours: Writer, draft: Draft | None = None, query: str = QUERY) -> str:
    return "".join(ours.write(ask(query, [*map(hit, TEXTS)]), soon(), draft or Draft()))


@pytest.mark.parametrize("model", sorted(ANSWER_MODELS))
def test_every_model_is_called_at_its_address_without_thinking_and_billed_by_its_prices(
    dashscope: DashScope, model: str
) -> None:
    draft = Draft()
    text = write(writer(dashscope, model), draft)
    assert "“A hotel room in Shanghai may cost 650 yuan a night.” [2]" in text
    assert "extractive model" in text
    usage = dashscope.usage()
    expected = {"model": model, "streams": True, "thinks": False, "max_tokens": 800, "messages": 2}
    assert expected.items() <= usage["requests"][-1].items()
    assert (draft.usage.tokens, draft.usage.calls) == (usage["tokens"], 1)
    prices = ANSWER_MODELS[model]
    read = draft.usage.tokens - draft.output_tokens
    assert draft.usage.cost_cny == pytest.approx(prices.cost(read, draft.output_tokens))
    assert draft.output_tokens > 0


def test_text_arrives_in_pieces(dashscope: DashScope) -> None:
    pieces = list(writer(dashscope).write(ask(QUERY, [*map(hit, TEXTS)]), soon(), Draft()))
    assert len(pieces) > 3


def test_what_no_source_answers_is_marked(dashscope: DashScope) -> None:
    assert "".join(writer(dashscope).write(ask("?", []), soon(), Draft())) == NO_ANSWER


def test_a_follow_up_is_completed_by_what_was_asked_before(dashscope: DashScope) -> None:
    messages = ask_rewriting("And in Beijing?", [Turn("user", QUERY), Turn("assistant", "650 yuan.")])
    text = "".join(writer(dashscope).write(messages, soon(), Draft()))
    assert "hotel room" in text
    assert "Beijing" in text


def test_a_text_that_is_too_long_is_cut_and_marked_so(dashscope: DashScope) -> None:
    draft = Draft()
    ours = writer(dashscope)
    text = "".join(ours.write(ask(QUERY, [*map(hit, TEXTS)]), soon(), draft, 5))
    assert draft.is_cut
    assert 0 < draft.output_tokens <= 5
    assert text


def test_a_name_of_a_file_in_a_query_uploads_nothing(dashscope: DashScope, tmp_path: Any) -> None:
    file = tmp_path / "secret.txt"
    file.write_text("secret")
    assert "secret" not in write(writer(dashscope), query=str(file))


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        ({"fault": "status", "code": "Throttling.RateQuota"}, 0),
        ({"fault": "status", "code": "SystemError"}, 0),
        ({"fault": "html"}, 0),
        ({"fault": "null_output"}, 1),
    ],
)
def test_a_call_that_fails_before_it_begins_is_repeated(
    dashscope: DashScope, fault: dict[str, Any], calls: int
) -> None:
    dashscope.fail({**fault, "times": 1})
    assert "650 yuan" in write(writer(dashscope))
    assert dashscope.usage()["calls"] == calls + 1


@pytest.mark.parametrize("fault", ["reset", "lost_answer", "cut_body", "reset_body", "malformed_json", "missing_rows"])
def test_an_answer_that_breaks_off_is_an_error(dashscope: DashScope, fault: str) -> None:
    dashscope.fail({"fault": fault})
    with pytest.raises(PlatformError):
        write(writer(dashscope))


@pytest.mark.parametrize("fault", ["black_hole", "black_hole_body", "drip"])
def test_an_answer_that_never_ends_is_given_up(dashscope: DashScope, fault: str) -> None:
    dashscope.fail({"fault": fault})
    with pytest.raises(PlatformError):
        write(writer(dashscope, timeout=0.5))


def test_a_refused_content_is_an_error_and_not_repeated(dashscope: DashScope) -> None:
    dashscope.fail({"fault": "status", "code": "DataInspectionFailed"})
    with pytest.raises(PlatformError):
        write(writer(dashscope))
    assert dashscope.usage()["rejected"] == {"DataInspectionFailed": 1}


def test_a_call_that_might_cost_too_much_is_not_sent(dashscope: DashScope) -> None:
    with pytest.raises(ConfigurationError, match="cost_cap_reached"):
        write(writer(dashscope, max_cost=1e-6))
    assert dashscope.usage()["requests"] == []


def test_the_budget_holds_what_was_billed_and_no_more(dashscope: DashScope) -> None:
    draft = Draft()
    ours = writer(dashscope, max_cost=0.01)
    write(ours, draft)
    left = 0.01 - draft.usage.cost_cny
    ours._client.budget.reserve(left * 0.999)
    with pytest.raises(ConfigurationError):
        ours._client.budget.reserve(left * 0.002)


def test_a_reader_that_stops_early_leaves_nothing_reserved(dashscope: DashScope) -> None:
    draft = Draft()
    pieces = writer(dashscope, max_cost=0.01).write(ask(QUERY, [*map(hit, TEXTS)]), soon(), draft)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert draft.usage.calls == 1
    assert 0 < draft.usage.cost_cny < 0.001
