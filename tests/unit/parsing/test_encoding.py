"""Laws of turning bytes into text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from shared.parsing.detection import detect
from shared.parsing.encoding import clean
from tests.profile import slow
from tests.unit.parsing.files import texts, write

if TYPE_CHECKING:
    from pathlib import Path

SIMPLIFIED = (
    "我们今天去学校上课。",
    "这个系统可以搜索文档",
    "请在三个工作日内完成设备检查。",
    "关于进一步加强安全生产工作的通知",
    "人工智能技术正在改变我们的生活方式，也带来了新的问题。",
    "员工每年享有十五天带薪年假",
)
TRADITIONAL = (
    "我們今天去學校上課。",
    "這個系統可以搜尋文件",
    "請在三個工作日內完成設備檢查。",
    "關於進一步加強安全生產工作的通知",
    "人工智慧技術正在改變我們的生活方式，也帶來了新的問題。",
    "員工每年享有十五天帶薪年假",
)


@pytest.mark.parametrize("sentence", SIMPLIFIED)
def test_gb18030_is_told_from_every_other_encoding_even_in_ten_characters(tmp_path: Path, sentence: str) -> None:
    assert texts(write(tmp_path, "a.txt", sentence.encode("gb18030"))) == [sentence]


@pytest.mark.parametrize("sentence", TRADITIONAL)
def test_big5_is_told_from_every_other_encoding_even_in_ten_characters(tmp_path: Path, sentence: str) -> None:
    assert texts(write(tmp_path, "a.txt", sentence.encode("big5"))) == [sentence]


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("utf-8", "Ångström 你好 😀"),
        ("utf-8-sig", "带有标记的文本"),
        ("utf-16", "Marked text 有标记"),
        ("utf-32", "Marked text 有标记"),
        ("utf-16-le", "Plain English without a mark"),
        ("utf-16-be", "Plain English without a mark"),
        ("gb18030", "這是用國標編碼的繁體中文句子，我們也要能讀。"),
        ("shift_jis", "私たちは毎日学校で日本語を勉強しています。"),
        ("euc_jp", "私たちは毎日学校で日本語を勉強しています。"),
        ("euc_kr", "우리는 매일 학교에서 한국어를 공부하고 있습니다."),
        ("cp1252", "Le café coûte 3 € – déjà payé à l’hôtel."),
        ("latin-1", "Die Prüfung für die Geräte läuft über das Büro."),
        ("cp1250", "Część zamienna jest dostępna w ciągu trzech dni, prosimy o zgłoszenie."),
        ("iso8859_2", "Před použitím přístroje si přečtěte příručku a dodržujte všechny pokyny."),
        ("cp1250", "A készülék használata előtt olvassa el az útmutatót, és őrizze meg később is."),
        ("cp1254", "Cihazı kullanmadan önce kılavuzu okuyun ve güvenli bir yerde saklayınız."),
        ("cp1253", "Πριν από τη χρήση της συσκευής διαβάστε τις οδηγίες ασφαλείας."),
        ("iso8859_7", "Πριν από τη χρήση της συσκευής διαβάστε τις οδηγίες ασφαλείας."),
        ("cp1255", "לפני השימוש במכשיר יש לקרוא את הוראות הבטיחות ולשמור אותן."),
        ("cp1256", "اقرأ تعليمات السلامة قبل استخدام الجهاز واحتفظ بها في مكان آمن."),
        ("iso8859_6", "اقرأ تعليمات السلامة قبل استخدام الجهاز واحتفظ بها في مكان آمن."),
        ("cp874", "กรุณาอ่านคำแนะนำด้านความปลอดภัยก่อนใช้เครื่องและเก็บรักษาไว้"),
        ("iso8859_5", "Перед использованием прибора прочитайте инструкцию и сохраните её."),
        ("koi8_r", "Перед использованием прибора прочитайте инструкцию и сохраните её."),
        ("cp1251", "Перед използване на уреда прочетете инструкциите и ги запазете."),
        ("cp1252", "Før bruk må du lese håndboken nøye, også når du kjenner apparatet."),
        ("cp1252", "Antes da utilização leia as instruções de segurança e conserve-as à mão."),
        ("iso2022_jp", "ご使用の前に取扱説明書をお読みください。 Read me."),
        ("iso2022_kr", "사용하기 전에 설명서를 읽어 주십시오. Read me."),
        ("hz", "使用本产品之前，请仔细阅读说明书。 Read me."),
        ("utf-32-le", "UTF-32 without a mark 没有标记"),
        ("utf-32-be", "UTF-32 without a mark 没有标记"),
    ],
)
def test_a_file_is_read_in_the_encoding_it_was_written_in(tmp_path: Path, encoding: str, sentence: str) -> None:
    assert texts(write(tmp_path, "a.txt", sentence.encode(encoding))) == [sentence]


@slow
def test_gb18030_behind_a_megabyte_of_ascii_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, "a.txt", b"plain ascii line\n\n" * 70_000 + "关于安全生产工作的通知".encode("gb18030"))
    assert texts(path)[-1] == "关于安全生产工作的通知"


def test_one_damaged_byte_does_not_turn_utf8_into_another_encoding(tmp_path: Path) -> None:
    data = bytearray(("员工每年享有十五天带薪年假。" * 20).encode())
    data[30] = 0xFF
    assert detect(write(tmp_path, "a.txt", bytes(data)))[0] == "utf-8"


def test_utf8_cut_in_the_middle_of_a_character_keeps_the_rest(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.txt", "员工每年享有十五天带薪年假".encode()[:-1])) == ["员工每年享有十五天带薪年"]


@pytest.mark.parametrize(
    "content",
    [
        b"hello\0world\0",
        b"hello\0world",
        b"\0hello\0world\0",
        b"hello\0\0\0world\0\0\0",
        b"hello\0world\0" * 40_000,
        b"the\0cat\0sat\0" * 999,
        b"PATH=/usr/bin\0HOME=/root\0LANG=C\0",
        b"tea".ljust(8, b"\0") + b"cups".ljust(8, b"\0"),
        "茶叶\0杯子\0".encode(),
        "naïve\0café\0".encode(),
    ],
)
def test_zero_bytes_between_strings_end_lines(tmp_path: Path, content: bytes) -> None:
    expected = [line for line in content.decode().split("\0") if line]
    assert "\n".join(texts(write(tmp_path, "a.txt", content))).split() == expected


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text", ["hello world", "a – b", "naïve café", "Tea, 3 €", "茶叶 3", "第 7 章 The cat sat", "あした tea", "ab\ncd"]
)
def test_utf16_without_a_mark_is_not_taken_for_strings(tmp_path: Path, encoding: str, text: str) -> None:
    assert "\n".join(texts(write(tmp_path, "a.txt", text.encode(encoding)))).split() == text.split()


def test_utf16_added_to_a_log_in_ascii_is_read(tmp_path: Path) -> None:
    content = b"first line of the log\n" * 9 + "last line".encode("utf-16-le")
    assert "".join(texts(write(tmp_path, "a.log", content))).endswith("last line")


@pytest.mark.parametrize(
    "text", ["\x1b[31mERROR\x1b(B\x1b[m disk full", "cd ~{user}~ and $\x1b$B", "price ~{5} to ~{9}", "see ~/{a}~{b}"]
)
def test_escapes_of_terminals_and_tildes_are_no_other_encoding(tmp_path: Path, text: str) -> None:
    assert detect(write(tmp_path, "a.log", text)) == ("utf-8", False)


@pytest.mark.parametrize("content", [bytes(999), b"a" + bytes(999), b"ab\0\1c" * 99, b"\xff\xfa\xf0\0x" * 99])
def test_other_zero_bytes_are_no_text(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentError, match="not"):
        texts(write(tmp_path, "a.txt", content))


def test_what_nobody_sees_is_removed_and_line_breaks_are_one_kind() -> None:
    assert clean("a\x00b\ufeffc\u200bd\ud800e\u00adf\r\ng\rh\u2028i\x0cj") == "abcdef\ng\nh\ni\nj"


@pytest.mark.parametrize(
    "text",
    [
        "\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian, "I do not want"
        "\u0915\u094d\u200d\u0937",  # a Devanagari conjunct
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # a family
        "\u2764\ufe0f\u200d\U0001f525",  # a burning heart
    ],
)
def test_joiners_that_belong_to_the_spelling_are_kept(text: str) -> None:
    assert clean(f"a {text} b") == f"a {text} b"


@pytest.mark.parametrize("joiner", ["\u200b", "\u200c", "\u200d", "\u200d\u200d", "\u2060"])
def test_other_joiners_are_noise(joiner: str) -> None:
    assert clean(f"wa{joiner}ter 水{joiner}泵{joiner} \u06a9{joiner} ") == "water 水泵 \u06a9 "


@pytest.mark.parametrize(
    ("encoding", "sentence"),
    [
        ("cp1253", "Το λιμάνι είναι κλειστό την Παρασκευή"),
        ("cp1255", "הנמל סגור ביום שישי"),
        ("cp1251", "Съобщение за грешка"),
        ("cp1251", "Киів, вулиця Хрещатик"),
        ("cp1250", "Příliš žluťoučký kůň"),
        ("cp1250", "Przystań będzie zamknięta w piątek"),
        ("iso8859-2", "Źródło zasilania wyłączyć przed otwarciem, następnie zdjąć pokrywę"),
        ("cp1254", "Liman cuma günü kapalıdır, başka bir gün gelişiniz"),
        ("cp1257", "Uostamas penktadienį uždarytas, ateikite kitą dieną šįkart"),
        ("cp1252", "Þetta er íslenska, ég veit það"),
        ("cp1252", "Ça va? L’été à la plage – déjà vu, façade, Noël"),
        ("cp1252", "São Paulo não é longe"),
        ("cp1252", "20°C ±0.5 µm ¾ © ® § £5"),
    ],
)
def test_european_code_pages_are_told_by_the_letters_of_their_languages(
    tmp_path: Path, encoding: str, sentence: str
) -> None:
    assert texts(write(tmp_path, "a.txt", sentence.encode(encoding))) == [sentence]
