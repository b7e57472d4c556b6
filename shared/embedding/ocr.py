"""Read pages and pictures by a model of DashScope: one picture a call, within quota and budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import TransientError
from shared.domain.models import Usage
from shared.embedding.calls import Estimate, ModelCalls
from shared.embedding.failures import MalformedError, ThrottledError
from shared.embedding.pictures import PictureText, Prompt
from shared.embedding.quota import Priority, Share
from shared.runtime import retrying
from shared.runtime.retrying import RetryPolicy

if TYPE_CHECKING:
    from shared.domain.catalog import VisionModel
    from shared.domain.models import Picture
    from shared.embedding.dashscope import DashScopeClient
    from shared.runtime.retrying import Deadline
    from shared.runtime.settings import DashScopeSettings

_RETRY_POLICY = RetryPolicy(attempts=6, first_delay=0.5, max_delay=20)
# Of a call that fails in another way than by its quota; each of them may be billed.
_MAX_FAILURES = 3
# A page of small print has 4,000 characters; what is not used is given back.
_LIKELY_OUTPUT_TOKENS = 1_200
_PROMPT_TOKENS = 300
# Text and tables as Markdown, HTML or LaTeX. https://help.aliyun.com/zh/model-studio/qwen-vl-ocr
_READ_PAGE = Prompt(task="document_parsing")
_READ_PAGE_BY_PROMPT = Prompt(
    text="Write down all text of this page as Markdown, in reading order, each table as an HTML table. "
    "Add nothing. If there is no text, write nothing."
)
_DESCRIBE = Prompt(
    text="用一到三句话说明图片的内容，使用图中文字的语言。 "
    "Describe what the picture shows in one to three sentences, in the language of the text in it."
)


class PictureReading(Struct, frozen=True):
    """What a model read, and what it cost."""

    text: PictureText
    usage: Usage


class PictureReader:
    """Calls one model that reads pictures: thread-safe, one per process and model.

    Args:
        client: sends the calls, with the process's budget.
        timeout: seconds one call may take.
        describes: whether it says what a picture shows; else it reads the text.
    """

    def __init__(
        self, settings: DashScopeSettings, model: VisionModel, client: DashScopeClient, timeout: float,
        *, describes: bool = False,
    ) -> None:  # fmt: skip
        self._model = model
        self._client = client
        self._prompt = _DESCRIBE if describes else _READ_PAGE if model.has_tasks else _READ_PAGE_BY_PROMPT
        share = Share(
            model.requests_per_second * settings.quota_share, model.tokens_per_minute / 60 * settings.quota_share
        )
        self._calls = ModelCalls(model, share, client.budget, timeout, skip_late=True)

    @property
    def profile(self) -> str:
        """Identity of what is read: another model or task reads something else."""
        return f"{self._model.name}/{self._prompt.task or self._prompt.text}"

    def read(self, picture: Picture, deadline: Deadline) -> PictureReading:
        """What the model reads in a picture.

        Raises:
            RefusedError: DashScope refuses the picture.
            PlatformError: it cannot be reached, refuses the call, or it would cost more than the process may spend.
        """
        unusable = Usage()  # of answers that were billed and could not be used
        failures = 0

        def call() -> PictureReading:
            nonlocal unusable, failures
            try:
                answer, usage = self._calls.run(
                    lambda seconds: self._client.read_picture(self._model, picture, self._prompt, seconds),
                    self._estimate(picture),
                    deadline,
                    Priority.BULK,
                )
            except ThrottledError:
                raise
            except TransientError as error:
                if isinstance(error, MalformedError):
                    unusable += error.usage
                failures += 1
                error.soon = error.soon and failures < _MAX_FAILURES
                raise
            return PictureReading(answer.content, unusable + usage)

        return retrying.call(call, _RETRY_POLICY, deadline)

    def _estimate(self, picture: Picture) -> Estimate:
        read = self._model.count_tokens(picture.width, picture.height) + _PROMPT_TOKENS
        return Estimate(read + _LIKELY_OUTPUT_TOKENS, read + self._model.output_tokens)
