"""Equations of Office (OMML) as one line of text: ``F=(m·v)/t``, ``x^2``, ``sqrt(b^2-4ac)``, ``∑_(i=1)^n x_i``.

Element names are those of ECMA-376 part 1, section 22.1. Each element is written when it closes, so that depth costs no
recursion.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from msgspec import Struct

from shared.parsing.numbering import is_on
from shared.parsing.symbols import symbol

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.parsing.xml_events import Event

STARTS = frozenset({"oMath", "oMathPara"})
# Letters and digits, or one character: needs no parentheses.
_ATOM = re.compile(r"[\w.,′'°]+|.|\\?\w+", re.DOTALL)
# Mathematical letters, such as 𝑥, which are written as plain ones.
_MATH_LETTERS = re.compile("[\U0001d400-\U0001d7ff]")
_DEFAULT_NARY = "∫"
# Results of a fraction that are not one: a binomial, a pair over one another.
_NO_BAR = "noBar"


class _Element(Struct):
    """An open element: its settings by name, and what its children were written as."""

    name: str
    settings: dict[str, str] = {}
    children: list[tuple[str, str]] = []

    def all(self, name: str) -> list[str]:
        return [text for child, text in self.children if child == name]

    def one(self, name: str) -> str:
        return "".join(self.all(name))

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.children)


class Equation:
    """An equation being read: give it the events from the opening of ``oMath`` on, until ``is_open`` is false."""

    def __init__(self) -> None:
        self._open: list[_Element] = []
        self._in_text = False
        self.text = ""

    @property
    def is_open(self) -> bool:
        """Whether the element the equation began with is still open."""
        return bool(self._open)

    def read(self, event: Event) -> None:
        """Take the next event."""
        if event.kind == "open":
            self._in_text = event.name == "t"
            self._open.append(_Element(event.name))
            self._set(event)
        elif event.kind == "close":
            self._in_text = False
            self._close()
        elif self._in_text:
            self._open[-1].children.append(("", _plain(event.name)))

    def _set(self, event: Event) -> None:
        """A setting belongs to the element around its ``...Pr``."""
        name, value = event.name, event.attributes.get("val", "")
        if name == "sym":
            character = symbol(event.attributes.get("font", ""), event.attributes.get("char", ""))
            self._open[-1].children.append(("", character))
        elif name == "tab":
            self._open[-1].children.append(("", " "))
        elif len(self._open) > 2 and self._open[-2].name.endswith("Pr"):
            self._open[-3].settings[name] = value if "val" in event.attributes else "1"

    def _close(self) -> None:
        element = self._open.pop()
        if element.name.endswith("Pr"):
            return
        text = _WRITERS.get(element.name, _write_children)(element)
        if element.name == "m" and not self._is_enclosed():
            text = f"[{text}]"
        if self._open:
            self._open[-1].children.append((element.name, text))
        else:
            self.text = text.strip()

    def _is_enclosed(self) -> bool:
        """Whether delimiters stand around what just closed."""
        return len(self._open) > 1 and self._open[-1].name == "e" and self._open[-2].name == "d"


def _plain(text: str) -> str:
    return _MATH_LETTERS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)


def _grouped(text: str) -> str:
    """``text`` in parentheses unless it reads as one thing."""
    text = text.strip()
    return text if _ATOM.fullmatch(text) or _is_parenthesised(text) else f"({text})"


def _is_parenthesised(text: str) -> bool:
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place == len(text) - 1
    return False


def _script(mark: str, text: str) -> str:
    return f"{mark}{_grouped(text)}" if text.strip() else ""


def _write_children(element: _Element) -> str:
    return element.text


def _write_fraction(element: _Element) -> str:
    above, below = element.one("num"), element.one("den")
    if element.settings.get("type") == _NO_BAR:
        return f"{above.strip()} over {below.strip()}"
    return f"{_grouped(above)}/{_grouped(below)}"


def _write_scripts(element: _Element) -> str:
    base = element.one("e").strip()
    shown = _grouped(base) if base else ""
    return shown + _script("_", element.one("sub")) + _script("^", element.one("sup"))


def _write_before_scripts(element: _Element) -> str:
    return _script("_", element.one("sub")) + _script("^", element.one("sup")) + element.one("e")


def _write_radical(element: _Element) -> str:
    degree = element.one("deg").strip()
    inner = element.one("e").strip()
    if not degree or is_on(element.settings.get("degHide", "0")):
        return f"sqrt{inner}" if _is_parenthesised(inner) else f"sqrt({inner})"
    return f"root({degree}, {inner})"


def _write_nary(element: _Element) -> str:
    sign = element.settings.get("chr", _DEFAULT_NARY)
    sub, sup = element.one("sub"), element.one("sup")
    return f"{sign}{_script('_', sub)}{_script('^', sup)} {element.one('e').strip()}"


def _write_delimiters(element: _Element) -> str:
    settings = element.settings
    opening, closing = settings.get("begChr", "("), settings.get("endChr", ")")
    return f"{opening}{settings.get('sepChr', '|').join(element.all('e'))}{closing}"


def _write_rows(element: _Element) -> str:
    return "; ".join(element.all("mr"))


def _write_row(element: _Element) -> str:
    return ", ".join(text.strip() for text in element.all("e"))


def _write_array(element: _Element) -> str:
    return "; ".join(text.strip() for text in element.all("e"))


def _write_function(element: _Element) -> str:
    inner = element.one("e").strip()
    return f"{element.one('fName').strip()}{'' if _is_parenthesised(inner) else ' '}{inner}"


def _write_limit(mark: str) -> Callable[[_Element], str]:
    return lambda element: element.one("e").strip() + _script(mark, element.one("lim"))


def _write_accent(element: _Element) -> str:
    base = element.one("e").strip()
    return base + element.settings.get("chr", "\u0302") if len(base) == 1 else base


def _write_phantom(element: _Element) -> str:
    return element.one("e") if is_on(element.settings.get("show", "1")) else ""


def _write_paragraph(element: _Element) -> str:
    return "\n".join(element.all("oMath")) or element.text


_WRITERS: dict[str, Callable[[_Element], str]] = {
    "f": _write_fraction,
    "sSup": _write_scripts,
    "sSub": _write_scripts,
    "sSubSup": _write_scripts,
    "sPre": _write_before_scripts,
    "rad": _write_radical,
    "nary": _write_nary,
    "d": _write_delimiters,
    "m": _write_rows,
    "mr": _write_row,
    "eqArr": _write_array,
    "func": _write_function,
    "limLow": _write_limit("_"),
    "limUpp": _write_limit("^"),
    "acc": _write_accent,
    "phant": _write_phantom,
    "oMathPara": _write_paragraph,
    "delText": lambda _: "",
}
