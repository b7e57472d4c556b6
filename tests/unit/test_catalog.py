"""The capability table says what DashScope's documentation says."""

import pytest

from shared.domain.catalog import EMBEDDING_MODELS


@pytest.mark.parametrize(
    ("name", "rows", "tokens", "dimensions"),
    [
        ("text-embedding-v4", 10, 8_192, (2048, 1536, 1024, 768, 512, 256, 128, 64)),
        ("text-embedding-v3", 10, 8_192, (1024, 768, 512, 256, 128, 64)),
        ("text-embedding-v2", 25, 2_048, (1536,)),
        ("text-embedding-v1", 25, 2_048, (1536,)),
    ],
)
def test_limits(name: str, rows: int, tokens: int, dimensions: tuple[int, ...]) -> None:
    model = EMBEDDING_MODELS[name]
    assert (model.rows_per_call, model.tokens_per_row, model.dimensions) == (rows, tokens, dimensions)
    assert model.default_dimension in model.dimensions
    assert model.takes_dimension == (len(dimensions) > 1)


def test_cost_is_per_million_tokens() -> None:
    assert EMBEDDING_MODELS["text-embedding-v4"].cost(2_000_000) == pytest.approx(1.0)
