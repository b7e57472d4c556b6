"""The embedding, rerank, answer and vision models of DashScope: limits, dimensions and prices, in one table.

Figures are those of the Beijing region as read in November 2026 from
https://help.aliyun.com/zh/model-studio/text-embedding-synchronous-api and
https://help.aliyun.com/zh/model-studio/rate-limit. Prices differ by region and change;
a wrong price only makes a cost estimate wrong, a wrong limit makes DashScope refuse the call.
"""

from __future__ import annotations

from msgspec import Struct

# What a batch task costs of the list price, where it succeeds; such calls do not count against the quota.
# https://help.aliyun.com/zh/model-studio/batch-interfaces-compatible-with-openai
BATCH_SHARE = 0.5


class EmbeddingModel(Struct, frozen=True):
    """What one text embedding model takes and costs.

    Attributes:
        name: the name DashScope knows it by.
        dimensions: the vector sizes it can produce.
        default_dimension: the size it produces when none is asked for.
        rows_per_call: texts allowed in one request; one more and the whole request fails.
        tokens_per_row: tokens allowed in one text; one more and the whole request fails.
        cny_per_million_tokens: list price of input tokens.
        sparse: whether ``output_type`` may ask for sparse vectors.
        instruct: whether a query may carry an instruction.
        requests_per_second: the account's quota for this model.
        tokens_per_minute: the account's quota for this model.
    """

    name: str
    dimensions: tuple[int, ...]
    default_dimension: int
    rows_per_call: int
    tokens_per_row: int
    cny_per_million_tokens: float
    sparse: bool
    instruct: bool
    requests_per_second: float = 30
    tokens_per_minute: int = 1_200_000

    @property
    def takes_dimension(self) -> bool:
        """Whether ``dimension`` may be sent: models of one size ignore it silently."""
        return len(self.dimensions) > 1

    def batch_cost(self, tokens: int) -> float:
        """Price of ``tokens`` input tokens of a batch task, in CNY."""
        return BATCH_SHARE * self.cost(tokens)

    def cost(self, tokens: int) -> float:
        """Price of ``tokens`` input tokens, in CNY."""
        return tokens * self.cny_per_million_tokens / 1_000_000


class RerankModel(Struct, frozen=True):
    """What one rerank model takes and costs.

    Attributes:
        documents_per_call: chunks allowed in one request.
        tokens_per_document: tokens read of one chunk; the rest of it is ignored.
        tokens_per_call: tokens allowed in one request, the query counted with each chunk.
    """

    name: str
    documents_per_call: int
    tokens_per_document: int
    tokens_per_call: int
    cny_per_million_tokens: float
    requests_per_second: float

    def cost(self, tokens: int) -> float:
        """Price of ``tokens`` input tokens, in CNY."""
        return tokens * self.cny_per_million_tokens / 1_000_000


class AnswerModel(Struct, frozen=True):
    """What one chat model takes and costs, as it is used to write answers: without thinking.

    Attributes:
        input_tokens: tokens that a call may hold at the price below; models may take more for a higher price.
        cny_per_million_input_tokens: list price of input tokens.
        cny_per_million_output_tokens: list price of output tokens.
        is_multimodal: whether DashScope serves it at its multimodal address, also for text alone; the other address
            refuses it. https://help.aliyun.com/en/model-studio/qwen-api-via-dashscope
        requests_per_second: the part of the account's quota that is used; no model has a smaller one.
        tokens_per_minute: the same of input and output tokens.
    """

    name: str
    input_tokens: int
    cny_per_million_input_tokens: float
    cny_per_million_output_tokens: float
    is_multimodal: bool
    requests_per_second: float = 20
    tokens_per_minute: int = 1_000_000

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Price of a call, in CNY."""
        return (
            input_tokens * self.cny_per_million_input_tokens + output_tokens * self.cny_per_million_output_tokens
        ) / 1_000_000


class VisionModel(Struct, frozen=True):
    """What one model that reads pictures takes and costs.

    Attributes:
        has_tasks: whether it takes ``ocr_options``; others are asked by a prompt.
        min_pixels: smaller pictures are enlarged before they are read.
        max_pixels: larger pictures are reduced before they are read.
        pixels_per_token: pixels of a picture that are one token.
        output_tokens: tokens it writes at most.
        cny_per_million_input_tokens: list price of the tokens of picture and prompt.
        cny_per_million_output_tokens: list price of the tokens it writes.
        requests_per_second: the account's quota for this model.
        tokens_per_minute: the account's quota for this model.
    """

    name: str
    has_tasks: bool
    min_pixels: int
    max_pixels: int
    pixels_per_token: int
    output_tokens: int
    cny_per_million_input_tokens: float
    cny_per_million_output_tokens: float
    requests_per_second: float
    tokens_per_minute: int

    def cost(self, tokens: int) -> float:
        """Price of ``tokens`` tokens at most, in CNY: that of the dearer kind."""
        return tokens * max(self.cny_per_million_input_tokens, self.cny_per_million_output_tokens) / 1_000_000

    def price(self, input_tokens: int, output_tokens: int) -> float:
        """Price of a call, in CNY."""
        cny = input_tokens * self.cny_per_million_input_tokens + output_tokens * self.cny_per_million_output_tokens
        return cny / 1_000_000

    def count_tokens(self, width: int, height: int) -> int:
        """Tokens that a picture counts."""
        pixels = min(max(width * height, self.min_pixels), self.max_pixels)
        return pixels // self.pixels_per_token + 2


_V3_DIMENSIONS = (1024, 768, 512, 256, 128, 64)
_QWEN_DIMENSIONS = (2560, 2048, 1536, 1024, 768, 512, 256)

EMBEDDING_MODELS: dict[str, EmbeddingModel] = {
    model.name: model
    for model in (
        EmbeddingModel("text-embedding-v4", (2048, 1536, *_V3_DIMENSIONS), 1024, 10, 8_192, 0.5, True, True),
        EmbeddingModel("text-embedding-v3", _V3_DIMENSIONS, 1024, 10, 8_192, 0.5, True, False),
        EmbeddingModel("text-embedding-v2", (1536,), 1536, 25, 2_048, 0.7, False, False),
        EmbeddingModel("text-embedding-v1", (1536,), 1536, 25, 2_048, 0.7, False, False),
        EmbeddingModel("qwen3.7-text-embedding", _QWEN_DIMENSIONS, 1024, 20, 128_000, 0.5, True, True),
        EmbeddingModel("qwen3.7-text-embedding-flash", (1024, 768, 512, 256), 1024, 20, 128_000, 0.125, True, True),
    )
}

RERANK_MODELS: dict[str, RerankModel] = {
    model.name: model for model in (RerankModel("qwen3-rerank", 500, 4_000, 120_000, 0.5, 90),)
}

# Prices were compared on 2026-10-01 with the models' own pages below https://help.aliyun.com/zh/model-studio/.
ANSWER_MODELS: dict[str, AnswerModel] = {
    model.name: model
    for model in (
        AnswerModel("qwen3.7-flash", 32_000, 0.2, 0.8, is_multimodal=True),
        AnswerModel("qwen3.8-flash", 32_000, 0.8, 2.7, is_multimodal=True),
        AnswerModel("qwen3.7-plus", 32_000, 2.0, 8.0, is_multimodal=True),
        AnswerModel("qwen-plus", 32_000, 0.8, 2.0, is_multimodal=False),
    )
}
# Read in November 2026 from https://help.aliyun.com/zh/model-studio/qwen-vl-ocr (qwen-vl-ocr is the same as
# qwen-vl-ocr-2025-11-20) and https://help.aliyun.com/zh/model-studio/vision (the others; USD prices at 7.1).
VISION_MODELS: dict[str, VisionModel] = {
    model.name: model
    for model in (
        VisionModel("qwen-vl-ocr", True, 3_072, 8_388_608, 1_024, 8_192, 0.3, 0.5, 10, 6_000_000),
        VisionModel("qwen-vl-ocr-2025-11-20", True, 3_072, 8_388_608, 1_024, 8_192, 0.3, 0.5, 10, 6_000_000),
        VisionModel("qwen3.5-ocr", True, 3_072, 8_388_608, 1_024, 16_384, 0.5, 2.0, 10, 1_000_000),
        VisionModel("qwen3-vl-flash", False, 4_096, 2_621_440, 1_024, 8_192, 0.16, 1.5, 20, 1_000_000),
    )
}
# What a page of A4 costs about, by its size and what it holds: 2.2 million pixels in, 1,200 tokens out.
_PAGE_TOKENS = (2_140, 1_200)


def estimate_page(model: VisionModel) -> float:
    """What reading a page of A4 costs about, in CNY."""
    return model.price(*_PAGE_TOKENS)
