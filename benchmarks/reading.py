"""How well documents are read, and how well what was read is found.

Run as ``python -m benchmarks.reading [PART ...]``. Three parts, all generated from a seed: `extraction` reads documents
of every format and compares words, order, cells and rows with what they hold, beside other readers; `retrieval` asks
for an answer among similar documents; `normalisation` looks for words that are written differently. Peers are installed
into environments of their own, once; nothing else needs the network.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from benchmarks.readings import extraction, normalisation, retrieval, rivals
from benchmarks.readings.corpus import make_corpus
from benchmarks.report import report

if TYPE_CHECKING:
    from benchmarks.report import Figure

_PARTS: Final = ("extraction", "retrieval", "normalisation")


def main() -> int:
    """Measure each part and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*_PARTS, []], help="what is measured; all without")
    parser.add_argument("--peers", nargs="*", choices=tuple(rivals.PACKAGES), default=rivals.DEFAULT)
    parser.add_argument("--seed", type=int, default=1, help="of the generated documents")
    options = parser.parse_args()
    figures: list[Figure] = []
    for part in options.parts or _PARTS:
        if part == "extraction":
            figures += extraction.measure(list(make_corpus(options.seed)), options.peers)
        elif part == "retrieval":
            figures += retrieval.measure(options.seed)
        else:
            figures += normalisation.measure(options.seed)
    return report("reading", figures)


if __name__ == "__main__":
    sys.exit(main())
