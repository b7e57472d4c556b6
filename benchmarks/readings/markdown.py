"""Markdown: tables, code in every form, escapes, pictures inside the text, and front matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from benchmarks.readings.html import PICTURE
from benchmarks.readings.truth import Truth, read_prose

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.readings.truth import Table
    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "md"


def prose(words: Vocabulary) -> Made:
    """Headings, paragraphs, emphasis and lists."""
    texts = [words.title(), *words.sentences(6)]
    body = (
        f"# {texts[0]}\n\n{texts[1]}\n\n**{texts[2]}**\n\n- {texts[3]}\n  - {texts[4]}\n- *{texts[5]}*\n\n> {texts[6]}"
    )
    return body.encode(), read_prose(*texts)


def table(words: Vocabulary) -> Made:
    """A table with empty cells."""
    return _tabled(words, words.table(10, 5, empty=0.25))


def large_table(words: Vocabulary) -> Made:
    """300 rows of nine columns."""
    return _tabled(words, words.table(300, 9))


def fence_in_list(words: Vocabulary) -> Made:
    """Fenced code inside an item."""
    texts, lines = words.sentences(2), _commands(words)
    code = "\n".join(f"   {line}" for line in lines)
    return f"1. {texts[0]}\n\n   ```bash\n{code}\n   ```\n\n2. {texts[1]}\n".encode(), _mixed(texts, lines, "bash 1 2")


def indented_code(words: Vocabulary) -> Made:
    """Code by indentation."""
    texts, lines = words.sentences(2), _commands(words)
    code = "\n".join(f"    {line}" for line in lines)
    return f"{texts[0]}\n\n{code}\n\n{texts[1]}\n".encode(), _mixed(texts, lines)


def escapes(words: Vocabulary) -> Made:
    """A backslash in front of punctuation goes."""
    names = [words.code().replace("-", "_") for _ in range(4)]
    escaped = [name.replace("_", "\\_") for name in names]
    texts = words.sentences(2)
    body = f"{texts[0]}\n\n\\*{escaped[0]}\\* {escaped[1]} \\[{escaped[2]}\\] \\# {escaped[3]}\n\n{texts[1]}"
    return body.encode(), read_prose(texts[0], " ".join(names), texts[1])


def inner_html(words: Vocabulary) -> Made:
    """Comments go, tags go, entities are characters."""
    texts, ghost = words.sentences(4), words.sentences(2)
    body = f"{texts[0]}\n\n<!-- {ghost[0]}\n\n{ghost[1]} -->\n\n<div align=center>{texts[1]}</div>\n\n"
    return (body + f"{texts[2]} &amp; <kbd>Ctrl</kbd>\n\n{texts[3]}").encode(), read_prose(
        *texts[:2], f"{texts[2]} & Ctrl", texts[3]
    )


def pictures(words: Vocabulary) -> Made:
    """Pictures inside the text, in place or by reference."""
    texts, description = words.sentences(3), words.sentence()
    body = f"{texts[0]}\n\n![{description}]({PICTURE})\n\n{texts[1]} ![][one]\n\n{texts[2]}\n\n[one]: {PICTURE}\n"
    return body.encode(), read_prose(texts[0], description, *texts[1:])


def front_matter(*, is_toml: bool) -> Callable[[Vocabulary], Made]:
    """A title in front of the text."""

    def make(words: Vocabulary) -> Made:
        title, texts = words.title(), words.sentences(4)
        head = f'+++\ntitle = "{title}"\n+++' if is_toml else f'---\ntitle: "{title}"\n---'
        body = "\n\n".join(texts)
        return f"{head}\n\n{body}\n".encode(), Truth(texts, ("title", title), texts)

    return make


def setext(words: Vocabulary) -> Made:
    """Underlined headings, links and references."""
    texts = [words.title(), *words.sentences(3)]
    body = f"{texts[0]}\n=====\n\n{texts[1]}\n\n[{texts[2]}](https://example.com/a)\n\n***\n\n{texts[3]}\n"
    return body.encode(), Truth(tuple(texts), ("https example com a",), tuple(texts))


def _tabled(words: Vocabulary, made: Table) -> Made:
    before, after = words.sentences(2)
    rows = ["| " + " | ".join(row) + " |" for row in made.cells]
    rows.insert(1, "|" + " --- |" * len(made.header))
    return f"{before}\n\n{chr(10).join(rows)}\n\n{after}\n".encode(), made.truth(sentences=(before, after))


def _commands(words: Vocabulary) -> list[str]:
    return [f"# {words.code()}", *(f"set {words.code().replace('-', '_')}" for _ in range(4))]


def _mixed(texts: tuple[str, ...], lines: list[str], allowed: str = "") -> Truth:
    return read_prose(texts[0], *lines, texts[1], allowed=(allowed,))


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "prose": prose,
    "table": table,
    "300 rows": large_table,
    "fence in list": fence_in_list,
    "indented code": indented_code,
    "escapes": escapes,
    "html inside": inner_html,
    "pictures": pictures,
    "yaml front matter": front_matter(is_toml=False),
    "toml front matter": front_matter(is_toml=True),
    "setext and links": setext,
}
