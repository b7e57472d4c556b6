"""DashScope, which Alibaba Cloud also calls Model Studio: the one file that imports its SDK.

One method makes one call, with its timeout, and returns a checked `Answer` of our own types; the SDK's response stays
here. What to send, when, and whether to repeat it is decided by the callers (`calls`, `embedder`, `reranker`). To add a
kind of model, add a method that makes the request and a function that parses its output.

The SDK's multimodal classes upload a local file where a part, even one of text, names one (its module `oss_utils`). A
text of a user may do that, so this client never uploads: calls with parts pass their texts through `protect_texts`,
and whatever would upload all the same is refused. Files are sent as data in the request.
"""

from __future__ import annotations

import logging
import os.path
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from shared.domain.errors import InternalError
from shared.embedding.budget import Budget
from shared.embedding.chat import Piece, parse_piece
from shared.embedding.failures import MalformedError, Rejection, UnreachableError, interpret
from shared.embedding.outputs import parse_embeddings, parse_relevance
from shared.embedding.pictures import as_data_url, parse_picture_text, split_tokens
from shared.embedding.results import Answer
from shared.runtime import clock, tracing
from shared.runtime.settings.addresses import name_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import requests

    from shared.domain.catalog import AnswerModel, VisionModel
    from shared.domain.models import Embedding, Picture
    from shared.embedding.chat import Message
    from shared.embedding.parameters import EmbeddingParameters
    from shared.embedding.pictures import PictureText, Prompt
    from shared.runtime.settings import DashScopeSettings

log = logging.getLogger(__name__)

Content = TypeVar("Content")

_CONNECT_SECONDS = 3.05
_MESSAGE_LIMIT = 300
# What the SDK takes for the address of a file, whether there is one or not.
_FILE_STARTS = ("file://", "oss://")
# A low temperature, because an answer shall repeat what its sources say.
_WRITING = {"stream": True, "incremental_output": True, "enable_thinking": False, "temperature": 0.1}
# Connections beyond those of embedding, for queries and for reranking.
_MORE_CONNECTIONS = 32


class DashScopeClient:
    """A client of DashScope's SDK: thread-safe, one per process.

    Args:
        budget: that of another client of the process, if there is one.

    Attributes:
        budget: what all calls of the process together may cost.
    """

    def __init__(self, settings: DashScopeSettings, budget: Budget | None = None) -> None:
        self.budget = budget or Budget(settings.max_cost)
        self._settings = settings

    def warm_up(self) -> None:
        """Import the SDK and open its session now, so that the first request does not wait for it."""
        import dashscope.embeddings  # noqa: F401 - late: half a second of every cold start

        _forbid_uploads()
        _ = self._session

    def embed(
        self, texts: Sequence[str], parameters: EmbeddingParameters, seconds: float
    ) -> Answer[tuple[Embedding, ...]]:
        """Call the embedding model; the content has one embedding for each text, in input order.

        Raises:
            PlatformError: as `_call`.
        """
        from dashscope.embeddings import TextEmbedding  # late: half a second of every cold start

        model = self._settings.model
        options = {
            "text_type": parameters.text_type.value,
            "dimension": parameters.dimension if model.takes_dimension else None,
            "output_type": parameters.output.value if model.sparse else None,
            "instruct": parameters.instruct or None,
        }
        return self._call(
            lambda common: TextEmbedding.call(model=model.name, input=list(texts), **common, **options),
            lambda output: parse_embeddings(output, len(texts), parameters),
            seconds,
        )

    def rerank(self, model: str, query: str, documents: Sequence[str], seconds: float) -> Answer[tuple[float, ...]]:
        """Call a rerank model; the content has the relevance of each document for ``query``, in input order.

        Raises:
            PlatformError: as `_call`.
        """
        from dashscope import TextReRank

        return self._call(
            lambda common: TextReRank.call(
                model=model, query=query, documents=list(documents), return_documents=False, **common
            ),
            lambda output: parse_relevance(output, len(documents)),
            seconds,
        )

    def generate(
        self, model: AnswerModel, messages: Sequence[Message], max_tokens: int, seconds: float
    ) -> Iterator[Piece]:
        """Call a chat model, without thinking, and yield what it writes as it arrives; the last piece ends it.

        Raises:
            PlatformError: as `_call`, at any piece.
        """
        from dashscope import Generation, MultiModalConversation

        options: dict[str, Any] = {"max_tokens": max_tokens, **_WRITING}

        def send(common: dict[str, Any]) -> Any:
            if not model.is_multimodal:
                texts: Any = [{"role": message.role, "content": message.content} for message in messages]
                return Generation.call(model.name, messages=texts, result_format="message", **options, **common)
            parts = [{"role": one.role, "content": protect_texts([{"text": one.content}])} for one in messages]
            return MultiModalConversation.call(model=model.name, messages=parts, **options, **common)

        return self._stream(send, seconds)

    def _stream(self, send: Callable[[dict[str, Any]], Any], seconds: float) -> Iterator[Piece]:
        responses = iter(self._send(send, seconds))
        is_complete = False
        while True:
            with self._interpret_failures():
                response = next(responses, None)
            if response is None:
                break
            if response.status_code != 200:
                raise interpret(self._rejection(response))
            try:
                piece = parse_piece(response.output, response.usage, response.request_id or "")
            except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                raise MalformedError("its shape is unknown", response.request_id or "") from None
            is_complete = is_complete or bool(piece.finish)
            yield piece
        if not is_complete:
            raise UnreachableError("embedding_unavailable", "DashScope's answer ended before it was complete.")

    def read_picture(self, model: VisionModel, picture: Picture, prompt: Prompt, seconds: float) -> Answer[PictureText]:
        """Call a model that reads pictures; the picture is sent inside the request.

        Raises:
            PlatformError: as `_call`.
        """
        from dashscope import MultiModalConversation

        part = {"image": as_data_url(picture), "min_pixels": model.min_pixels, "max_pixels": model.max_pixels}
        texts = protect_texts([{"text": prompt.text}]) if prompt.text else []
        messages = [{"role": "user", "content": [part, *texts]}]
        options: dict[str, Any] = {"ocr_options": {"task": prompt.task}} if prompt.task else {"enable_thinking": False}
        used: dict[str, Any] = {}

        def send(common: dict[str, Any]) -> Any:
            response: Any = MultiModalConversation.call(
                model=model.name, messages=messages, max_tokens=model.output_tokens, **options, **common
            )
            used.update(response.usage or {})
            return response

        answer = self._call(send, parse_picture_text, seconds)
        return replace(answer, cost_cny=model.price(*split_tokens(used, answer.tokens)))

    def _call(
        self, send: Callable[[dict[str, Any]], Any], parse: Callable[[Any], Content], seconds: float
    ) -> Answer[Content]:
        """Make a call and check its answer.

        Args:
            send: calls the SDK with the options common to all calls.
            parse: reads the response's output; raises ``ValueError`` with what is wrong with it.

        Raises:
            UnreachableError: ``embedding_unavailable``: no answer arrived in time.
            MalformedError: the answer cannot be used.
            PlatformError: DashScope rejected the call, see `failures.interpret`.
        """
        response = self._send(send, seconds)
        if response.status_code != 200:
            raise interpret(self._rejection(response))
        tokens, request_id = _billed(response), response.request_id or ""
        try:
            return Answer(parse(response.output), tokens, request_id)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = str(error) if isinstance(error, ValueError) else "its shape is unknown"
            raise MalformedError(reason, request_id, tokens) from None

    def _send(self, send: Callable[[dict[str, Any]], Any], seconds: float) -> Any:
        _forbid_uploads()
        with self._interpret_failures(), tracing.call("dashscope", "call"):
            return send(self._options(seconds))

    @contextmanager
    def _interpret_failures(self) -> Iterator[None]:
        """Raise our own errors for those of the SDK."""
        import requests

        started = clock.monotonic()
        try:
            yield
        except requests.RequestException as error:
            log.warning(
                "dashscope_unreachable",
                extra={"reason": type(error).__name__, "seconds": round(clock.monotonic() - started, 3)},
            )
            raise UnreachableError(
                "embedding_unavailable",
                f"DashScope did not answer at {name_place(self._settings.address)} ({type(error).__name__}); "
                "if it never does, check DASHSCOPE_NETWORK and DASHSCOPE_BASE_URL.",
            ) from None  # the original may hold the key in its message
        except (TypeError, AttributeError, KeyError, ValueError):
            # The SDK cannot read an answer that is JSON but not an object.
            raise MalformedError("its shape is unknown") from None

    def _options(self, seconds: float) -> dict[str, Any]:
        return {
            "api_key": self._settings.api_key.reveal(),
            "workspace": self._settings.workspace or None,
            "base_address": self._settings.address,
            "session": self._session,
            # `timeout=` would be sent to the server as a parameter and leave 300 s in force.
            "request_timeout": (min(_CONNECT_SECONDS, seconds), seconds),
            "headers": tracing.trace_headers(),
        }

    def _rejection(self, response: Any) -> Rejection:
        return Rejection(
            status=response.status_code,
            code=str(response.code or f"HTTP{response.status_code}"),
            message=str(response.message or "").replace(self._settings.api_key.reveal(), "***")[:_MESSAGE_LIMIT],
            request_id=response.request_id or "",
            headers=response.headers or {},
        )

    @cached_property
    def _session(self) -> requests.Session:
        from shared.runtime.connection import bounded_session

        logging.getLogger("dashscope").setLevel(logging.CRITICAL)  # it logs every request; we log each failure once
        return bounded_session(
            self._settings.address, connections=self._settings.concurrency + _MORE_CONNECTIONS, bound_streams=True
        )


def protect_texts(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The parts of a multimodal call, with texts that the SDK cannot take for a file or for an address of one.

    Such a text gets a space in front, which changes its tokens by one at most.
    """
    return [{**part, "text": _protect(part["text"])} if "text" in part else dict(part) for part in parts]


def _protect(text: str) -> str:
    # As the SDK looks: `Path` would raise for a text that is no path.
    while text.startswith(_FILE_STARTS) or os.path.isfile(os.path.expanduser(text)):  # noqa: PTH111, PTH113
        text = f" {text}"
    return text


class UploadForbiddenError(InternalError):
    """The SDK was about to upload a local file."""


@cache
def _forbid_uploads() -> None:
    """Let the SDK refuse to upload files, in this process."""
    from dashscope.utils.oss_utils import OssUtils

    def refuse(*_: Any, **__: Any) -> Any:
        raise UploadForbiddenError(
            "upload_forbidden", "A file would have been uploaded to DashScope; nothing was sent."
        )

    OssUtils.upload = refuse
    OssUtils.get_upload_certificate = refuse


def _billed(response: Any) -> int:
    usage = response.usage if isinstance(response.usage, dict) else {}
    count = usage.get("total_tokens", sum(split_tokens(usage, 0)))
    return count if isinstance(count, int) and count > 0 else 0
