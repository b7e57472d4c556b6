"""Whether DashScope accepts calls at all: a refusal that is not about the text must not be taken for the text's.

One code, ``InvalidParameter``, says that a text is refused as well as that the address, the model or a parameter is
wrong, which is true of every text. https://help.aliyun.com/zh/model-studio/error-code
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.domain.errors import ConfigurationError
from shared.domain.models import Usage
from shared.embedding.failures import AMBIGUOUS_CODE, RefusedError
from shared.runtime import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.embedding.parameters import EmbeddingParameters

# What was accepted so long ago says nothing any more: the deployment or the account may have changed.
_BELIEVED_SECONDS = 600.0


class Acceptance:
    """Remembers which calls were accepted: thread-safe, one per process and model."""

    def __init__(self) -> None:
        self._accepted_at: dict[EmbeddingParameters, float] = {}
        self._asking = threading.Lock()

    def note(self, parameters: EmbeddingParameters) -> None:
        """Remember that a call was accepted."""
        self._accepted_at[_reduce(parameters)] = clock.monotonic()

    def check(
        self, refusal: RefusedError, parameters: EmbeddingParameters, ask: Callable[[EmbeddingParameters], Usage]
    ) -> Usage:
        """See that a harmless text is accepted where a refusal may not be about its text.

        Args:
            ask: embeds a harmless text and returns what that cost.

        Raises:
            ConfigurationError: ``embedding_refused``: the harmless text is refused too.
            PlatformError: whatever else ``ask`` raises.
        """
        if refusal.code != AMBIGUOUS_CODE:
            return Usage()
        plain = _reduce(parameters)
        with self._asking:
            if clock.monotonic() - self._accepted_at.get(plain, float("-inf")) < _BELIEVED_SECONDS:
                return Usage()
            try:
                usage = ask(plain)
            except RefusedError as error:
                raise ConfigurationError(
                    "embedding_refused",
                    f"DashScope refuses every text ({error.code}: {error.message}): check EMBEDDING_MODEL, "
                    "EMBEDDING_DIMENSION and DASHSCOPE_BASE_URL.",
                    request_id=error.request_id,
                ) from None
            self.note(plain)
            return usage


def _reduce(parameters: EmbeddingParameters) -> EmbeddingParameters:
    """The parameters without what a caller writes, which may be refused as a text is."""
    return replace(parameters, instruct="")
