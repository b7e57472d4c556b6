"""``POST /answer`` and the tool ``answer``: sentences with citations, written by a chat model. Off by default."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response

from functions.search import mcp
from functions.search.answer_shapes import AnswerRequest, AnswerResponse, AnswerToolRequest, render_answer
from functions.search.shapes import convert, read_filter
from shared.domain.errors import NotFoundError
from shared.runtime.request import deadline, read_body, request_id, scope
from shared.runtime.responses import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask import Flask

    from shared.domain.catalog import AnswerModel
    from shared.retrieval.answering import Answering, WrittenAnswer

log = logging.getLogger(__name__)

PATH = "/answer"
_EVENTS = "text/event-stream"
# Tokens of an answer as it usually is: of six chunks, and of a few sentences.
_USUAL_INPUT_TOKENS, _USUAL_OUTPUT_TOKENS = 2_500, 300


class Answers:
    """The route and the tool; ``answering`` is ``None`` where answers are off."""

    def __init__(self, answering: Answering | None) -> None:
        self._answering = answering

    def register(self, app: Flask) -> None:
        """Add the route."""
        app.post(PATH)(self.answer)

    def answer(self) -> Response:
        """An answer to a query, as a stream or whole."""
        asked = read_body(AnswerRequest)
        written = self._begin(asked)
        if asked.stream:
            events = self._send(written, request_id())
            return Response(events, mimetype=_EVENTS, headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        return answer(self._finish(written, request_id()))

    def describe_tools(self) -> list[mcp.Tool]:
        """The tool for language models, where answers are on."""
        if self._answering is None:
            return []
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
                self._call_tool,
                _render_text,
            )
        ]

    def _begin(self, asked: AnswerRequest) -> WrittenAnswer:
        if self._answering is None:
            raise NotFoundError("answers_off", "Answers are switched off here: ANSWER_MODEL is not set.")
        return self._answering.begin(asked.to_query(), asked.to_turns(), deadline(), scope())

    def _finish(self, written: WrittenAnswer, id_: str) -> AnswerResponse:
        for _ in written.write():
            pass
        return self._render(written, id_)

    def _render(self, written: WrittenAnswer, id_: str) -> AnswerResponse:
        return render_answer(written, self._answering.model if self._answering else "", id_)

    def _send(self, written: WrittenAnswer, id_: str) -> Iterator[bytes]:
        try:
            for text in written.write():
                yield _write_event("token", {"text": text})
            yield _write_event("answer", self._render(written, id_))
        except Exception:
            # The status is sent already, so the stream itself has to say it.
            log.exception("request_crashed")
            message = "The request could not be handled; the log says why."
            yield _write_event("error", {"error": {"code": "internal_error", "message": message, "request_id": id_}})

    def _call_tool(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if isinstance(arguments.get("filter"), str):
            arguments = {**arguments, "filter": read_filter(arguments["filter"])}
        asked: AnswerToolRequest = convert(arguments, AnswerToolRequest, from_text=True)
        return dict(self._finish(self._begin(asked.to_request()), request_id()))


def describe_model(model: AnswerModel | None) -> dict[str, Any]:
    """What ``/healthz`` shows: the model and the usual price of an answer; nothing where answers are off."""
    if model is None:
        return {}
    cost = model.cost(_USUAL_INPUT_TOKENS, _USUAL_OUTPUT_TOKENS)
    return {"answer": {"model": model.name, "usual_cost_cny": round(cost, 6)}}


def _write_event(name: str, content: Any) -> bytes:
    # JSON holds no line break, so one line of data is enough.
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(content))


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
