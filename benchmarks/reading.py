"""How well documents are read, and how well what was read is found.

Run as ``python -m benchmarks.reading``. Six parts, all generated from a seed: `extraction` reads documents of every
format and compares words, order, cells and rows with what they hold, beside other readers; `conversion` reads what
LibreOffice makes of them in old and open formats; `scans` reads pictures of pages; `memory` is that of ingest while it
reads four long scans at once; `retrieval` asks for an answer among similar documents; `normalisation` looks for words
that are written differently. Peers are installed into environments of their own, once; nothing else needs the network.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.readings import conversion, extraction, normalisation, retrieval, rivals, scan_memory, scans
from benchmarks.readings.corpus import make_corpus
from benchmarks.report import report

if TYPE_CHECKING:
    from benchmarks.report import Figure

_EXTRACTION: Final = "extraction"
_RETRIEVAL: Final = "retrieval"
_NORMALISATION: Final = "normalisation"
_CONVERSION: Final = "conversion"
_SCANS: Final = "scans"
_MEMORY: Final = "memory"
_PARTS: Final = (_EXTRACTION, _CONVERSION, _SCANS, _MEMORY, _RETRIEVAL, _NORMALISATION)
_NONE: Final = "none"


def main() -> int:
    """Measure each part and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="what is measured")
    parser.add_argument("--peers", nargs="+", choices=(*rivals.PACKAGES, _NONE), default=rivals.DEFAULT)
    parser.add_argument("--seed", type=int, default=1, help="of the generated documents")
    options = parser.parse_args()
    figures: list[Figure] = []
    if _EXTRACTION in options.parts:
        peers = [peer for peer in options.peers if peer != _NONE]
        figures += extraction.measure(list(make_corpus(options.seed)), peers)
    if _CONVERSION in options.parts:
        figures += conversion.measure(list(make_corpus(options.seed)))
    if _SCANS in options.parts:
        figures += scans.measure(options.seed)
    if _MEMORY in options.parts:
        figures += scan_memory.measure(options.seed)
    if _RETRIEVAL in options.parts:
        figures += retrieval.measure(options.seed)
    if _NORMALISATION in options.parts:
        figures += normalisation.measure(options.seed)
    return report("reading", figures)


if __name__ == "__main__":
    sys.exit(main())
