"""The script of a text without spaces between its words."""

from __future__ import annotations

import pytest

from shared.language.scripts import find_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("港口什么时候关闭？", "han"),
        ("他在店名里用了一个“の”字，但这是一段普通的中文文字，讲的是别的事情。", "han"),
        ("港はいつ閉まりますか", "kana"),
        ("ソフトウェア", "kana"),
        ("항구는 겨울에 닫힌다", "hangul"),
        ("ท่าเรือปิดในฤดูหนาว", "thai"),
        ("ທ່າເຮືອປິດ", "lao"),
        ("ဆိပ်ကမ်းပိတ်သည်", "myanmar"),
        ("កំពង់ផែបិទ", "khmer"),
        ("Aero 3 空气监测仪的滤网需要每月清洁", "han"),
        ("The harbour is closed", ""),
        ("Гавань закрыта", ""),
        ("1042", ""),
        ("", ""),
    ],
)
def test_the_script_is_that_of_most_characters(text: str, script: str) -> None:
    assert find_script(text) == script
