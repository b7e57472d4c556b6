"""The capability table says what DashScope's documentation says."""

import pytest

from shared.domain.catalog import EMBEDDING_MODELS, VISION_MODELS, estimate_page


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


def test_a_picture_counts_a_token_for_1024_pixels_within_the_limits_of_the_model() -> None:
    model = VISION_MODELS["qwen-vl-ocr"]
    assert model.count_tokens(1_240, 1_754) == 1_240 * 1_754 // 1_024 + 2
    assert model.count_tokens(10, 10) == 5
    assert model.count_tokens(20_000, 20_000) == 8_194


def test_a_page_costs_a_tenth_of_a_cent_and_what_is_read_and_written_has_its_own_price() -> None:
    model = VISION_MODELS["qwen-vl-ocr"]
    assert estimate_page(model) == pytest.approx(0.00124, abs=0.00001)
    assert model.price(1_000_000, 1_000_000) == pytest.approx(0.8)
    assert model.price(1_000_000, 0) < model.cost(1_000_000)
