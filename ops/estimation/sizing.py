"""Memory of Milvus by kind of index, and the kind for a number of chunks."""

from __future__ import annotations

from typing import Final

from ops.estimation import prices

# With 1,024 dimensions HNSW takes 4.2 GB for a million chunks. Above so many, what an index saves is worth more than
# the milliseconds that it costs.
_MOST_IN_MEMORY: Final = 5_000_000
_MOST_IN_BITS: Final = 100_000_000


def estimate_memory(rows: float, dimension: int) -> dict[str, float]:
    """Estimate the memory of the vectors, in GB by kind of index."""
    raw = rows * dimension * prices.BYTES_PER_DIMENSION / 1e9
    return {
        "HNSW": raw + rows * prices.HNSW_LINK_BYTES / 1e9,
        "IVF_RABITQ": raw * prices.RABITQ_SHARE,
        "DISKANN": raw * prices.DISKANN_SHARE,
    }


def recommend_index(rows: float) -> str:
    """Return the kind of index for a number of chunks."""
    if rows <= _MOST_IN_MEMORY:
        return "HNSW"
    return "IVF_RABITQ" if rows <= _MOST_IN_BITS else "DISKANN"
