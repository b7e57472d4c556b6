"""Numbers of the items of ordered lists on a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_MOST_ROMAN = 3_999


class Numbers:
    """The numbers of the items of ordered lists, as a browser counts them."""

    def __init__(self) -> None:
        self._lists: list[tuple[int, int, str]] = []  # next number, step, type
        self._last: tuple[int, int, str] | None = None

    def enter(self, node: LexborNode) -> None:
        """Begin to count the items of a list."""
        if node.tag != "ol":
            self._lists.append((0, 0, ""))
            return
        attributes = node.attributes
        step = -1 if "reversed" in attributes else 1
        default = sum(1 for child in node.iter(include_text=False) if child.tag == "li") if step < 0 else 1
        self._lists.append((_integer(attributes.get("start"), default), step, attributes.get("type") or "1"))

    def leave(self) -> None:
        """End the list that was entered last."""
        if self._lists:
            self._lists.pop()

    def mark(self, item: LexborNode) -> str:
        """What stands before an item of the list that was entered last: ``3. ``, or nothing."""
        if not self._lists or not self._lists[-1][1]:
            return ""
        self._last = number, step, kind = self._lists[-1]
        number = _integer(item.attributes.get("value"), number)
        self._lists[-1] = (number + step, step, kind)
        return f"{_written(number, kind)}. "

    def back(self) -> None:
        """Count the last item again."""
        if self._lists and self._lists[-1][1] and self._last:
            self._lists[-1] = self._last


def _integer(text: str | None, default: int) -> int:
    text = (text or "").strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 9 else default


def _written(number: int, kind: str) -> str:
    if kind in ("a", "A") and number > 0:
        return _letters(number) if kind == "a" else _letters(number).upper()
    if kind in ("i", "I") and 0 < number <= _MOST_ROMAN:
        return _roman(number) if kind == "i" else _roman(number).upper()
    return str(number)


def _letters(number: int) -> str:
    text = ""
    while number > 0:
        number, letter = divmod(number - 1, 26)
        text = chr(ord("a") + letter) + text
    return text


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        text += letters * count
    return text
