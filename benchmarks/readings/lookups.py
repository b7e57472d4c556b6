"""Lookups: one row, entry or article among many that differ by a name or a number only."""

from __future__ import annotations

import csv
import io
import json
import random
from typing import Final

from benchmarks.readings import archive, formats
from benchmarks.readings.questions import Question
from benchmarks.readings.vocabulary import Vocabulary

_PEOPLE, _PARTS, _ENTRIES, _ARTICLES = 400, 600, 120, 120
_ASKED: Final = 120
_DIGITS: Final = "零一二三四五六七八九"
DIRECTORY, PRICE, PART, ENTRY, ARTICLE = (
    "extension in a directory",
    "price by part number",
    "part number alone",
    "FAQ entry as asked",
    "article by its number",
)

Files = dict[str, bytes]


def make_lookups(seed: int) -> list[tuple[Files, list[Question]]]:
    """Sets of files with the questions about them; each set is indexed by itself."""
    made = (_directory, _prices, _entries, _articles)
    sets = [make(is_chinese, f"{make.__name__} {is_chinese} {seed}") for make in made for is_chinese in (False, True)]
    return [*sets, _articles(True, f"text {seed}", "txt")]


def _directory(is_chinese: bool, seed: str) -> tuple[Files, list[Question]]:
    words = Vocabulary(seed, is_chinese=is_chinese)
    names = list(dict.fromkeys(words.name() for _ in range(3 * _PEOPLE)))[:_PEOPLE]
    extensions = words.chance.sample(range(1000, 9999), _PEOPLE)
    header = ("姓名", "部门", "办公室", "分机") if is_chinese else ("Name", "Department", "Office", "Extension")
    rows = [
        (name, words.phrase(), words.chance.randrange(100, 900), at) for name, at in zip(names, extensions, strict=True)
    ]
    key = "通讯录.xlsx" if is_chinese else "directory.xlsx"
    pattern = "{}的分机号是多少？" if is_chinese else "What is the extension of {}?"
    asked = words.chance.sample(rows, _ASKED)
    questions = [Question(DIRECTORY, pattern.format(row[0]), key, (row[0], str(row[3]))) for row in asked]
    return {key: formats.write_table("Sheet1", (header, *rows))}, questions


def _prices(is_chinese: bool, seed: str) -> tuple[Files, list[Question]]:
    words = Vocabulary(seed, is_chinese=is_chinese)
    chance = words.chance
    numbers = chance.sample([f"{a}{b}-{n}" for a in "KMPT" for b in "LRX" for n in range(4000, 4200)], _PARTS)
    prices = chance.sample(range(10_000, 99_999), _PARTS)
    header = ("零件号", "名称", "供货商", "单价") if is_chinese else ("Part number", "Name", "Supplier", "Price")
    rows = [
        (number, words.phrase(), words.name(), f"{price / 100:.2f}")
        for number, price in zip(numbers, prices, strict=True)
    ]
    stream = io.StringIO()
    csv.writer(stream).writerows((header, *rows))
    key = "价目表.csv" if is_chinese else "prices.csv"
    pattern = "{}的单价是多少？" if is_chinese else "What is the price of {}?"
    asked = chance.sample(rows, _ASKED)
    questions = [Question(PRICE, pattern.format(row[0]), key, (row[0], row[3])) for row in asked]
    questions += [Question(PART, row[0], key, (row[0], row[3])) for row in asked]
    return {key: stream.getvalue().encode()}, questions


def _entries(is_chinese: bool, seed: str) -> tuple[Files, list[Question]]:
    chance = random.Random(seed)
    verbs = ["更改", "重置", "导出", "删除", "打印"] if is_chinese else ["change", "reset", "export", "delete", "print"]
    things = (
        ["密码", "地址", "发票", "订单", "会员卡", "报告", "账户", "标签"]
        if is_chinese
        else ["password", "address", "invoice", "order", "card", "report", "account", "label"]
    )
    places = ["手机上", "电脑上", "柜台"] if is_chinese else ["on the phone", "on the web page", "at the counter"]
    pattern = "如何在{2}{0}{1}？" if is_chinese else "How do I {0} my {1} {2}?"
    asked = [pattern.format(verb, thing, place) for verb in verbs for thing in things for place in places][:_ENTRIES]
    codes = chance.sample(range(1000, 9999), _ENTRIES)
    answer = (
        "请打开菜单第{}项，按提示操作并确认。"
        if is_chinese
        else "Open entry {} of the menu, follow the steps and confirm."
    )
    records = [{"question": text, "answer": answer.format(code)} for text, code in zip(asked, codes, strict=True)]
    key = "faq-zh.jsonl" if is_chinese else "faq-en.jsonl"
    content = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    return {key: content.encode()}, [
        Question(ENTRY, record["question"], key, tuple(record.values())) for record in records
    ]


def _articles(is_chinese: bool, seed: str, suffix: str = "docx") -> tuple[Files, list[Question]]:
    words = Vocabulary(seed, is_chinese=is_chinese)
    texts = [" ".join(words.sentences(3)) for _ in range(_ARTICLES)]
    heads = [f"第{write_numeral(at)}条" if is_chinese else f"Article {at}" for at in range(1, _ARTICLES + 1)]
    patterns = ("第{}条", "第{}条规定了什么？") if is_chinese else ("Article {}", "What does article {} say?")
    key = f"合同.{suffix}" if is_chinese else f"contract.{suffix}"
    articles = [f"{head} {text}" for head, text in zip(heads, texts, strict=True)]
    content = _write_docx(articles) if suffix == "docx" else "\n\n".join(articles).encode()
    questions = [
        Question(ARTICLE, patterns[at % 2].format(at + 1), key, (heads[at] + texts[at],)) for at in range(_ARTICLES)
    ]
    return {key: content}, questions


def write_numeral(number: int) -> str:
    """A number below 200 in Chinese numerals, as articles are counted."""
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    text = "一百" * hundreds
    if tens:
        text += ("" if tens == 1 and not hundreds else _DIGITS[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (_DIGITS[ones] if ones else "")


def _write_docx(paragraphs: list[str]) -> bytes:
    import docx

    document = docx.Document()
    for text in paragraphs:
        document.add_paragraph(text)
    return archive.save(document.save)
