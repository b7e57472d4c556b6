"""What is assumed of the chat models: streams, thinking, lengths, addresses, bills."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from ops.verification.assumption import Assumption, expect
from ops.verification.dashscope.wire import MULTIMODAL, TEXT
from shared.domain.catalog import ANSWER_MODELS
from shared.embedding import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.verification.dashscope.wire import Reply, Wire
    from shared.domain.catalog import AnswerModel

_PROMPT: Final = "Write the numbers from one to twelve as English words, separated by commas, and nothing else."
_MOST_TOKENS: Final = 120
_FEW_TOKENS: Final = 5
# Roles and borders of a message are billed too.
_EXTRA_TOKENS: Final = 64
_UNFINISHED: Final = ("", "null", None)


def list_answers(wire: Wire) -> Iterator[Assumption]:
    """The assumptions about each model of the catalog."""
    for model in ANSWER_MODELS.values():

        def assume(subject: str, sentence: str, check: Any, model: AnswerModel = model) -> Assumption:
            return Assumption(f"dashscope.{subject}[{model.name}]", sentence, partial(check, wire, model))

        yield assume(
            "answer_stream",
            "With incremental_output each event holds only what is new, the last one says stop and the usage.",
            _check_stream,
        )
        yield assume("answer_thinking", "enable_thinking false switches thinking off.", _check_thinking)
        yield assume("answer_length", "max_tokens ends an answer, which then says length.", _check_length)
        other = "address for text alone" if model.is_multimodal else "multimodal address"
        yield assume("answer_address", f"The {other} refuses it.", _check_address)


def _generate(wire: Wire, model: AnswerModel, most_tokens: int, *, is_multimodal: bool | None = None) -> Reply:
    multimodal = model.is_multimodal if is_multimodal is None else is_multimodal
    content: Any = [{"text": _PROMPT}] if multimodal else _PROMPT
    parameters = {"max_tokens": most_tokens, "incremental_output": True, "enable_thinking": False, "temperature": 0.1}
    body = {
        "model": model.name,
        "input": {"messages": [{"role": "user", "content": content}]},
        "parameters": parameters if multimodal else {**parameters, "result_format": "message"},
    }
    # Thinking, should it not be off, is written and billed too: ten times the answer bounds it.
    most = model.cost(tokens.bound(_PROMPT) + _EXTRA_TOKENS, 10 * most_tokens)
    price = partial(_price, model)
    return wire.send(MULTIMODAL if multimodal else TEXT, body, most, price, streams=True)


def _price(model: AnswerModel, usage: dict[str, Any]) -> float:
    return model.cost(int(usage["input_tokens"]), int(usage["output_tokens"]))


def _pieces(reply: Reply) -> list[str]:
    events = reply.require().events
    expect(events, "it has no event")
    choices = [choice for event in events for choice in event["output"]["choices"]]
    return [_read_text(choice["message"].get("content")) for choice in choices]


def _read_text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(str(part.get("text") or "") for part in content or ())


def _finish(reply: Reply) -> str:
    reasons = [choice.get("finish_reason") for event in reply.events for choice in event["output"]["choices"]]
    return str(next((reason for reason in reversed(reasons) if reason not in _UNFINISHED), ""))


def _check_stream(wire: Wire, model: AnswerModel) -> str:
    reply = _generate(wire, model, _MOST_TOKENS)
    pieces = [piece for piece in _pieces(reply) if piece]
    expect(len(pieces) > 1, f"the answer came in {len(pieces)} event")
    repeats = all(later.startswith(earlier) for earlier, later in pairwise(pieces))
    expect(not repeats, "each event repeats what was written before")
    expect(_finish(reply) == "stop", f"it ended with {_finish(reply)!r}")
    usage = reply.events[-1].get("usage") or {}
    counts = [usage.get("input_tokens"), usage.get("output_tokens")]
    expect(all(isinstance(count, int) and count > 0 for count in counts), f"its usage is {counts}")
    expect(reply.events[-1].get("request_id"), "it has no request_id")
    return f"{len(pieces)} events, tokens {counts}"


def _check_thinking(wire: Wire, model: AnswerModel) -> str:
    reply = _generate(wire, model, _MOST_TOKENS).require()
    choices = [choice for event in reply.events for choice in event["output"]["choices"]]
    thoughts = "".join(str(choice["message"].get("reasoning_content") or "") for choice in choices)
    expect(not thoughts, f"{len(thoughts)} characters of thoughts came too")
    return ""


def _check_length(wire: Wire, model: AnswerModel) -> str:
    reply = _generate(wire, model, _FEW_TOKENS).require()
    expect(_finish(reply) == "length", f"an answer of {_FEW_TOKENS} tokens at most ended with {_finish(reply)!r}")
    return ""


def _check_address(wire: Wire, model: AnswerModel) -> str:
    reply = _generate(wire, model, _FEW_TOKENS, is_multimodal=not model.is_multimodal)
    if reply.status == 200:
        expect(any("code" in event for event in reply.events), "it is served there too")
    else:
        expect(reply.status == 400, f"it is answered with {reply.describe()}")
    return ""
