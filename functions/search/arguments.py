"""Requests from the values of a link, or from what a language model sends, which are texts where others send JSON."""

from __future__ import annotations

from contextlib import suppress
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from shared.domain.errors import RequestError
from shared.runtime.request import simplify


def convert(values: dict[str, Any], kind: type[Any], *, from_text: bool = False) -> Any:
    """``values`` as ``kind``; texts stand for numbers and the like where they come from a link or a language model.

    Raises:
        RequestError: ``invalid_request``, naming the field, or ``invalid_filter``.
    """
    if from_text:
        values = _read_texts(values, kind)
    try:
        return msgspec.convert(simplify(values, kind), kind, strict=not from_text)
    except msgspec.ValidationError as error:
        raise RequestError("invalid_request", f"{error}.") from None


def _read_texts(values: dict[str, Any], kind: type[Any]) -> dict[str, Any]:
    """``values`` with what texts stand for: a filter as JSON, a list as JSON or with commas.

    An empty text in place of another value leaves the field out: forms send what is not filled in, and models what they
    do not use.
    """
    read = dict(values)
    for field in msgspec.structs.fields(kind):
        text, types = read.get(field.encode_name), _list_types(field.type)
        if not isinstance(text, str) or str in types:
            continue
        if not text and not field.required:
            del read[field.encode_name]
        elif field.encode_name == "filter":
            read["filter"] = _read_filter(text)
        elif types & {list, tuple}:
            read[field.encode_name] = _read_list(text)
    return read


def _list_types(declared: Any) -> set[Any]:
    """The types that a declared one may be, such as `str` and `None`."""
    origin = get_origin(declared)
    if origin is Annotated:
        return _list_types(get_args(declared)[0])
    if origin in (Union, UnionType):
        return set().union(*map(_list_types, get_args(declared)))
    return {origin or declared}


def _read_list(text: str) -> list[Any]:
    if text.startswith("["):
        with suppress(msgspec.MsgspecError, UnicodeError, RecursionError):
            return msgspec.json.decode(text, type=list[Any])
    return text.split(",")


def _read_filter(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise RequestError("invalid_filter", "The filter is not JSON.") from None
