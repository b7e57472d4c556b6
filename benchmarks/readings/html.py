"""Web pages: tables with spans, hidden parts, readings, pictures, code, and encodings."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Final

from benchmarks.readings.truth import Truth, read_prose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "html"
PICTURE: Final = "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 24).decode()


def prose(words: Vocabulary) -> Made:
    """Headings and paragraphs."""
    texts: list[str] = []
    body = ""
    for _ in range(3):
        own = [words.title(), *words.sentences(4)]
        body += f"<h2>{escape(own[0])}</h2>" + _paragraphs(own[1:])
        texts += own
    return _page(body), read_prose(*texts)


def table(words: Vocabulary) -> Made:
    """A table with empty cells."""
    made = words.table(10, 5, empty=0.25)
    return _page(_table(made.cells)), made.truth()


def large_table(words: Vocabulary) -> Made:
    """300 rows of nine columns."""
    made = words.table(300, 9)
    return _page(_table(made.cells)), made.truth()


def spans(words: Vocabulary) -> Made:
    """A cell over rows counts for each of them; one over columns takes their place."""
    made, name, note = words.table(4, 4), words.name(), words.phrase()
    region = "大区" if words.is_chinese else "Region"
    rows = [f"<td>{escape(row[0])}</td>{_cells(row[1:])}" for row in made.rows]
    rows[0] = f"<td rowspan=4>{escape(name)}</td>{rows[0]}"
    last = words.code()
    rows.append(f"<td>{escape(region[0] + last)}</td><td>{last}</td><td colspan=2>{escape(note)}</td><td>77123</td>")
    head = "".join(f"<th>{escape(label)}</th>" for label in (region, *made.header))
    body = f"<table><tr>{head}</tr>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"
    records = tuple((pairs[0], (region, name), *pairs[1:]) for pairs in made.records())
    extra = ((made.header[0], last), (made.header[3], "77123"))
    shown = (region, name, region[0] + last, last, note, "77123", *made.truth().words)
    return _page(body), Truth(shown, rows=(*records, extra), is_repeating=True)


def hidden(words: Vocabulary) -> Made:
    """What is not shown is no text."""
    texts, ghosts = words.sentences(3), words.sentences(4)
    body = f"<p>{texts[0]}</p><p hidden>{ghosts[0]}</p><div style='display: none'><p>{ghosts[1]}</p></div>"
    body += f"<p>{texts[1]}</p><script>var a = '{ghosts[2]}'</script><template>{ghosts[3]}</template><p>{texts[2]}</p>"
    return _page(body), read_prose(*texts)


def asides(words: Vocabulary) -> Made:
    """An aside and a footer inside an article are content; the page's navigation may be left out."""
    texts, menu = words.sentences(5), words.sentence()
    body = f"<nav><a href='/'>{menu}</a></nav><main><article><h1>{texts[0]}</h1><p>{texts[1]}</p>"
    body += f"<aside>{texts[2]}</aside><p>{texts[3]}</p><footer>{texts[4]}</footer></article></main>"
    return _page(body), Truth(texts, (menu,), texts)


def ruby(words: Vocabulary) -> Made:
    """Readings stand apart from the words they belong to, or are left out."""
    texts = words.sentences(2)
    marked = f"<ruby>横浜<rt>よこはま</rt></ruby>{texts[1]}"
    shown = f"横浜{texts[1]}"
    return _page(f"<p>{texts[0]}</p><p>{marked}</p>"), Truth((texts[0], shown), ("よこはま",), (texts[0], shown))


def pictures(words: Vocabulary) -> Made:
    """Pictures inside the page are no text, what describes them is."""
    texts, description = words.sentences(2), words.sentence()
    body = f"<p>{texts[0]}</p><img alt='{escape(description)}' src='{PICTURE}'><p>{texts[1]}</p>"
    return _page(body), read_prose(texts[0], description, texts[1])


def code(words: Vocabulary) -> Made:
    """Code keeps its lines."""
    texts = words.sentences(2)
    lines = [f"set {words.code().replace('-', '_')}" for _ in range(5)]
    body = f"<p>{texts[0]}</p><pre><code>{chr(10).join(lines)}</code></pre><p>{texts[1]}</p>"
    return _page(body), read_prose(texts[0], *lines, texts[1])


def lists(words: Vocabulary) -> Made:
    """Lists in lists, and terms with definitions."""
    texts = words.sentences(6)
    body = f"<ul><li>{texts[0]}<ul><li>{texts[1]}</li><li>{texts[2]}</li></ul></li><li>{texts[3]}</li></ul>"
    return _page(f"{body}<dl><dt>{texts[4]}</dt><dd>{texts[5]}</dd></dl>"), read_prose(*texts)


def entities(words: Vocabulary) -> Made:
    """Entities are characters."""
    texts = words.sentences(2)
    marked = "".join(f"&#{ord(character)};" for character in texts[0])
    body = f"<p>{marked}</p><p>Caf&eacute; &amp; Z&uuml;rich&nbsp;&#x4e2d;&shy;&#25991;</p><p>{texts[1]}</p>"
    return _page(body), read_prose(texts[0], "Café & Zürich 中文", texts[1])


def encodings(words: Vocabulary) -> Made:
    """Declared as GB 18030, or as Windows-1252."""
    name = "gb18030" if words.is_chinese else "windows-1252"
    texts = words.sentences(4) if words.is_chinese else tuple(f"Über {text} Straße" for text in words.sentences(4))
    body = f"<!doctype html><meta charset={name}>{_paragraphs(texts)}"
    return body.encode(name), read_prose(*texts)


def _page(body: str) -> bytes:
    return f"<!doctype html><html><head><meta charset=utf-8></head><body>{body}</body></html>".encode()


def _paragraphs(texts: Iterable[str]) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in texts)


def _table(rows: Iterable[Iterable[str]]) -> str:
    first, *rest = (list(row) for row in rows)
    head = "".join(f"<th>{escape(label)}</th>" for label in first)
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{_cells(row)}</tr>" for row in rest) + "</table>"


def _cells(row: Iterable[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "prose": prose,
    "table": table,
    "300 rows": large_table,
    "spans": spans,
    "hidden parts": hidden,
    "asides": asides,
    "ruby": ruby,
    "pictures": pictures,
    "code": code,
    "lists": lists,
    "entities": entities,
    "encodings": encodings,
}
