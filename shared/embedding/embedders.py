"""The embedders of one process: that of the settings, and during a migration those of other models, in one budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder

if TYPE_CHECKING:
    from shared.runtime.settings import DashScopeSettings


class Embedders:
    """Finds the embedder of a model and dimension: thread-safe, one per process.

    Args:
        default: the embedder of the settings.
        client: sends its calls.
    """

    def __init__(self, settings: DashScopeSettings, client: DashScopeClient, default: Embedder) -> None:
        self._settings = settings
        self._client = client
        self._default = default
        self._made: dict[tuple[str, int, float], Embedder] = {}

    def find(self, model: str, dimension: int, share: float = 1) -> Embedder:
        """Return the embedder of a model and dimension.

        Args:
            share: part of the process's quota of the model that it uses at most.
        """
        if (model, dimension, share) == (self._settings.model_name, self._settings.dimension, 1):
            return self._default
        key = (model, dimension, share)
        return self._made.setdefault(key, self._made.get(key) or self._make(*key))

    def _make(self, model: str, dimension: int, share: float) -> Embedder:
        settings = replace(
            self._settings,
            model_name=model,
            requested_dimension=dimension,
            quota_share=self._settings.quota_share * share,
        )
        return Embedder(settings, DashScopeClient(settings, self._client.budget))
