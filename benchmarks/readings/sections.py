"""What the documents of a family hold: sections with a value each, and the questions that ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Section:
    """A heading, the sentence with the answer, a sentence around it, and the question."""

    heading: str
    answer: str
    around: str
    question: str


MANUAL_EN: Final = (
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
MANUAL_ZH: Final = (
    Section("电池", "充满一次可使用{v}分钟。", "请使用随附的充电线。请勿拆开电池。", "{e}充满一次电能用多久？"),
    Section("清洁", "每使用{v}小时后冲洗滤网。", "请用冷水，不要用清洁剂。晾干后再使用。", "{e}的滤网多久冲洗一次？"),
    Section("保修", "保修期为{v}周。", "请保留收据。进水损坏不在保修范围内。", "{e}的保修期是多长？"),
    Section("存放", "存放地点的海拔不得超过{v}米。", "环境应干燥无尘。", "{e}可以存放在海拔多高的地方？"),
    Section("噪声", "工作噪声为{v}毫贝。", "在安静的房间内距离一米处测得。", "{e}的噪声有多大？"),
)
CONTRACT_EN: Final = (
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
CONTRACT_ZH: Final = (
    Section("付款", "发票应在{v}天内支付。", "付款以银行转账方式进行。逾期付款应计利息。", "{e}应在多少天内支付发票？"),
    Section("交货", "货物在下单后{v}小时内交付。", "货物送至客户的主仓库。", "给{e}的货物多久交付？"),
    Section("违约金", "逾期交货的违约金为每天{v}元。", "违约金总额不超过订单金额。", "向{e}逾期交货的违约金是多少？"),
    Section("期限", "合同有效期为{v}周。", "任何一方未提出终止则自动续期。", "与{e}的合同有效期多长？"),
    Section("责任", "赔偿责任以{v}万元为限。", "故意和重大过失除外。", "对{e}的赔偿责任上限是多少？"),
)
MINUTES_EN: Final = (
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
MINUTES_ZH: Final = (
    Section("预算", "预算增加{v}万元。", "财务负责人介绍了数据。与会人员一致同意。", "{e}的会议把预算增加了多少？"),
    Section("人员", "决定招聘{v}人。", "岗位将于下月发布。", "{e}的会议决定招聘多少人？"),
    Section("场地", "新办公区面积为{v}平方米。", "租约由主任签署。", "{e}会议纪要中新办公区面积多大？"),
    Section("下一步", "报告在{v}天内提交。", "秘书负责提醒。", "{e}会议讨论的报告多少天内提交？"),
)
FAQ_EN: Final = (
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
FAQ_ZH: Final = (
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
PRICES_EN: Final = tuple(
    Section(item, "{v}", "", f"What does a {item} cost in {{e}}?") for item in _GOODS_EN.split("|")
)
PRICES_ZH: Final = tuple(Section(item, "{v}", "", f"{{e}}的{item}多少钱？") for item in _GOODS_ZH.split("|"))
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
SUBJECTS_ZH: Final = (
    "噪声限值为{v}分贝。",
    "商店在日落后{v}分钟关门。",
    "收费标准为{v}元。",
    "登记应在{v}天内完成。",
    "每户可交{v}公斤废弃物。",
    "车位每月收费{v}元。",
    "牵引绳长度不超过{v}厘米。",
    "树干直径{v}毫米以上的受保护。",
)
LAW_EN: Final = tuple(
    Section(
        f"Article {at}",
        text,
        "Exceptions are granted by the council.",
        f"What does article {at} of the {{e}} ordinance say?",
    )
    for at, (_, text) in enumerate(_SUBJECTS, 11)
)
LAW_ZH: Final = tuple(
    Section(f"第十{numeral}条", text, "例外情况由委员会批准。", f"《{{e}}市管理条例》第1{at}条是怎么规定的？")
    for at, (numeral, text) in enumerate(zip("一二三四五六七八", SUBJECTS_ZH, strict=True), 1)
)
