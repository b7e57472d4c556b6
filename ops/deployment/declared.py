"""The base of every declared mapping, and the kinds of text and number that occur in several of them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Positive: TypeAlias = Annotated[int, Meta(ge=1)]
Natural: TypeAlias = Annotated[int, Meta(ge=0)]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]
Name: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Path: TypeAlias = Annotated[str, Meta(pattern=r"^/")]
# Its form is a rule of `ops.checks`, which helps with spelling.
Region: TypeAlias = Annotated[str, Meta(min_length=1)]
Method: TypeAlias = Literal["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
Auto: TypeAlias = Literal["auto"]


class Declared(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A mapping of ``s.yaml``: camelCase there, snake_case here, no other keys."""
