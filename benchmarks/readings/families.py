"""Families of similar documents: only their titles tell them apart, and each has its own numbers.

Each family is a table of sections; `{v}` in a text is a value of the document, `{e}` in a question its name.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from benchmarks.readings import formats
from benchmarks.readings.questions import Question

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True)
class Section:
    """A heading, the sentence with the answer, a sentence around it, and the question."""

    heading: str
    answer: str
    around: str
    question: str


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
    sections: Sequence[Section]
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
    values = [chance.sample(range(11, 998), family.count) for _ in family.sections]
    for at, name in enumerate(names):
        title = family.title.format(e=name)
        key = f"{title.replace('/', '-')}.{family.suffix}"
        filled = [
            (section.heading, f"{section.answer.format(v=own[at])} {section.around}", own[at])
            for section, own in zip(family.sections, values, strict=True)
        ]
        questions = [
            Question(family.name, section.question.format(e=name), key, (section.answer.format(v=own[at]),))
            for section, own in zip(family.sections, values, strict=True)
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


def _regions(*names: str) -> Callable[[random.Random, int], list[str]]:
    return lambda _, count: list(names[:count])


_MANUAL_EN: Final = (
    Section(
        "Battery",
        "A full charge lasts {v} minutes.",
        "Charge the battery with the cable that came with it. Do not open the battery.",
        "How long does a full charge of the {e} last?",
    ),
    Section(
        "Cleaning",
        "Rinse the filter after {v} hours of use.",
        "Use cold water and no detergent. Let all parts dry before the next use.",
        "After how many hours of use must the filter of the {e} be rinsed?",
    ),
    Section(
        "Warranty",
        "The warranty ends after {v} weeks.",
        "Keep the receipt. Damage by water is not covered.",
        "When does the warranty of the {e} end?",
    ),
    Section(
        "Storage",
        "Store the device at most {v} metres above sea level.",
        "The place must be dry and free of dust.",
        "How high above sea level may the {e} be stored?",
    ),
    Section(
        "Noise",
        "The sound level is {v} millibels.",
        "It was measured at a distance of one metre in a quiet room.",
        "How loud is the {e}?",
    ),
)
_MANUAL_ZH: Final = (
    Section("电池", "充满一次可使用{v}分钟。", "请使用随附的充电线。请勿拆开电池。", "{e}充满一次电能用多久？"),
    Section("清洁", "每使用{v}小时后冲洗滤网。", "请用冷水，不要用清洁剂。晾干后再使用。", "{e}的滤网多久冲洗一次？"),
    Section("保修", "保修期为{v}周。", "请保留收据。进水损坏不在保修范围内。", "{e}的保修期是多长？"),
    Section("存放", "存放地点的海拔不得超过{v}米。", "环境应干燥无尘。", "{e}可以存放在海拔多高的地方？"),
    Section("噪声", "工作噪声为{v}毫贝。", "在安静的房间内距离一米处测得。", "{e}的噪声有多大？"),
)
_CONTRACT_EN: Final = (
    Section(
        "Payment",
        "Invoices are due within {v} days.",
        "Payment is made by bank transfer. Late payments bear interest.",
        "Within how many days must {e} pay an invoice?",
    ),
    Section(
        "Delivery",
        "Goods are delivered within {v} hours of the order.",
        "Delivery is made to the main warehouse of the customer.",
        "How quickly are goods delivered to {e}?",
    ),
    Section(
        "Penalty",
        "The penalty for late delivery is {v} euros a day.",
        "It does not exceed the value of the order.",
        "What penalty is due for late delivery to {e}?",
    ),
    Section(
        "Term",
        "The contract runs for {v} weeks.",
        "It is renewed unless one party gives notice.",
        "How long does the contract with {e} run?",
    ),
    Section(
        "Liability",
        "Liability is limited to {v} thousand euros.",
        "This does not apply to intent and gross negligence.",
        "What is the limit of liability towards {e}?",
    ),
)
_CONTRACT_ZH: Final = (
    Section("付款", "发票应在{v}天内支付。", "付款以银行转账方式进行。逾期付款应计利息。", "{e}应在多少天内支付发票？"),
    Section("交货", "货物在下单后{v}小时内交付。", "货物送至客户的主仓库。", "给{e}的货物多久交付？"),
    Section("违约金", "逾期交货的违约金为每天{v}元。", "违约金总额不超过订单金额。", "向{e}逾期交货的违约金是多少？"),
    Section("期限", "合同有效期为{v}周。", "任何一方未提出终止则自动续期。", "与{e}的合同有效期多长？"),
    Section("责任", "赔偿责任以{v}万元为限。", "故意和重大过失除外。", "对{e}的赔偿责任上限是多少？"),
)
_MINUTES_EN: Final = (
    Section(
        "Budget",
        "The budget was raised by {v} thousand euros.",
        "The treasurer presented the figures. All members agreed.",
        "By how much was the budget raised on {e}?",
    ),
    Section(
        "Staff",
        "It was decided to hire {v} people.",
        "The positions are advertised next month.",
        "How many people did the meeting of {e} decide to hire?",
    ),
    Section(
        "Premises",
        "The new rooms measure {v} square metres.",
        "The lease is signed by the chair.",
        "How large are the new rooms according to the minutes of {e}?",
    ),
    Section(
        "Next steps",
        "The report is due in {v} days.",
        "The secretary sends a reminder.",
        "When is the report due that was discussed on {e}?",
    ),
)
_MINUTES_ZH: Final = (
    Section("预算", "预算增加{v}万元。", "财务负责人介绍了数据。与会人员一致同意。", "{e}的会议把预算增加了多少？"),
    Section("人员", "决定招聘{v}人。", "岗位将于下月发布。", "{e}的会议决定招聘多少人？"),
    Section("场地", "新办公区面积为{v}平方米。", "租约由主任签署。", "{e}会议纪要中新办公区面积多大？"),
    Section("下一步", "报告在{v}天内提交。", "秘书负责提醒。", "{e}会议讨论的报告多少天内提交？"),
)
_FAQ_EN: Final = (
    Section(
        "How do I reset the device?",
        "Hold the button for {v} seconds.",
        "All settings are lost.",
        "How do I reset the {e}?",
    ),
    Section(
        "How many users can be added?",
        "At most {v} users can be added.",
        "Each of them needs an address.",
        "How many users can be added to the {e}?",
    ),
    Section(
        "How much memory does it have?",
        "It holds {v} gigabytes.",
        "A part of it is used by the system.",
        "How much memory does the {e} have?",
    ),
    Section(
        "How far does the radio reach?",
        "It reaches {v} metres outdoors.",
        "Walls reduce the distance.",
        "How far does the radio of the {e} reach?",
    ),
    Section(
        "When is support available?",
        "Call extension {v} on working days.",
        "Outside these hours write an email.",
        "Which extension gives support for the {e}?",
    ),
)
_FAQ_ZH: Final = (
    Section("如何恢复出厂设置？", "按住按钮{v}秒。", "所有设置都会丢失。", "{e}如何恢复出厂设置？"),
    Section("最多可以添加多少用户？", "最多可添加{v}个用户。", "每个用户需要一个邮箱。", "{e}最多可以添加多少用户？"),
    Section("存储容量有多大？", "容量为{v}GB。", "其中一部分由系统占用。", "{e}的存储容量有多大？"),
    Section("无线信号能覆盖多远？", "室外可达{v}米。", "墙壁会缩短距离。", "{e}的无线信号能覆盖多远？"),
    Section("如何联系客服？", "工作日请拨分机{v}。", "其他时间请发送邮件。", "{e}的客服分机是多少？"),
)
_GOODS_EN: Final = (
    "copper pipe|rubber seal|ball valve|garden hose|steel cable|pressure gauge|drain pump|filter cartridge"
)
_GOODS_ZH: Final = "铜管|橡胶密封圈|球阀|花园软管|钢缆|压力表|排水泵|滤芯"
_PRICES_EN: Final = tuple(
    Section(item, "{v}", "", f"What does a {item} cost in {{e}}?") for item in _GOODS_EN.split("|")
)
_PRICES_ZH: Final = tuple(Section(item, "{v}", "", f"{{e}}的{item}多少钱？") for item in _GOODS_ZH.split("|"))
_SUBJECTS: Final = (
    ("noise", "The limit is {v} decibels."),
    ("opening hours", "Shops close {v} minutes after sunset."),
    ("fees", "The fee is {v} crowns."),
    ("registration", "Registration is due within {v} days."),
    ("waste", "Each household may hand in {v} kilograms."),
    ("parking", "A place costs {v} crowns a month."),
    ("dogs", "The leash is at most {v} centimetres long."),
    ("trees", "A trunk of {v} millimetres is protected."),
)
_SUBJECTS_ZH: Final = (
    "噪声限值为{v}分贝。",
    "商店在日落后{v}分钟关门。",
    "收费标准为{v}元。",
    "登记应在{v}天内完成。",
    "每户可交{v}公斤废弃物。",
    "车位每月收费{v}元。",
    "牵引绳长度不超过{v}厘米。",
    "树干直径{v}毫米以上的受保护。",
)
_LAW_EN: Final = tuple(
    Section(
        f"Article {at}", text, "Exceptions are granted by the council.", f"What does article {at} of the {{e}} say?"
    )
    for at, (_, text) in enumerate(_SUBJECTS, 11)
)
_LAW_ZH: Final = tuple(
    Section(f"第十{numeral}条", text, "例外情况由委员会批准。", f"《{{e}}》第1{at}条是怎么规定的？")
    for at, (numeral, text) in enumerate(zip("一二三四五六七八", _SUBJECTS_ZH, strict=True), 1)
)
_CITIES_EN: Final = (
    "Porto Gdansk Turku Leiden Bergamo Linz Malmo Cork Tartu Namur Ghent Graz Bilbao Lyon Trier Brno".split()
)
_CITIES_ZH: Final = "苏州 青岛 厦门 无锡 洛阳 桂林 大连 珠海 温州 烟台 扬州 绵阳 宜昌 柳州 泉州 包头".split()

FAMILIES: Final = (
    Family(
        "manuals (en)",
        "md",
        "{e} user manual",
        40,
        _products("Nordwind Kestrel Aurora Basalt Meridian"),
        _MANUAL_EN,
        formats.write_markdown,
    ),
    Family(
        "manuals (zh)",
        "md",
        "{e}使用说明书",
        40,
        _products("北风 红隼 极光 玄武 子午"),
        _MANUAL_ZH,
        formats.write_markdown,
    ),
    Family(
        "contracts (en)",
        "docx",
        "Supply contract with {e}",
        30,
        _pairs("Alder Birch Cedar Maple Willow Rowan", "Mills Foods Motors Textiles Logistics Glass", " "),
        _CONTRACT_EN,
        formats.write_docx,
    ),
    Family(
        "contracts (zh)",
        "docx",
        "与{e}的供货合同",
        30,
        _pairs("华 恒 瑞 金 长 泰", "昌食品公司 丰机械公司 达纺织公司 信物流公司 源玻璃公司 盛电子公司", ""),
        _CONTRACT_ZH,
        formats.write_docx,
    ),
    Family(
        "minutes (en)",
        "html",
        "Minutes of {e}",
        30,
        _dates("{year}-{month:02}-{day:02}"),
        _MINUTES_EN,
        formats.write_html,
    ),
    Family(
        "minutes (zh)", "html", "{e}会议纪要", 30, _dates("{year}年{month}月{day}日"), _MINUTES_ZH, formats.write_html
    ),
    Family("price lists (en)", "xlsx", "Price list {e}", 16, _regions(*_CITIES_EN), _PRICES_EN, formats.write_xlsx),
    Family("price lists (zh)", "xlsx", "{e}价格表", 16, _regions(*_CITIES_ZH), _PRICES_ZH, formats.write_xlsx),
    Family("FAQs (en)", "jsonl", "FAQ {e}", 24, _products("Heron Osprey Plover Curlew"), _FAQ_EN, formats.write_jsonl),
    Family("FAQs (zh)", "jsonl", "{e}常见问题", 24, _products("苍鹭 鱼鹰 白鹤 杓鹬"), _FAQ_ZH, formats.write_jsonl),
    Family("laws (en)", "txt", "{e} ordinance", 16, _regions(*_CITIES_EN), _LAW_EN, formats.write_txt),
    Family("laws (zh)", "txt", "{e}市管理条例", 16, _regions(*_CITIES_ZH), _LAW_ZH, formats.write_txt),
)
