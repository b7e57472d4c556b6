"""PDF: columns, furniture, hyphens, fonts that are not embedded, forms and tables."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, Final

from benchmarks.readings.truth import Truth, read_prose

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.readings.vocabulary import Vocabulary

    Made = tuple[bytes, Truth]

SUFFIX: Final = "pdf"
_CHINESE: Final = "STSong-Light"
_TOP, _LINE, _LEFT, _MIDDLE = 780, 16, 50, 320


def prose(words: Vocabulary) -> Made:
    """Pages of paragraphs that wrap."""
    texts = words.sentences(40)
    canvas = _Page(words)
    for page in range(2):
        for at, text in enumerate(texts[20 * page : 20 * page + 20]):
            canvas.wrap(text, _LEFT, _TOP - 36 * at, 60)
        canvas.turn()
    return canvas.content(), read_prose(*texts)


def columns(*, is_by_row: bool) -> Callable[[Vocabulary], Made]:
    """Two columns, drawn one after the other or line by line."""

    def make(words: Vocabulary) -> Made:
        texts = words.sentences(12)
        canvas = _Page(words)
        lines = [(_LEFT, at, line) for at, line in enumerate(canvas.lines(texts[:6], 38))]
        lines += [(_MIDDLE, at, line) for at, line in enumerate(canvas.lines(texts[6:], 38))]
        for left, at, line in sorted(lines, key=lambda line: line[1]) if is_by_row else lines:
            canvas.draw(line, left, _TOP - _LINE * at)
        return canvas.content(), read_prose(*texts)

    return make


def furniture(words: Vocabulary) -> Made:
    """Running headers and footers count once; page numbers may be left out."""
    head, foot, *texts = words.title(), words.title(), *words.sentences(30)
    canvas = _Page(words)
    for page in range(5):
        canvas.draw(head, _LEFT, 815)
        for at, text in enumerate(texts[6 * page : 6 * page + 6]):
            canvas.draw(text, _LEFT, _TOP - 40 - 40 * at)
        canvas.draw(foot, _LEFT, 25)
        canvas.draw(str(page + 1), 550, 25)
        canvas.turn()
    return canvas.content(), Truth(tuple(texts), (head, foot, "1 2 3 4 5"), tuple(texts))


def hyphens(words: Vocabulary) -> Made:
    """Hyphens at the end of lines: those of codes stay, those of words go."""
    codes = [words.code() for _ in range(5)]
    broken = ["informa-tion", "require-ment", "adminis-tration", "docu-mentation", "calibra-tion"]
    texts, lines = [], []
    for code, word in zip(codes, broken, strict=True):
        name = words.name()
        head, tail = word.split("-")
        texts.append(
            f"Today {name} received the new part {code} with further {head}{tail} about the state of the work."
        )
        letters, digits = code.split("-")
        lines += [f"Today {name} received the new part {letters}-", f"{digits} with further {head}-"]
        lines += [f"{tail} about the state of the work."]
    canvas = _Page(words)
    for at, line in enumerate(lines):
        canvas.draw(line, _LEFT, _TOP - _LINE * at)
    return canvas.content(), read_prose(*texts)


def single_glyphs(words: Vocabulary) -> Made:
    """Each character drawn by itself in a font that is named but not embedded."""
    texts = words.sentences(6)
    canvas = _Page(words)
    for at, text in enumerate(texts):
        left = float(_LEFT)
        for character in text:
            canvas.draw(character, left, _TOP - 30 * at)
            left += canvas.width(character)
    return canvas.content(), read_prose(*texts)


def vertical(words: Vocabulary) -> Made:
    """Chinese from top to bottom."""
    texts = ["合同编号与交货日期", "甲方负责运输与保险", f"{words.chance.choice('一二三四五')}月之前付清余款"]
    canvas = _Page(words)
    for at, text in enumerate(texts):
        canvas.draw(text, 500 - 40 * at, 700)
    # reportlab writes fonts for horizontal text only; the other map of the same length makes it vertical.
    return canvas.content().replace(b"UniGB-UCS2-H", b"UniGB-UCS2-V"), read_prose(*texts)


def form(*, is_labelled: bool) -> Callable[[Vocabulary], Made]:
    """Fields that were filled in, with labels beside them or alone on the page."""

    def make(words: Vocabulary) -> Made:
        labels = words.labels(5) if is_labelled else ("",) * 5
        values = [words.code(), *(Latin(words).name() for _ in range(4))]
        canvas = _Page(words)
        for at, (label, value) in enumerate(zip(labels, values, strict=True)):
            if label:
                canvas.draw(f"{label}:", _LEFT, _TOP - 40 * at)
            place = {"x": 160, "y": _TOP - 40 * at - 6, "width": 260, "height": 20}
            canvas.canvas.acroForm.textfield(name=f"field{at}", value=value, borderStyle="inset", **place)
        return canvas.content(), Truth((*labels, *values), tuple(f"field{at}" for at in range(5)), is_repeating=True)

    return make


def typed_notes(words: Vocabulary) -> Made:
    """Text typed onto a page."""
    import pypdf
    from pypdf.annotations import FreeText

    texts, note = words.sentences(4), Latin(words).name()
    canvas = _Page(words)
    for at, text in enumerate(texts):
        canvas.draw(text, _LEFT, _TOP - 40 * at)
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(canvas.content()))
    writer.add_annotation(0, FreeText(text=note, rect=(50, 400, 300, 430)))
    stream = io.BytesIO()
    writer.write(stream)
    return stream.getvalue(), Truth((*texts, note), sentences=texts)


def shadow(words: Vocabulary) -> Made:
    """A title drawn twice for a shadow."""
    title, *texts = words.title(), *words.sentences(5)
    canvas = _Page(words)
    canvas.draw(title, _LEFT + 0.8, _TOP - 0.8)
    canvas.draw(title, _LEFT, _TOP)
    for at, text in enumerate(texts, 1):
        canvas.draw(text, _LEFT, _TOP - 40 * at)
    return canvas.content(), read_prose(title, *texts)


def bullets(words: Vocabulary) -> Made:
    """Bullets of a symbol font are no letters."""
    texts = words.sentences(8)
    canvas = _Page(words)
    for at, text in enumerate(texts):
        canvas.canvas.setFont("Symbol", 11)
        canvas.canvas.drawString(_LEFT, _TOP - 30 * at, "\u2022")
        canvas.reset()
        canvas.draw(text, _LEFT + 20, _TOP - 30 * at)
    return canvas.content(), read_prose(*texts)


def table(*, rows: int, empty: float) -> Callable[[Vocabulary], Made]:
    """A ruled table; its header stands on each page."""

    def make(words: Vocabulary) -> Made:
        from reportlab.platypus import SimpleDocTemplate
        from reportlab.platypus import Table as Grid

        made = words.table(rows, 5, empty)
        font = _Page(words).font
        style = [("GRID", (0, 0), (-1, -1), 0.5, "black"), ("FONTNAME", (0, 0), (-1, -1), font)]
        stream = io.BytesIO()
        SimpleDocTemplate(stream).build([Grid([list(row) for row in made.cells], repeatRows=1, style=style)])
        return stream.getvalue(), made.truth()

    return make


class Latin:
    """Names in Latin letters, which form fields of the standard fonts can hold."""

    def __init__(self, words: Vocabulary) -> None:
        self._words = words

    def name(self) -> str:
        return "".join(self._words.chance.choices("bdfgklmnprst aeiou".replace(" ", ""), k=9)).capitalize()


class _Page:
    """A canvas with the font of a language."""

    def __init__(self, words: Vocabulary) -> None:
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.cidfonts import UnicodeCIDFont
        from reportlab.pdfgen.canvas import Canvas

        pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE))
        self.font = _CHINESE if words.is_chinese else "Helvetica"
        self._stream = io.BytesIO()
        self.canvas: Any = Canvas(self._stream)
        self._is_chinese = words.is_chinese
        self.reset()

    def reset(self) -> None:
        self.canvas.setFont(self.font, 11)

    def draw(self, text: str, left: float, bottom: float) -> None:
        self.canvas.drawString(left, bottom, text)

    def width(self, text: str) -> float:
        return float(self.canvas.stringWidth(text, self.font, 11))

    def wrap(self, text: str, left: float, top: float, width: int) -> None:
        for at, line in enumerate(self.lines([text], width)):
            self.draw(line, left, top - _LINE * at)

    def lines(self, texts: Sequence[str], width: int) -> list[str]:
        """A paragraph cut into lines of ``width`` letters; Chinese ones hold half as many, and keep numbers whole."""
        import textwrap

        if not self._is_chinese:
            return textwrap.wrap(" ".join(texts), width)
        return re.findall(rf"(?s).{{1,{width // 2}}}(?<!\d(?=\d))", "".join(texts))

    def turn(self) -> None:
        self.canvas.showPage()
        self.reset()

    def content(self) -> bytes:
        self.canvas.save()
        return self._stream.getvalue()


KINDS: Final[dict[str, Callable[[Vocabulary], Made]]] = {
    "prose": prose,
    "two columns": columns(is_by_row=False),
    "two columns by row": columns(is_by_row=True),
    "running header": furniture,
    "hyphens (en)": hyphens,
    "single glyphs": single_glyphs,
    "vertical (zh)": vertical,
    "form": form(is_labelled=True),
    "form without labels": form(is_labelled=False),
    "typed notes": typed_notes,
    "shadow": shadow,
    "bullets": bullets,
    "table": table(rows=14, empty=0.2),
    "table over pages": table(rows=90, empty=0),
}
