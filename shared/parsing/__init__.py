"""Files to text: one module per format, each imported when the first file of its kind arrives.

`parse_bounded` reads a file in a process of its own; `decide` tells from a name and the first bytes whether it is worth
fetching.
"""

from shared.parsing.compressed import is_compressed
from shared.parsing.document import PARSER_REVISION, parse
from shared.parsing.formats import FORMATS, HEAD_BYTES, decide, is_supported
from shared.parsing.isolation import parse_bounded, warm_up
from shared.parsing.limits import Limits

__all__ = [
    "FORMATS",
    "HEAD_BYTES",
    "PARSER_REVISION",
    "Limits",
    "decide",
    "is_compressed",
    "is_supported",
    "parse",
    "parse_bounded",
    "warm_up",
]
