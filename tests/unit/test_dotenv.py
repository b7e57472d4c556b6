"""A `.env` file means to the commands what it means to Serverless Devs, and a bad one is a sentence."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ops.__main__ import main
from ops.checks.variables import find_oddities
from ops.deployment import load
from ops.dotenv import parse_variables
from ops.template import variables

ROOT = Path(__file__).parents[2]
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
        ("A=b\n".encode("utf-16-be"), "is not text in UTF-8: save it as UTF-8"),
        (b"A=b\0\n", "is not text in UTF-8: save it as UTF-8"),
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


KEY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcw"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("DASHSCOPE API KEY=sk-abc", ".env, line 2: it sets nothing; write NAME=value"),
        ("set DASHSCOPE_API_KEY=sk-abc", ".env, line 2: it sets nothing; write NAME=value"),
        ("$env:DASHSCOPE_API_KEY='sk-abc'", ".env, line 2: it sets nothing; write NAME=value"),
        ("DASHSCOPE_API_KEY＝sk-abc", ".env, line 2: it sets nothing; write NAME=value"),
        ("DASHSCOPE_API_KEY sk-abc", ".env, line 2: it sets nothing; write NAME=value"),
        ("REGION=cn-hangzhou", ".env, line 2: it sets REGION once more, and line 1 does not count"),
        ('MILVUS_TOKEN="root:sk-abc', ".env, line 2: the quote before the value has no end, and becomes a part"),
        ("MILVUS_TOKEN=root:sk#abc", ".env, line 2: the value ends before #; put it in quotes if # is a part of it"),
        ("dashscope_api_key=sk-abc", "nothing reads dashscope_api_key: is DASHSCOPE_API_KEY meant?"),
        ("Dashscope-Api-Key=sk-abc", "nothing reads Dashscope-Api-Key: is DASHSCOPE_API_KEY meant?"),
        ("DASHSCOP_API_KEY=sk-abc", "nothing reads DASHSCOP_API_KEY: is DASHSCOPE_API_KEY meant?"),
        ("OPENAI_API_KEY=sk-abc", "nothing reads OPENAI_API_KEY, which the .env file sets"),
        (f"{KEY}=", "nothing reads a variable whose name is not shown, which the .env file sets"),
    ],
)
def test_a_line_that_is_passed_over_is_a_warning_without_its_value(tmp_path: Path, line: str, sentence: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes((ROOT / "s.yaml").read_bytes())
    (tmp_path / ".env").write_text(f"REGION=cn-beijing\n{line}\n", "utf-8")
    (found,) = find_oddities(path, load(path, {}), {"ENVIRONMENT": "../x"})
    assert found.startswith(sentence)
    assert "sk-abc" not in found


@pytest.mark.parametrize(
    "text",
    [
        "# a comment\n\nREGION=cn-beijing # here\nREGION=cn-beijing\n",
        'export MILVUS_TOKEN="root:p#ss"\r\nOSS_PREFIX=\r\n',
        "API_KEYS='a-key' # the old one\n  OSS_SUFFIX = .pdf  \n",
        'MILVUS_TOKEN="root:two\nlines"\nDOMAIN: auto\n',
    ],
)
def test_a_tidy_file_has_no_warning(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes((ROOT / "s.yaml").read_bytes())
    (tmp_path / ".env").write_text(text, "utf-8", newline="")
    assert list(find_oddities(path, load(path, {}), {})) == []


def test_of_many_odd_lines_the_first_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes((ROOT / "s.yaml").read_bytes())
    (tmp_path / ".env.dev").write_text(f"{KEY}/+\n" * 30, "utf-8")
    found = list(find_oddities(path, load(path, {}), {"ENVIRONMENT": "dev"}))
    assert found[-1] == ".env.dev: 25 more lines like these"
    assert (len(found), any(KEY in it for it in found)) == (6, False)
