"""JSON values as lines a person can read, the prose of a record first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.parsing.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

# Fields that hold what a record says, in reading order; the rest describe it.
_PROSE = (
    "title",
    "标题",
    "question",
    "问题",
    "summary",
    "摘要",
    "text",
    "content",
    "内容",
    "正文",
    "body",
    "answer",
    "答案",
)
_TITLES = frozenset(_PROSE[:2])


def decoded(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        DocumentError: ``too_deep``.
        ValueError: the text is not JSON.
    """
    # Imported here with the other decoders: nothing but a JSON upload needs it.
    import msgspec

    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError from error


def readable(value: object, max_nesting: int) -> str:
    """``value`` as text: its prose fields as they are, then ``path: value`` line by line.

    Raises:
        DocumentError: ``too_deep`` beyond ``max_nesting`` levels.
    """
    if not isinstance(value, dict):
        return "\n".join(_lines(value, "", max_nesting))
    names = {str(name).lower(): name for name in value}
    prose = [names[name] for name in _PROSE if isinstance(value.get(names.get(name, "")), str)]
    rest = {name: field for name, field in value.items() if name not in prose}
    return "\n".join([*(value[name] for name in prose), *_lines(rest, "", max_nesting)]).strip()


def title_of(value: object) -> str:
    """The title a record gives itself, or empty."""
    if not isinstance(value, dict):
        return ""
    return next((field for name, field in value.items() if name.lower() in _TITLES and isinstance(field, str)), "")


def _lines(value: object, path: str, depth: int) -> Iterator[str]:
    if depth < 0:
        raise refusal("too_deep", "The record nests its values too deeply to be read.")
    if isinstance(value, dict):
        for name, field in value.items():
            yield from _lines(field, f"{path}.{name}" if path else str(name), depth - 1)
    elif isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        yield from _line(", ".join(_shown(item) for item in value if item is not None), path)
    elif isinstance(value, list):
        for number, item in enumerate(value, start=1):
            yield from _lines(item, f"{path}[{number}]", depth - 1)
    elif value is not None:
        yield from _line(_shown(value), path)


def _line(text: str, path: str) -> Iterator[str]:
    if text.strip():
        yield f"{path}: {text}" if path else text


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
