"""Families of similar documents: only their titles tell them apart, and each has its own numbers.

Each family is a table of sections; `{v}` in a text is a value of the document, `{e}` in a question its name.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.readings import formats, sections
from benchmarks.readings.questions import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.readings.sections import Section


@dataclass(frozen=True)
class Family:
    """Documents of one kind.

    Attributes:
        title: of a document, with `{e}` for its name.
        names: makes the names of documents.
        write: makes a file of a title and its sections.
    """

    name: str
    suffix: str
    title: str
    count: int
    names: Callable[[random.Random, int], list[str]]
    parts: Sequence[Section]
    write: Callable[[str, Sequence[tuple[str, str]]], bytes]


def make_families(seed: int) -> tuple[dict[str, bytes], list[Question]]:
    """All documents of all families, and the questions about them."""
    files: dict[str, bytes] = {}
    questions: list[Question] = []
    for family in FAMILIES:
        for key, content, asked in _make(family, random.Random(f"{family.name} {seed}")):
            files[key] = content
            questions += asked
    return files, questions


def _make(family: Family, chance: random.Random) -> Iterator[tuple[str, bytes, list[Question]]]:
    names = family.names(chance, family.count)
    values = [chance.sample(range(11, 998), family.count) for _ in family.parts]
    for at, name in enumerate(names):
        title = family.title.format(e=name)
        key = f"{title.replace('/', '-')}.{family.suffix}"
        filled = [
            (section.heading, f"{section.answer.format(v=own[at])} {section.around}", own[at])
            for section, own in zip(family.parts, values, strict=True)
        ]
        questions = [
            Question(family.name, section.question.format(e=name), key, (section.answer.format(v=own[at]),))
            for section, own in zip(family.parts, values, strict=True)
        ]
        yield key, family.write(title, [(heading, text) for heading, text, _ in filled]), questions


def _products(brands: str) -> Callable[[random.Random, int], list[str]]:
    def names(chance: random.Random, count: int) -> list[str]:
        return chance.sample([f"{brand} {number}" for brand in brands.split() for number in range(100, 700, 50)], count)

    return names


def _pairs(first: str, second: str, joint: str) -> Callable[[random.Random, int], list[str]]:
    def names(chance: random.Random, count: int) -> list[str]:
        return chance.sample([f"{one}{joint}{other}" for one in first.split() for other in second.split()], count)

    return names


def _dates(pattern: str) -> Callable[[random.Random, int], list[str]]:
    def names(chance: random.Random, count: int) -> list[str]:
        days = chance.sample([(month, day) for month in range(1, 13) for day in range(1, 28, 3)], count)
        return [pattern.format(year=2025, month=month, day=day) for month, day in days]

    return names


def _regions(names: str) -> Callable[[random.Random, int], list[str]]:
    return lambda _, count: names.split()[:count]


_CITIES_EN: Final = "Porto Gdansk Turku Leiden Bergamo Linz Malmo Cork Tartu Namur Ghent Graz Bilbao Lyon Trier Brno"
_CITIES_ZH: Final = "苏州 青岛 厦门 无锡 洛阳 桂林 大连 珠海 温州 烟台 扬州 绵阳 宜昌 柳州 泉州 包头"

FAMILIES: Final = (
    Family(
        "manuals (en)",
        "md",
        "{e} user manual",
        40,
        _products("Nordwind Kestrel Aurora Basalt Meridian"),
        sections.MANUAL_EN,
        formats.write_markdown,
    ),
    Family(
        "manuals (zh)",
        "md",
        "{e}使用说明书",
        40,
        _products("北风 红隼 极光 玄武 子午"),
        sections.MANUAL_ZH,
        formats.write_markdown,
    ),
    Family(
        "contracts (en)",
        "docx",
        "Supply contract with {e}",
        30,
        _pairs("Alder Birch Cedar Maple Willow Rowan", "Mills Foods Motors Textiles Logistics Glass", " "),
        sections.CONTRACT_EN,
        formats.write_docx,
    ),
    Family(
        "contracts (zh)",
        "docx",
        "与{e}的供货合同",
        30,
        _pairs("华 恒 瑞 金 长 泰", "昌食品公司 丰机械公司 达纺织公司 信物流公司 源玻璃公司 盛电子公司", ""),
        sections.CONTRACT_ZH,
        formats.write_docx,
    ),
    Family(
        "minutes (en)",
        "html",
        "Minutes of {e}",
        30,
        _dates("{year}-{month:02}-{day:02}"),
        sections.MINUTES_EN,
        formats.write_html,
    ),
    Family(
        "minutes (zh)",
        "html",
        "{e}会议纪要",
        30,
        _dates("{year}年{month}月{day}日"),
        sections.MINUTES_ZH,
        formats.write_html,
    ),
    Family(
        "price lists (en)", "xlsx", "Price list {e}", 16, _regions(_CITIES_EN), sections.PRICES_EN, formats.write_xlsx
    ),
    Family("price lists (zh)", "xlsx", "{e}价格表", 16, _regions(_CITIES_ZH), sections.PRICES_ZH, formats.write_xlsx),
    Family(
        "FAQs (en)",
        "jsonl",
        "FAQ {e}",
        24,
        _products("Heron Osprey Plover Curlew"),
        sections.FAQ_EN,
        formats.write_jsonl,
    ),
    Family(
        "FAQs (zh)", "jsonl", "{e}常见问题", 24, _products("苍鹭 鱼鹰 白鹤 杓鹬"), sections.FAQ_ZH, formats.write_jsonl
    ),
    Family("laws (en)", "txt", "{e} ordinance", 16, _regions(_CITIES_EN), sections.LAW_EN, formats.write_txt),
    Family("laws (zh)", "txt", "{e}市管理条例", 16, _regions(_CITIES_ZH), sections.LAW_ZH, formats.write_txt),
)
