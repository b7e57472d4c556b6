"""MathML as one line of text: ``(5qL^4)/(384EI)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selectolax.lexbor import LexborNode

_TEXT = "-text"
_SCRIPTS = {"msup": "^", "msub": "_", "munder": "_", "mover": "^"}
_DOUBLE_SCRIPTS = frozenset({"msubsup", "munderover"})
_SPACED = frozenset("=<>≤≥≈≠→⇒±∈")


def text_of(math: LexborNode) -> str:
    """A formula as text: from its elements, else its TeX."""
    text = " ".join(_text(math).split())
    if text:
        return text
    for annotation in math.css("annotation"):
        if "tex" in (annotation.attributes.get("encoding") or "").lower():
            return " ".join((annotation.text() or "").split())
    return " ".join((math.attributes.get("alttext") or "").split())


def _text(node: LexborNode) -> str:
    name = node.tag or ""
    if name == _TEXT:
        return (node.text_content or "").strip()
    if name in ("annotation", "annotation-xml", "mphantom"):
        return ""
    children = [
        child for child in node.iter(include_text=True) if child.tag != _TEXT or (child.text_content or "").strip()
    ]
    return _element(name, [_text(child) for child in children])


def _element(name: str, parts: Sequence[str]) -> str:
    if name == "mo" and parts and parts[0] in _SPACED:
        return f" {parts[0]} "
    if name == "mtext":
        return f" {''.join(parts)} "
    if name == "mfrac" and len(parts) == 2:
        return f"{_grouped(parts[0])}/{_grouped(parts[1])}"
    if name in _SCRIPTS and len(parts) == 2:
        return f"{parts[0]}{_SCRIPTS[name]}{_grouped(parts[1])}"
    if name in _DOUBLE_SCRIPTS and len(parts) == 3:
        return f"{parts[0]}_{_grouped(parts[1])}^{_grouped(parts[2])}"
    if name == "msqrt":
        return f"√{_grouped(''.join(parts))}"
    if name == "mroot" and len(parts) == 2:
        return f"{_grouped(parts[1])}√{_grouped(parts[0])}"
    joints = {"mtable": "; ", "mtr": ", ", "mlabeledtr": ", "}
    return joints.get(name, "").join(parts)


def _grouped(text: str) -> str:
    bare = text.strip()
    return bare if len(bare) == 1 or bare.isalnum() else f"({bare})"
