"""A `.env` file means to the commands what it means to Serverless Devs, and a bad one is a sentence."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from ops.__main__ import main
from ops.dotenv import parse_variables
from ops.template import variables

if TYPE_CHECKING:
    from pathlib import Path

# The values are those that s 3.1.10 gave (tests/system/test_deployment.py asks it again).
LINES: tuple[tuple[str, str], ...] = (
    ("A=plain", "plain"),
    ("  A = spaced  ", "spaced"),
    ("export A=exported", "exported"),
    ("  export   A=exported", "exported"),
    ("A: colon", "colon"),
    ("A=value # comment", "value"),
    ("A=value#comment", "value"),
    ('A="tail" # comment', "tail"),
    ('A="quoted # no comment"', "quoted # no comment"),
    ("A='single # no comment'", "single # no comment"),
    ("A=`back # tick`", "back # tick"),
    ('A="two\\nlines"', "two\nlines"),
    ("A='two\\nlines'", "two\\nlines"),
    ('A="multi\nline"', "multi\nline"),
    ("A=it's", "it's"),
    ("A='say \"x\"'", 'say "x"'),
    ('A=a"b"c', 'a"b"c'),
    ('A="a"b', '"a"b'),
    ('A="unclosed', '"unclosed'),
    ('A="esc \\" quote"', 'esc \\" quote'),
    ("A='a''b'", "a''b"),
    ("A=a=b=c", "a=b=c"),
    ("A=a\\b", "a\\b"),
    ("A=first\nA=second", "second"),
    ("A=中文", "中文"),
    ("A=p@ss;w&rd!%^*()", "p@ss;w&rd!%^*()"),
    ("A=root:Pa$", "root:Pa$"),
    ("A=a$ b", "a$ b"),
    ("A=$(date)", "$(date)"),
    ("B=base\nA=http://${B}:1", "http://base:1"),
    ("B=base\nA=$B", "base"),
    ("B=base\nA=sk-${B", "sk-base"),
    ("A=${NOPE:-other}", "other"),
    ("A=$HOME/x", "/h/x"),
)


@pytest.mark.parametrize(("text", "value"), LINES)
def test_a_line_has_the_value_that_serverless_devs_reads(text: str, value: str) -> None:
    for written in (text, f"\ufeff{text}\n", f"#A=no\n\nnonsense\n{text}\nZ=1\n".replace("\n", "\r\n")):
        assert parse_variables(written, {"HOME": "/h"})["A"] == value


@pytest.mark.parametrize("text", ["A=", "A=   ", 'A=""', "A= # empty"])
def test_an_empty_value_takes_nothing_of_the_next_line(text: str) -> None:
    assert parse_variables(f"{text}\nB=b", {}) == {"A": "", "B": "b"}


@pytest.mark.parametrize("value", ["root:Pa$word", "'root:Pa$word'", "root:Pa\\$word", '"$$x"', "$1x", "a${B}", "$A"])
def test_a_dollar_sign_that_serverless_devs_would_leave_out_is_refused_without_the_value(value: str) -> None:
    with pytest.raises(ValueError, match="sets A to a value with") as refused:
        parse_variables(f"A={value}", {})
    assert not any(part in str(refused.value) for part in ("root", "word"))


def test_a_variable_of_the_process_wins_and_needs_no_value_in_the_file() -> None:
    assert parse_variables("A=root:Pa$word\nB=$A", {"A": "own"})["B"] == "own"


def test_reading_takes_time_in_proportion_to_the_size() -> None:
    def seconds(text: str) -> float:
        started = time.process_time()
        parse_variables(text, {"B": "b"})
        return time.process_time() - started

    for text in ("A" * 100, " " * 100, "A='x\n" * 20, "$ " * 40, "export " * 20):
        few = min(seconds(f"A={text * 20}\n{text * 20}") for _ in range(3))
        assert min(seconds(f"A={text * 200}\n{text * 200}") for _ in range(3)) < 40 * few + 0.1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("A=中文".encode("utf-16"), "is not text in UTF-8: save it as UTF-8"),
        ("A=中文".encode("gb18030"), "is not text in UTF-8: save it as UTF-8"),
        (b"MILVUS_TOKEN=root:Pa$word\n", "sets MILVUS_TOKEN to a value with $"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(
    content: bytes, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(content)
    assert main(["keys"]) == 1
    assert capsys.readouterr().out.startswith(f".env {sentence}")


def test_a_folder_of_that_name_such_as_a_virtual_environment_sets_nothing(tmp_path: Path) -> None:
    assert variables(tmp_path) == {}
