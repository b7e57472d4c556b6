"""Calls for text: read, limited, billed and answered as DashScope does, by an extractive model that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from local.dashscope.extracting import extract
from local.dashscope.refusal import Refusal, invalid
from shared.domain.catalog import ANSWER_MODELS, AnswerModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.dashscope.body import Body
    from local.dashscope.encoders import Encoder
    from local.dashscope.vocabulary import Vocabulary

_ROLES = ("system", "user", "assistant")
# Characters of one event of a stream.
_PIECE_CHARACTERS = 12


@dataclass(frozen=True)
class GenerationCall:
    """A well-formed request for text.

    Attributes:
        messages: role and text of each.
        streams: whether the answer comes as Server-Sent Events.
        is_incremental: whether each event holds what is new, and not all that was written so far.
    """

    model: AnswerModel
    messages: tuple[tuple[str, str], ...]
    max_tokens: int
    streams: bool
    is_incremental: bool
    thinks: bool

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything a fault may match."""
        return tuple(text for _, text in self.messages)

    @property
    def rows(self) -> int:
        """No text is embedded or ranked."""
        return 0

    def bill(self, vocabulary: Vocabulary) -> int:
        """Input tokens billed."""
        limit = self.model.input_tokens
        total = sum(vocabulary.count(text, limit) for text in self.texts)
        if total > limit:
            raise invalid(f"Range of input length should be [1, {limit}]")
        return total

    def work(self, encoder: Encoder, vocabulary: Vocabulary) -> dict[str, Any]:
        """The output of this call."""
        text = extract(self.messages, encoder, vocabulary)
        finish = "stop"
        while vocabulary.count(text, self.max_tokens) > self.max_tokens:
            text, finish = text[: len(text) * 3 // 4], "length"
        return {"choices": [self._choose(text, finish)]}

    def _choose(self, text: str, finish: str) -> dict[str, Any]:
        content = [{"text": text}] if self.model.is_multimodal else text
        return {"finish_reason": finish, "message": {"role": "assistant", "content": content}}

    def count(self, tokens: int, output: dict[str, Any], vocabulary: Vocabulary) -> dict[str, int]:
        """The usage of an answer with this output."""
        written = vocabulary.count(_read_content(output["choices"][0]["message"]["content"]), self.max_tokens)
        return {"input_tokens": tokens, "output_tokens": written, "total_tokens": tokens + written}

    def split(self, answer: dict[str, Any]) -> Iterator[bytes]:
        """The events that bring ``answer``, whatever is wrong with it."""
        choices = (answer["output"] or {}).get("choices")
        if not choices:
            yield _write_event(1, answer)
            return
        text, finish = _read_content(choices[0]["message"]["content"]), choices[0]["finish_reason"]
        starts = range(0, max(1, len(text)), _PIECE_CHARACTERS)
        for number, start in enumerate(starts, start=1):
            end = start + _PIECE_CHARACTERS
            shown = text[start:end] if self.is_incremental else text[:end]
            output = {"choices": [self._choose(shown, finish if end >= len(text) else "null")]}
            yield _write_event(number, {**answer, "output": output})

    def parameters(self) -> dict[str, Any]:
        """What a test may want to see of this call; not its texts."""
        wanted = {"streams": self.streams, "thinks": self.thinks, "max_tokens": self.max_tokens}
        return {"model": self.model.name, **wanted, "messages": len(self.messages)}


def _write_event(number: int, content: dict[str, Any]) -> bytes:
    return b"id:%d\nevent:result\n:HTTP_STATUS/200\ndata:%s\n\n" % (number, msgspec.json.encode(content))


def read_generation_call(body: Body, *, streams: bool, is_multimodal: bool) -> GenerationCall:
    """The call ``body`` asks for.

    Args:
        is_multimodal: whether it came to the address of models that read more than text.

    Raises:
        Refusal: the model is unknown or has another address, or a parameter is not what it takes.
    """
    model = ANSWER_MODELS.get(body.model)
    if model is None:
        raise Refusal("ModelNotFound")
    if model.is_multimodal is not is_multimodal:
        raise Refusal("InvalidParameter", "url error, please check url\uff01")
    asked = body.parameters
    max_tokens = asked.get("max_tokens", 2_000)
    if type(max_tokens) is not int or max_tokens < 1:
        raise invalid("Value error, max_tokens should be a positive integer: parameters.max_tokens")
    if streams and not asked.get("incremental_output") and asked.get("enable_thinking", True):
        raise invalid("parameter.incremental_output must be true when thinking: parameters.incremental_output")
    return GenerationCall(
        model=model,
        messages=_read_messages(body.input.get("messages")),
        max_tokens=max_tokens,
        streams=streams,
        is_incremental=bool(asked.get("incremental_output")),
        thinks=bool(asked.get("enable_thinking", model.is_multimodal)),
    )


def _read_messages(messages: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(messages, list) or not messages:
        raise invalid("Value error, messages should be a non-empty list: input.messages")
    read = []
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            raise invalid("Value error, role should be system, user or assistant: input.messages")
        read.append((str(message["role"]), _read_content(message.get("content"))))
    return tuple(read)


def _read_content(content: object) -> str:
    if isinstance(content, str):
        return content
    parts: list[Any] = content if isinstance(content, list) else [None]
    if all(isinstance(part, dict) and isinstance(part.get("text"), str) for part in parts):
        return "".join(part["text"] for part in parts)
    raise invalid("Value error, content should be a text or a list of texts: input.messages")
