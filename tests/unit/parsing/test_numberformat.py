"""Number formats: what Excel shows for a stored number."""

from __future__ import annotations

import pytest

from shared.parsing.numberformat import show_number, show_text


@pytest.mark.parametrize(
    ("raw", "code", "shown"),
    [
        ("0.085", "0.0%", "8.5%"),
        ("2345.5", '"¥"#,##0.00', "¥2,345.50"),
        ("760", "#,##0.00\\ [$€-407]", "760.00 €"),
        ("1234.5", '_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-', "1,234.50 €"),
        ("-2500", "#,##0;(#,##0)", "(2,500)"),
        ("-2500", "#,##0", "-2,500"),
        ("519", "00000", "00519"),
        ("13800138000", "000-0000-0000", "138-0013-8000"),
        ("12.5", '0.0 "kg"', "12.5 kg"),
        ("2.125", "# ?/8", "2 1/8"),
        ("123456", "0.00E+00", "1.23E+05"),
        ("0", '0;-0;"none"', "none"),
        ("5", '[>=100]"big";[<100]"small "0', "small 5"),
        # What is rounded or scaled away can still be found.
        ("1469.1264", "#,##0.00", "1,469.13 (1469.1264)"),
        ("0.3333333333333333", "0.00", "0.33"),
        ("4500000", '0.0,,"M"', "4.5M (4500000)"),
        ("20000", '0!.0,"万"', "2.0万 (20000)"),
        ("13800138000", "000!-0000!-0000", "138-0013-8000"),
        ("5", "0!", "5!"),
        # Whole numbers are whole, and others have the 15 digits that Excel has.
        ("4512340000567890", "0", "4512340000567890"),
        ("6.22202123456789E+18", "General", "6222021234567890000"),
        ("434.9999999999999", "General", "435"),
        ("12.0", "General", "12"),
    ],
)
def test_numbers_are_shown_as_in_the_cell(raw: str, code: str, shown: str) -> None:
    assert show_number(raw, code) == shown


@pytest.mark.parametrize(
    ("raw", "code", "shown"),
    [
        ("46086", "yyyy-mm-dd", "2026-03-05"),
        ("46086", 'yyyy"年"m"月"d"日"', "2026年3月5日"),
        ("46086", "dd.mm.yyyy", "05.03.2026 (2026-03-05)"),
        ("46082", "mmm-yy", "Mar-26 (2026-03)"),
        ("46086.614583333336", "m/d/yy h:mm", "3/5/26 14:45 (2026-03-05)"),
        ("46086", "yyyy-mm-dd hh:mm:ss", "2026-03-05"),
        ("0.354166666666667", "h:mm AM/PM", "8:30 AM"),
        ("1.2951388888888888", "[h]:mm", "31:05"),
        ("0.0208333333333", "mm:ss", "30:00"),
    ],
)
def test_dates_and_times_are_shown_with_the_year_first_where_the_cell_has_another_order(
    raw: str, code: str, shown: str
) -> None:
    assert show_number(raw, code) == shown


def test_days_may_be_counted_from_1904() -> None:
    assert show_number("44624", "yyyy-mm-dd", epoch_1904=True) == "2026-03-05"


@pytest.mark.parametrize(
    "code", ["", "[", '"', "0" * 300, "0.0.0.0", ";;;", "[$", "\\", "#,##0" + "," * 200, "?" * 250]
)
@pytest.mark.parametrize("raw", ["1", "-1.5", "1e308", "nan", "x", ""])
def test_no_code_fails(code: str, raw: str) -> None:
    assert isinstance(show_number(raw, code), str)


def test_a_format_may_add_to_a_text() -> None:
    assert show_text("AB", '0;-0;0;@" (old)"') == "AB (old)"


@pytest.mark.parametrize(
    ("raw", "code", "shown"),
    [
        ("123", "[DBNum1][$-804]General", "一百二十三 (123)"),
        ("1280.5", '[DBNum2][$-804]General"元"', "壹仟贰佰捌拾.伍元 (1280.5)"),
        ("1000023", "[DBNum2]General", "壹佰万零贰拾叁 (1000023)"),
        ("200500000", "[DBNum1]General", "二亿〇五十万 (200500000)"),
        ("0", "[DBNum2]General", "零 (0)"),
        ("7", '"第"[DBNum1]0"期"', "第七期 (7)"),
        ("417", "[DBNum1]0000", "〇四一七 (417)"),
        ("46307", '[DBNum1][$-804]yyyy"年"m"月"d"日"', "二〇二六年十月十二日 (2026-10-12)"),
        ("0.5", '[DBNum1]h"时"mm"分"', "十二时〇分"),
        ("12345678901234567890", "[DBNum1]General", "一二三四五六七八九〇一二三四五六七八九〇 (12345678901234567890)"),
    ],
)
def test_numbers_may_be_written_in_chinese_characters(raw: str, code: str, shown: str) -> None:
    assert show_number(raw, code) == shown
