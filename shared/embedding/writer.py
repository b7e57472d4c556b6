"""Let a chat model write, within quota, budget and time, and account for what it cost.

What was not begun may be begun once more; what broke off in the middle is not repeated, because part of it was passed
on already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from shared.domain.errors import PlatformError
from shared.domain.models import Usage
from shared.embedding import tokens
from shared.embedding.failures import ThrottledError, billed_tokens
from shared.embedding.quota import Priority, Quota, Share
from shared.runtime import metrics, retrying
from shared.runtime.retrying import Deadline, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.domain.catalog import AnswerModel
    from shared.embedding.chat import Message, Piece
    from shared.embedding.dashscope import DashScopeClient
    from shared.runtime.settings import AnswerSettings, DashScopeSettings

# A user waits, and without an answer there are hits already.
_RETRY_POLICY = RetryPolicy(attempts=3, first_delay=0.2, max_delay=1)
# Tokens that each message takes beside its text.
_EXTRA_TOKENS = 8
# Part of the time left that writing may take: a server that falls silent is noticed after as long once more.
_MAX_SHARE = 0.5


class Draft(Struct):
    """What was written so far, and what it cost.

    Attributes:
        is_cut: whether the model stopped because the text became too long.
    """

    usage: Usage = Usage()
    output_tokens: int = 0
    is_cut: bool = False


class _Call(Struct, frozen=True):
    """A call that has begun to answer.

    Attributes:
        reserved: what was set aside for it, in CNY.
        guessed: what it probably costs, in CNY, should its bill be lost.
        settle: corrects the quota by the tokens it used.
    """

    first: Piece
    pieces: Iterator[Piece]
    reserved: float
    guessed: float
    settle: Callable[[int], None]


class Writer:
    """Writes by DashScope: thread-safe, one per process.

    Args:
        client: sends the calls, with the process's budget.
    """

    def __init__(
        self, dashscope: DashScopeSettings, settings: AnswerSettings, client: DashScopeClient, model: AnswerModel
    ) -> None:
        self.model = model
        self._settings = settings
        self._client = client
        share = dashscope.quota_share
        self._quota = Quota(Share(model.requests_per_second * share, model.tokens_per_minute / 60 * share))

    def write(
        self, messages: Sequence[Message], deadline: Deadline, draft: Draft, max_tokens: int = 0
    ) -> Iterator[str]:
        """Yield the text that answers ``messages`` as it is written, and count in ``draft`` what it costs.

        Args:
            max_tokens: most tokens to write; 0 takes the setting's.

        Raises:
            PlatformError: DashScope cannot be reached, refuses, or might cost more than the process may spend.
        """
        until = Deadline.after(min(self._settings.timeout, deadline.remaining() * _MAX_SHARE))
        most = max_tokens or self._settings.max_tokens
        call = retrying.call(lambda: self._begin(messages, most, until), _RETRY_POLICY, until)
        yield from self._follow(call, draft)

    def _begin(self, messages: Sequence[Message], max_tokens: int, until: Deadline) -> _Call:
        """Make the call and wait for its first piece."""
        guessed = sum(tokens.estimate(message.content) + _EXTRA_TOKENS for message in messages)
        at_most = sum(tokens.bound(message.content) + _EXTRA_TOKENS for message in messages)
        reservation = self._quota.wait(guessed + max_tokens, until, Priority.INTERACTIVE)
        reserved = self.model.cost(at_most, max_tokens)
        self._client.budget.reserve(reserved)
        billed = self.model.cost(guessed, 0)
        try:
            pieces = self._client.generate(self.model, messages, max_tokens, until.timeout(self._settings.timeout))
            first = next(pieces)
        except PlatformError as error:
            if isinstance(error, ThrottledError):
                self._quota.throttle(Priority.INTERACTIVE)
            if billed_tokens(error) == 0:
                billed = 0.0
            self._client.budget.settle(reserved, billed)
            raise
        return _Call(first, pieces, reserved, billed, lambda used: self._quota.settle(reservation, used))

    def _follow(self, call: _Call, draft: Draft) -> Iterator[str]:
        piece = call.first
        input_tokens = output_tokens = 0
        try:
            while True:
                input_tokens = max(input_tokens, piece.input_tokens)
                output_tokens = max(output_tokens, piece.output_tokens)
                draft.is_cut = draft.is_cut or piece.finish == "length"
                if piece.text:
                    yield piece.text
                following = next(call.pieces, None)
                if following is None:
                    return
                piece = following
        finally:
            # Where the answer broke off, what the last piece counted is known to be billed at least.
            cost = self.model.cost(input_tokens, output_tokens) or call.guessed
            self._client.budget.settle(call.reserved, cost)
            call.settle(input_tokens + output_tokens)
            draft.usage += Usage(input_tokens + output_tokens, 1, cost)
            draft.output_tokens += output_tokens
            metrics.add(tokens=input_tokens + output_tokens, cost_cny=cost)
