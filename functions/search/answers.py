"""``POST /answer`` and the tool ``answer``: sentences with citations, written by a chat model. Off by default."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response

from functions.search import mcp
from functions.search.arguments import convert
from shared.domain.errors import NotFoundError
from shared.runtime.request import deadline, read_body, request_id, scope
from shared.runtime.responses import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from functions.search.answer_shapes import AnswerRequest, AnswerResponse
    from shared.domain.catalog import AnswerModel
    from shared.embedding.dashscope import DashScopeClient
    from shared.retrieval.answering import Answering, WrittenAnswer
    from shared.retrieval.current import CurrentRetrieval
    from shared.runtime.settings import SearchSettings

log = logging.getLogger(__name__)

PATH = "/answer"
_EVENTS = "text/event-stream"
# U+0085, U+2028 and U+2029 in UTF-8.
_LINE_BREAK = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
# Tokens of an answer as it usually is: of six chunks, and of a few sentences.
_USUAL_INPUT_TOKENS, _USUAL_OUTPUT_TOKENS = 2_500, 300


class Answers:
    """The route and the tool; ``answering`` is ``None`` where answers are off, and no module of them is imported."""

    def __init__(self, answering: Answering | None) -> None:
        self._answering = answering

    def register(self, app: Flask) -> None:
        """Add the route."""
        app.post(PATH)(self.answer)

    def answer(self) -> Response:
        """An answer to a query, as a stream or whole."""
        if self._answering is None:
            raise NotFoundError("answers_off", "Answers are switched off here: ANSWER_MODEL is not set.")
        from functions.search.answer_shapes import AnswerRequest

        asked = read_body(AnswerRequest)
        written = _begin(self._answering, asked)
        if asked.stream:
            events = self._send(written, request_id())
            return Response(events, mimetype=_EVENTS, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        return answer(self._finish(written, request_id()))

    def describe_tools(self) -> list[mcp.Tool]:
        """The tool for language models, where answers are on."""
        if self._answering is None:
            return []
        from functions.search.answer_shapes import AnswerToolRequest

        objects = {"type": "array", "items": {"type": "object"}}
        return [
            mcp.Tool(
                "answer",
                "Answer a question",
                "A short answer from the documents, each sentence with the chunks it rests on; a model writes it, so "
                "it costs more than search.",
                AnswerToolRequest,
                {
                    "answer": {"type": "string"},
                    "outcome": {"type": "string", "enum": ["answered", "unanswerable", "failed"]},
                    "sentences": objects,
                    "citations": objects,
                    "hits": objects,
                },
                partial(self._call_tool, self._answering),
                _render_text,
            )
        ]

    def _finish(self, written: WrittenAnswer, id_: str) -> AnswerResponse:
        for _ in written.write():
            pass
        return self._render(written, id_)

    def _render(self, written: WrittenAnswer, id_: str) -> AnswerResponse:
        from functions.search.answer_shapes import render_answer

        return render_answer(written, self._answering.model if self._answering else "", id_)

    def _send(self, written: WrittenAnswer, id_: str) -> Iterator[bytes]:
        try:
            for text in written.write():
                yield write_event("token", {"text": text})
            yield write_event("answer", self._render(written, id_))
        except Exception:
            # The status is sent already, so the stream itself has to say it.
            log.exception("request_crashed")
            message = "The request could not be handled; the log says why."
            yield write_event("error", {"error": {"code": "internal_error", "message": message, "request_id": id_}})

    def _call_tool(self, answering: Answering, arguments: dict[str, Any]) -> dict[str, Any]:
        from functions.search.answer_shapes import AnswerToolRequest

        asked: AnswerToolRequest = convert(arguments, AnswerToolRequest, from_text=True)
        return dict(self._finish(_begin(answering, asked.to_request()), request_id()))


def build(settings: SearchSettings, client: DashScopeClient, retrieval: CurrentRetrieval) -> Answering | None:
    """What answers; ``None`` where answers are off: then a cold start does not pay for their modules."""
    model = settings.answer.model
    if model is None:
        return None
    from shared.embedding.writer import Writer
    from shared.retrieval.answering import Answering

    return Answering(retrieval, Writer(settings.dashscope, settings.answer, client, model))


def _begin(answering: Answering, asked: AnswerRequest) -> WrittenAnswer:
    return answering.begin(asked.to_query(), asked.to_turns(), deadline(), scope())


def describe_model(model: AnswerModel | None) -> dict[str, Any]:
    """What ``/healthz`` shows: the model and the usual price of an answer; nothing where answers are off."""
    if model is None:
        return {}
    cost = model.cost(_USUAL_INPUT_TOKENS, _USUAL_OUTPUT_TOKENS)
    return {"answer": {"model": model.name, "usual_cost_cny": round(cost, 6)}}


def write_event(name: str, content: Any) -> bytes:
    """A Server-Sent Event with JSON in one line of data.

    JSON escapes the line breaks of ASCII only. Some clients, httpx among them, end lines at those of Unicode too.
    """
    data = _LINE_BREAK.sub(lambda found: b"\\u%04x" % ord(found[0].decode()), msgspec.json.encode(content))
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


_NO_ANSWER = "The documents do not answer the question."


def _render_text(found: dict[str, Any]) -> str:
    sources = [
        f"[{cited['number']}] {cited['document']['title']} ({cited['document']['key']}; chunk {cited['id']})"
        for cited in found["citations"]
    ]
    if found["outcome"] == "answered":
        return "\n\n".join([found["answer"], *(["\n".join(sources)] if sources else [])])
    nearest = [f"{hit['document']['title']} ({hit['document']['key']}):\n{hit['text']}" for hit in found["hits"]]
    reasons = [warning.message for warning in found["warnings"]] if found["outcome"] == "failed" else [_NO_ANSWER]
    return "\n\n".join([*reasons, *nearest])
