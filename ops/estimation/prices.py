"""Prices and sizes that an estimate needs and no setting has, each with its source and date.

Models have theirs in `shared.domain.catalog`. Beijing region, list prices in CNY, as read in November 2026.
"""

from __future__ import annotations

from typing import Final

READ: Final = "2026-11"

# Function Compute bills compute units (CU) since 2024-08-27, here in the first tier:
# https://help.aliyun.com/zh/functioncompute/fc/product-overview/billing-overview
CNY_PER_CU: Final = 0.00012
CU_PER_CPU_SECOND: Final = 1.0
CU_PER_GB_SECOND: Final = 0.15
CU_PER_DISK_GB_SECOND: Final = 0.05
CU_PER_CALL: Final = 75 / 10_000
FREE_DISK_MB: Final = 512

# Memory of Milvus. An HNSW graph has 2 x 16 links of 4 bytes a row on its lowest level, and some above
# (https://milvus.io/docs/hnsw.md). IVF_RABITQ keeps one bit a dimension instead of 32, and refines from disk
# (https://milvus.io/docs/ivf-rabitq.md). DISKANN keeps about a quarter in memory, the rest on disk
# (https://milvus.io/docs/disk_index.md).
BYTES_PER_DIMENSION: Final = 4
HNSW_LINK_BYTES: Final = 140
RABITQ_SHARE: Final = 1 / 20
DISKANN_SHARE: Final = 1 / 4

# One query of some words, and what search does for it.
TOKENS_PER_QUERY: Final = 20
SECONDS_PER_QUERY: Final = 0.15
