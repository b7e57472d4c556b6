"""Documents to measure with: English and Chinese, in every format, the same ones in every run.

A document of `documents` is cut into 5 to 12 chunks by the default settings, as a few pages of office prose are.
"""

from __future__ import annotations

import csv
import html
import io
import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHINESE_FONT: Final = "STSong-Light"
_LINES_PER_PAGE: Final = 40
_SECTIONS: Final = 5
_SENTENCES: Final = (6, 12)


@dataclass(frozen=True)
class _Language:
    """Words a sentence is made of, and how it is put together."""

    pattern: str
    words: dict[str, tuple[str, ...]]

    def sentence(self, chance: random.Random) -> str:
        chosen = {name: chance.choice(words) for name, words in self.words.items()}
        return self.pattern.format(number=chance.randrange(10_000), **chosen)


_ENGLISH = _Language(
    "The {adjective} {subject} {verb} the {object} {place} after {number} hours, and {reason}.",
    {
        "adjective": ("northern", "spare", "second", "remote", "refurbished", "quarterly", "certified", "temporary"),
        "subject": (
            "turbine",
            "warehouse",
            "auditor",
            "pump station",
            "supplier",
            "survey team",
            "controller",
            "ferry",
        ),
        "verb": ("replaced", "inspected", "delayed", "approved", "measured", "cooled", "registered", "returned"),
        "object": ("gearbox", "invoice", "water sample", "licence", "container", "blade", "timetable", "sensor"),
        "place": ("near the harbour", "in hall four", "at the depot", "on the ridge", "below the dam", "in Porto"),
        "reason": (
            "no party objected to the cost",
            "the reading stayed below the limit",
            "the contract was renewed in autumn",
            "a second opinion is still awaited",
            "the record was signed by both sides",
        ),
    },
)
_CHINESE = _Language(
    "{place}的{subject}在{number}小时之后{verb}了{object}，{reason}。",
    {
        "place": ("北部港口", "四号车间", "上海仓库", "山脊观测站", "水坝后方", "杭州分公司", "临时营地", "二期工地"),
        "subject": ("检修小组", "供应商", "审计人员", "控制系统", "渡轮公司", "泵站负责人", "勘察队", "质量部门"),
        "verb": ("更换", "检查", "推迟", "批准", "测量", "登记", "退回", "冷却"),
        "object": ("齿轮箱", "增值税发票", "水质样本", "经营许可证", "集装箱", "风机叶片", "发车时刻表", "温度传感器"),
        "reason": (
            "各方对费用没有异议",
            "读数始终低于上限",
            "合同已在秋季续签",
            "仍在等待第二份意见",
            "双方均已签字确认",
        ),
    },
)


@dataclass(frozen=True)
class Section:
    """A heading and the sentences under it."""

    heading: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """A document before it has a format."""

    title: str
    sections: tuple[Section, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All sentences, headings left out."""
        return tuple(sentence for section in self.sections for sentence in section.sentences)


def documents(count: int) -> dict[str, bytes]:
    """``count`` files by name, the formats and both languages taking turns; equal in every run."""
    formats = list(_FORMATS.items())
    files: dict[str, bytes] = {}
    for number in range(count):
        suffix, write = formats[number % len(formats)]
        chinese = number // len(formats) % 2 == 1
        files[f"report-{number:04}-{'zh' if chinese else 'en'}.{suffix}"] = write(_draft(number, chinese=chinese))
    return files


def questions() -> Iterator[str]:
    """Questions about such documents without end, no two alike, English and Chinese in turns."""
    chance = random.Random("questions")
    asked: set[str] = set()
    while True:
        for language in (_ENGLISH, _CHINESE):
            question = language.sentence(chance)
            if question not in asked:
                asked.add(question)
                yield question


def _draft(number: int, *, chinese: bool) -> Draft:
    chance = random.Random(number)
    language, part = (_CHINESE, "第{}节") if chinese else (_ENGLISH, "Section {}")
    sections = tuple(
        Section(
            part.format(f"{number}.{section}"),
            tuple(language.sentence(chance) for _ in range(chance.randint(*_SENTENCES))),
        )
        for section in range(_SECTIONS)
    )
    return Draft(f"报告 {number}" if chinese else f"Report {number}", sections)


def _txt(draft: Draft) -> bytes:
    return "\n\n".join("\n".join((section.heading, *section.sentences)) for section in draft.sections).encode()


def _md(draft: Draft) -> bytes:
    parts = [f"# {draft.title}"]
    for section in draft.sections:
        parts += [f"## {section.heading}", " ".join(section.sentences)]
    return "\n\n".join(parts).encode()


def _html(draft: Draft) -> bytes:
    parts = [f"<!doctype html><meta charset=utf-8><title>{html.escape(draft.title)}</title>"]
    for section in draft.sections:
        parts += [f"<h2>{html.escape(section.heading)}</h2>", f"<p>{html.escape(' '.join(section.sentences))}</p>"]
    return "\n".join(parts).encode()


def _csv(draft: Draft) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(("section", "statement"))
    writer.writerows((section.heading, sentence) for section in draft.sections for sentence in section.sentences)
    return stream.getvalue().encode()


def _json(draft: Draft) -> bytes:
    sections = [{"heading": section.heading, "statements": section.sentences} for section in draft.sections]
    return json.dumps({"title": draft.title, "sections": sections}, ensure_ascii=False).encode()


def _jsonl(draft: Draft) -> bytes:
    lines = ({"heading": section.heading, "text": " ".join(section.sentences)} for section in draft.sections)
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode()


def _docx(draft: Draft) -> bytes:
    import docx

    document = docx.Document()
    document.core_properties.title = draft.title
    for section in draft.sections:
        document.add_heading(section.heading)
        document.add_paragraph(" ".join(section.sentences))
    return _saved(document.save)


def _pptx(draft: Draft) -> bytes:
    import pptx

    deck = pptx.Presentation()
    for section in draft.sections:
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = section.heading
        slide.placeholders[1].text = "\n".join(section.sentences)
    return _saved(deck.save)


def _xlsx(draft: Draft) -> bytes:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(draft.title)
    sheet.append(("section", "statement"))
    for section in draft.sections:
        for sentence in section.sentences:
            sheet.append((section.heading, sentence))
    return _saved(book.save)


def _pdf(draft: Draft) -> bytes:
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont(_CHINESE_FONT))
    stream = io.BytesIO()
    canvas = Canvas(stream)
    canvas.setTitle(draft.title)
    for start in range(0, len(draft.sentences), _LINES_PER_PAGE):
        canvas.setFont(_CHINESE_FONT, 9)
        for line, sentence in enumerate(draft.sentences[start : start + _LINES_PER_PAGE]):
            canvas.drawString(30, 800 - 18 * line, sentence)
        canvas.showPage()
    canvas.save()
    return stream.getvalue()


def _saved(save: Callable[[io.BytesIO], object]) -> bytes:
    stream = io.BytesIO()
    save(stream)
    return stream.getvalue()


_FORMATS: Final[dict[str, Callable[[Draft], bytes]]] = {
    "txt": _txt,
    "md": _md,
    "html": _html,
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "pdf": _pdf,
}
