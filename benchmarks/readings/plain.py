"""Plain text: encodings, logs, and characters that look like others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.readings.truth import read_prose

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.readings.truth import Truth
    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "txt"


def encoded(english: str, chinese: str) -> Callable[[Vocabulary], Made]:
    """Prose in an encoding of each language."""

    def make(words: Vocabulary) -> Made:
        texts = words.sentences(12)
        if not words.is_chinese:
            texts = tuple(f"{text} Größe naïve café" for text in texts)
        return "\n\n".join(texts).encode(chinese if words.is_chinese else english), read_prose(*texts)

    return make


def mixed_log(words: Vocabulary) -> Made:
    """Each line in its own encoding."""
    from benchmarks.readings.vocabulary import Vocabulary as Source

    chinese = Source(words.sentence(), is_chinese=True)
    texts = chinese.sentences(8)
    names = ("utf-8", "gb18030") if words.is_chinese else ("gb18030", "utf-8")
    lines = [f"2026-05-{at + 10} {text}\n".encode(names[at % 2]) for at, text in enumerate(texts)]
    return b"".join(lines), read_prose(*(f"2026-05-{at + 10} {text}" for at, text in enumerate(texts)))


def ansi(words: Vocabulary) -> Made:
    """Escape sequences go whole."""
    texts = words.sentences(6)
    lines = [f"\x1b[31mERROR\x1b[0m {text} code=\x1b[1;33mE{at}\x1b[0m\x1b[K" for at, text in enumerate(texts)]
    return "\n".join(lines).encode(), read_prose(*(f"ERROR {text} code=E{at}" for at, text in enumerate(texts)))


def traditional(words: Vocabulary) -> Made:
    """Traditional Chinese in Big5."""
    lines = [
        f"第{words.chance.randrange(10, 99)}號倉庫於五月{at}日收到{words.code()}，請保管員確認數量。"
        for at in range(1, 12)
    ]
    return "\n\n".join(lines).encode("big5"), read_prose(*lines)


def wide(words: Vocabulary) -> Made:
    """Full-width forms and radicals stay as written; they are compared by their plain forms."""
    texts = words.sentences(4)
    table = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
    shown = [text.translate(table).replace("人", "⼈").replace("日", "⽇") for text in texts]
    return "\n\n".join(shown).encode(), read_prose(*texts)


def invisible(words: Vocabulary) -> Made:
    """Soft hyphens and zero-width characters inside words."""
    texts = words.sentences(4)
    shown = (text.replace("e", "e\u00ad").replace("审", "审\u200b").replace("the", "t\u200bhe") for text in texts)
    return "\n\n".join(shown).encode(), read_prose(*texts)


def large(words: Vocabulary) -> Made:
    """Prose of many chunks."""
    texts = words.sentences(400)
    paragraphs = ((" " if not words.is_chinese else "").join(texts[at : at + 5]) for at in range(0, 400, 5))
    return "\n\n".join(paragraphs).encode(), read_prose(*texts)


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "utf-8": encoded("utf-8", "utf-8"),
    "utf-8 with a mark": encoded("utf-8-sig", "utf-8-sig"),
    "utf-16": encoded("utf-16", "utf-16"),
    "national encoding": encoded("windows-1252", "gb18030"),
    "big5 (zh)": traditional,
    "mixed encodings": mixed_log,
    "escape sequences": ansi,
    "full width": wide,
    "invisible characters": invisible,
    "long": large,
}
