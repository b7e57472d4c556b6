"""What is highlighted of a chunk."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.retrieval.highlighting import Highlighter


def marked(query: str, text: str) -> list[str]:
    return [text[start:end] for start, end in Highlighter(query).find(text)]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("How do I clean the dust filter?", "CLEANING: wipe dust off the filters.", ["CLEANING", "dust", "filters"]),
        ("when does a ferry leave", "Ferries leave; one is leaving.", ["Ferries", "leave", "leaving"]),
        ("stopped processes", "Stop the process. Stopping takes a second.", ["Stop", "process", "Stopping"]),
        ("Which houses need speed?", "A house needs speeds; the king does not.", ["house", "needs", "speeds"]),
        ("who is the king", "The kingdom has no king, only the ring.", ["king"]),
        ("is it on?", "It is on the table.", []),
        ("red cars", "The scar was red.", ["red"]),
    ],
    ids=lambda item: str(item)[:30],
)  # fmt: skip
def test_words_count_whatever_their_case_and_light_inflection(query: str, text: str, expected: list[str]) -> None:
    assert marked(query, text) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("the 21:40 ferry", "It leaves at 21:40, not 21:4 or 1:40 or 40.", ["21:40"]),
        ("30 days", "After 30 days, not 300, 3 or 130.", ["30", "days"]),
        ("3.5 litres", "Either 3.5 or 3 and 5 litres.", ["3.5", "litres"]),
        ("IP67 v2", "Rated ip67, firmware V2, not IP6 or 67.", ["ip67", "V2"]),
        ("2026年", "截至2026年底", ["2026"]),
    ],
)
def test_numbers_count_as_a_whole(query: str, text: str, expected: list[str]) -> None:
    assert marked(query, text) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("没有休完的年假怎么办？", "未休完的年假可以结转到次年三月。", ["休完的年假"]),
        ("港口什么时候结冰", "港口在一月结冰。", ["港口", "结冰"]),
        ("保修期多长", "整机保修期为三年，滤网不在保修期内。", ["保修期", "保修期"]),
        ("港口的位置", "港口的水深为十米，入口的宽度为五米。", ["港口"]),
        ("什么是什么", "什么都不是，什么都没有。", []),
        ("他的手机", "她的手机和我的手表", ["手机"]),
        ("合同有效期", "合同的有效期为一年", ["合同", "有效期"]),
        ("清洁滤网 filter", "请定期清洁滤网（Filters）。", ["清洁滤网", "Filters"]),
    ],
)
def test_chinese_counts_by_runs_of_at_least_two_characters_that_both_share(
    query: str, text: str, expected: list[str]
) -> None:
    assert marked(query, text) == expected


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("1280.50", "The price is 1,280.50 euros.", ["1,280.50"]),
        ("1,280.50", "about 1280.5 or 12805", ["1280.5"]),
        ("15000", "预算1.5万，不是1.5亿", ["1.5万"]),
        ("300元", "押金三百元整", ["三百"]),
        ("25kg", "A sack of 25 kg, not of 250 kg or 25 km", ["25 kg"]),
        ("2026-05-08", "于2026年5月8日签订，2026年5月9日生效", ["2026年5月8日"]),
        ("8 May 2026", "Date: 2026-05-08, paid 08.05.2026.", ["2026-05-08", "08.05.2026"]),
        ("maxRetryCount", "Set max_retry_count, or max-retry-count=3.", ["max_retry_count", "max-retry-count"]),
        ("retry", "maxRetryCount", ["Retry"]),
        ("wifi", "The Wi-Fi password", ["Wi-Fi"]),
        ("ABC12345", "Fuse ABC-12345 and ABC-123456", ["ABC-12345"]),
        ("12345", "Fuse ABC-12345", ["12345"]),
        ("creme brulee", "Crème brûlée", ["Crème", "brûlée"]),
        ("cafe", "cafe\u0301 au lait", ["cafe\u0301"]),
        ("fine office", "ﬁne oﬃce", ["ﬁne", "oﬃce"]),
        ("information", "infor\u00admation", ["infor\u00admation"]),
        ("ABC-123", "编号ＡＢＣ－１２３的", ["ＡＢＣ－１２３"]),
        ("发票报销", "發票報銷流程", ["發票報銷"]),
        ("colour sold", "They sell any color.", ["sell", "color"]),
        ("カタカナ", "全角カタカナを使う", ["カタカナ"]),
        ("서울특별시", "서울특별시에서 만나요", ["서울특별시"]),
        ("15000", "约：1.5万，或 15k", ["1.5万", "15k"]),
        ("3000000", "about 3 million people", ["3 million"]),
        ("25公斤", "每袋25kg。每箱25千克。", ["25kg", "25千克"]),
        ("2:30 pm", "会议14:30开始，下午2点半签到，3:30结束", ["14:30", "下午2点半"]),
        ("v1.2.3", "Fixed in 1.2.3, not in 11.2.3", ["1.2.3"]),
        ("C++", "C/C++ and C#", ["C++"]),
        ("星期五", "每周五和Friday", ["周五", "Friday"]),
        ("姓名", "姓 名：张三", ["姓 名"]),
        ("停 车 位", "地下停车位", ["停车位"]),
        ("R", "R语言与C语言", ["R"]),
        ("第3条", "第三条与第四条，第13条", ["第三"]),
        ("第三条", "第3条 与 第4条", ["3"]),
        ("两个月", "试用期2个月，不是3天", ["2个月"]),
        ("15%", "占百分之十五", ["百分之十五"]),
        ("滤", "滤网与过滤器", ["滤", "滤"]),
    ],
    ids=lambda item: str(item)[:30],
)  # fmt: skip
def test_what_is_written_in_another_way_is_marked_as_a_whole(query: str, text: str, expected: list[str]) -> None:
    assert marked(query, text) == expected


def test_a_mark_holds_whole_characters() -> None:
    assert marked("noel", "🎄 Noe\u0308l 🎄") == ["Noe\u0308l"]
    assert Highlighter("滤网").find("👨‍👩‍👧滤\u200b网") == [(5, 8)]


def test_offsets_count_characters_and_not_bytes_or_code_units() -> None:
    assert Highlighter("滤网 dust").find("🙂🙂滤网 dust") == [(2, 4), (5, 9)]


def test_no_text_takes_long_to_highlight() -> None:
    started = time.process_time()
    for unit in ("a", "aB", "1", "1 ", "a-", "a.b", "2026-", "1,", "字", "一", "é", "_"):
        Highlighter("2026-05-08 maxRetry 1,280.50 滤网").find((unit * 20_000)[:20_000])
    assert time.process_time() - started < 10


@given(
    st.text("ab的滤网清洁 1.,s-\u0301\u00adﬁ２½月\ud800🙂", max_size=40),
    st.text("aB的滤网清洁 1.,s-\u0301\u00adﬁ２½月\ud800🙂", max_size=80),
)
def test_highlights_are_in_order_apart_and_within_the_text(query: str, text: str) -> None:
    found = Highlighter(query).find(text)
    assert all(start < end <= len(text) for start, end in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))
