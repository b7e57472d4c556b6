"""DashScope's protocol as it is, without the SDK: one call, its answer, its bill."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests

from ops.verification.assumption import DifferenceError, UncheckedError
from shared.domain.catalog import EMBEDDING_MODELS
from shared.embedding import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ops.verification.spending import Spending
    from shared.runtime.settings import DashScopeSettings

EMBEDDING: Final = "services/embeddings/text-embedding/text-embedding"
RERANK: Final = "services/rerank/text-rerank/text-rerank"
TEXT: Final = "services/aigc/text-generation/generation"
MULTIMODAL: Final = "services/aigc/multimodal-generation/generation"

_SECONDS: Final = (5, 60)
_PAUSES: Final = (1.0, 3.0)
_MOST_BYTES: Final = 8 << 20
_NOT_ALLOWED: Final = ("ModelNotFound", "Model.AccessDenied", "AccessDenied", "AccessDenied.Unpurchased")


@dataclass(frozen=True)
class Reply:
    """What DashScope answers.

    Attributes:
        body: of an answer in one piece; empty for a stream.
        events: of a stream.
    """

    status: int
    body: dict[str, Any]
    events: tuple[dict[str, Any], ...] = ()

    @property
    def code(self) -> str:
        """The code of a refusal."""
        return str(self.body.get("code") or "")

    def describe(self) -> str:
        """Status, code and message in short."""
        return f"{self.status} {self.code} {str(self.body.get('message') or '')[:120]}".strip()

    def require(self) -> Reply:
        """This answer, if it is a success.

        Raises:
            UncheckedError: the account may not use the model.
            DifferenceError: it is refused for another reason.
        """
        if self.status != 200 and self.code in _NOT_ALLOWED:
            raise UncheckedError(f"this account may not use the model ({self.describe()})")
        if self.status != 200:
            raise DifferenceError(f"it was refused: {self.describe()}")
        return self


class Wire:
    """Sends calls within a cap on their cost."""

    def __init__(self, settings: DashScopeSettings, spending: Spending) -> None:
        self.settings = settings
        self.spending = spending
        self._session = requests.Session()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def embed(self, model: str, texts: Sequence[str], **parameters: Any) -> Reply:
        """Call an embedding model."""
        price = EMBEDDING_MODELS[model].cost
        body = {"model": model, "input": {"texts": list(texts)}, "parameters": parameters}
        most = price(sum(map(tokens.bound, texts)))
        return self.send(EMBEDDING, body, most, lambda usage: price(int(usage["total_tokens"])))

    def send(
        self, path: str, body: dict[str, Any], most: float, price: Callable[[dict[str, Any]], float], *,
        key: str = "", streams: bool = False,
    ) -> Reply:  # fmt: skip
        """Send a call, again after a pause where the quota is used up, and count its bill.

        Args:
            most: what it may cost, in CNY.
            price: the cost for the usage that the answer states.
            key: another API key than that of the settings.

        Raises:
            UncheckedError: the cap or the quota does not allow it.
            requests.RequestException: there is no complete answer; it counts with ``most``.
        """
        for pause in (*_PAUSES, 0.0):
            self.spending.check(most)
            reply = self._send(path, body, most, price, key or self.settings.api_key.reveal(), streams=streams)
            if reply.status != 429:
                return reply
            time.sleep(pause)
        raise UncheckedError(f"the account's quota is used up: {reply.describe()}")

    def _send(
        self, path: str, body: dict[str, Any], most: float, price: Callable[[dict[str, Any]], float], key: str, *,
        streams: bool,
    ) -> Reply:  # fmt: skip
        cost = most
        try:
            reply = self._post(path, body, key, streams=streams)
            cost = 0.0 if reply.status != 200 else _read_cost(reply, most, price)
        finally:
            self.spending.add(cost)
        return reply

    def _post(self, path: str, body: dict[str, Any], key: str, *, streams: bool) -> Reply:
        headers = {"Authorization": f"Bearer {key}", **({"X-DashScope-SSE": "enable"} if streams else {})}
        if self.settings.workspace:
            headers["X-DashScope-WorkSpace"] = self.settings.workspace
        url = f"{self.settings.address}/{path}"
        with self._session.post(url, json=body, headers=headers, timeout=_SECONDS, stream=True) as answer:
            content = _read_content(answer)
            if streams and answer.status_code == 200:
                return Reply(200, {}, tuple(_read_events(content)))
            return Reply(answer.status_code, _read_object(content))


def _read_content(answer: requests.Response) -> bytes:
    content = bytearray()
    for block in answer.iter_content(1 << 16):
        content += block
        if len(content) > _MOST_BYTES:
            raise DifferenceError(f"the answer is larger than {_MOST_BYTES} bytes")
    return bytes(content)


def _read_object(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    return body if isinstance(body, dict) else {"message": "the body is not a JSON object"}


def _read_events(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        if line.startswith(b"data:"):
            yield _read_object(line.removeprefix(b"data:"))


def _read_cost(reply: Reply, most: float, price: Callable[[dict[str, Any]], float]) -> float:
    """The cost that the answer states; all that it may have cost where it states none."""
    usages = [part.get("usage") for part in (reply.body, *reply.events)]
    try:
        return max(price(usage) for usage in usages if usage)
    except (KeyError, TypeError, ValueError):
        return most
