"""Files to text: one module per format, each imported when the first file of its kind arrives."""

from shared.parsing.document import parse
from shared.parsing.formats import FORMATS, is_supported
from shared.parsing.isolation import parse_bounded, warm_up
from shared.parsing.limits import Limits

__all__ = ["FORMATS", "Limits", "is_supported", "parse", "parse_bounded", "warm_up"]
