"""Figures for a whole bucket, from what its sample came to."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from ops.estimation import prices
from ops.estimation.sizing import estimate_memory
from shared.domain.catalog import BATCH_SHARE, VISION_MODELS, estimate_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ops.deployment import Function
    from ops.estimation.measuring import Measured
    from ops.estimation.sampling import Stratum
    from shared.domain.catalog import EmbeddingModel

# Of a normal distribution, for 95 of 100 samples.
_DEVIATIONS: Final = 1.96
# Where one of many was read, nothing is known of how they differ: as much as their mean is assumed.
_UNKNOWN_DEVIATION: Final = 1.0
# Chunks end where the content decides, so they are seldom full.
_FILLED_SHARE: Final = 0.75


@dataclass(frozen=True)
class Amount:
    """A number, and how far off it may be (95 % of samples)."""

    value: float
    margin: float = 0.0

    def times(self, factor: float) -> Amount:
        """The amount in another unit."""
        return Amount(self.value * factor, self.margin * factor)


@dataclass(frozen=True)
class Content:
    """What a bucket comes to.

    Attributes:
        refused: documents that would fail, by code, projected.
        read: documents that were read for this.
        pages: pages and pictures that only a model can read; their text is not among the tokens.
        pictures: those inside documents with text, which OCR=all has a model read besides.
    """

    documents: int
    chunks: Amount
    tokens: Amount
    refused: dict[str, float]
    read: int
    pages: Amount = Amount(0.0)
    pictures: Amount = Amount(0.0)


def project(sample: Iterable[tuple[Stratum, Sequence[Measured]]]) -> Content:
    """The whole from its classes: of each, tokens and chunks go with bytes."""
    sample = [(stratum, measured) for stratum, measured in sample if measured]
    refused: dict[str, float] = {}
    for stratum, measured in sample:
        for code, count in Counter(one.refusal for one in measured if one.refusal).items():
            refused[code] = refused.get(code, 0.0) + stratum.documents * count / len(measured)
    return Content(
        documents=sum(stratum.documents for stratum, _ in sample),
        chunks=_total(sample, lambda one: one.chunks),
        tokens=_total(sample, lambda one: one.tokens),
        refused=refused,
        read=sum(len(measured) for _, measured in sample),
        pages=_total(sample, lambda one: one.pages),
        pictures=_total(sample, lambda one: one.pictures),
    )


def _total(sample: Sequence[tuple[Stratum, Sequence[Measured]]], get: Callable[[Measured], float]) -> Amount:
    value = variance = 0.0
    for stratum, measured in sample:
        ratio = sum(map(get, measured)) / (sum(one.size for one in measured) or 1)
        value += ratio * stratum.size
        variance += _variance(stratum.documents, [get(one) - ratio * one.size for one in measured], ratio, stratum.size)
    return Amount(value, _DEVIATIONS * math.sqrt(variance))


def _variance(documents: int, residuals: Sequence[float], ratio: float, size: int) -> float:
    """Of a ratio estimate (W. G. Cochran, Sampling Techniques, chapter 6); 0 where every document was read."""
    read = len(residuals)
    if read >= documents:
        return 0.0
    if read == 1:
        squared = (_UNKNOWN_DEVIATION * ratio * size / documents) ** 2
    else:
        squared = sum(residual**2 for residual in residuals) / (read - 1)
    return documents**2 * (1 - read / documents) * squared / read


@dataclass(frozen=True)
class Estimate:
    """What it costs and takes.

    Attributes:
        cny: of ordinary calls of the model.
        ocr_cny: of pages read by OCR_MODEL's default, where OCR is on.
        pictures_cny: of pictures inside documents, which OCR=all reads besides.
        cny_batch: of its Batch calls, where a run uses them.
        hours: at the account's quota.
        milvus_gb: memory by kind of index; disk holds vectors and texts too.
        compute_cny: Function Compute, while ingest works; at most, since it waits for the quota most of the time.
        monthly_cny: of ``searches`` a month.
    """

    content: Content
    model: str
    dimension: int
    cny: Amount
    ocr_cny: Amount
    pictures_cny: Amount
    cny_batch: Amount
    hours: float
    milvus_gb: dict[str, float]
    compute_cny: float
    searches: int
    monthly_cny: float

    def describe(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"prices_read": prices.READ}


@dataclass(frozen=True)
class Terms:
    """What an estimate rests on beside the content: the model, the account's quota, the functions."""

    model: EmbeddingModel
    dimension: int
    requests_per_second: float
    tokens_per_minute: float
    ingest: Function
    search: Function


def estimate(content: Content, terms: Terms, searches: int) -> Estimate:
    """Cost and time of ``content``."""
    cny = content.tokens.times(terms.model.cny_per_million_tokens / 1e6)
    requests = content.chunks.value / terms.model.rows_per_call
    page = estimate_page(VISION_MODELS["qwen-vl-ocr"])
    seconds = max(requests / terms.requests_per_second, content.tokens.value / terms.tokens_per_minute * 60)
    return Estimate(
        content=content,
        model=terms.model.name,
        dimension=terms.dimension,
        cny=cny,
        ocr_cny=content.pages.times(page),
        pictures_cny=content.pictures.times(page),
        cny_batch=cny.times(BATCH_SHARE),
        hours=seconds / 3600,
        milvus_gb=estimate_memory(content.chunks.value, terms.dimension),
        compute_cny=prices.CNY_PER_CU * _ingest_units(terms.ingest, seconds, content.documents),
        searches=searches,
        monthly_cny=searches * _cny_per_search(terms),
    )


def _ingest_units(ingest: Function, seconds: float, documents: int) -> float:
    return seconds * (ingest.instances or 1) * _units_per_second(ingest) + documents * prices.CU_PER_CALL


def _cny_per_search(terms: Terms) -> float:
    # An instance serves several at once; here each query pays for one alone.
    units = prices.SECONDS_PER_QUERY * _units_per_second(terms.search) + prices.CU_PER_CALL
    return units * prices.CNY_PER_CU + terms.model.cost(prices.TOKENS_PER_QUERY)


def _units_per_second(function: Function) -> float:
    disk = max(0, function.disk_size - prices.FREE_DISK_MB) / 1024
    return (
        function.cpu * prices.CU_PER_CPU_SECOND
        + function.memory_size / 1024 * prices.CU_PER_GB_SECOND
        + disk * prices.CU_PER_DISK_GB_SECOND
    )


def assume(documents: int, tokens: int, chunk_tokens: int) -> Content:
    """Content that was not read: ``documents`` of ``tokens`` each, context and all."""
    chunks = max(1.0, tokens / (_FILLED_SHARE * chunk_tokens))
    return Content(documents, Amount(documents * chunks), Amount(documents * tokens), {}, 0)
