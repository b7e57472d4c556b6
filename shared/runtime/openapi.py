"""What can be asked of the HTTP functions, as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.1.html

One description of both is next to this file, made from their types by ``python -m ops openapi``: a caller who knows
only the address of the domain gets all of it, and no function imports another or builds anything at start.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

PATH = "/openapi.json"
FILE = Path(__file__).with_suffix(".json")


@cache
def read() -> bytes:
    """The description, as JSON."""
    return FILE.read_bytes()
