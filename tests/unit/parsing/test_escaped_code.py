"""Texts of programs in files of their own: their escaped characters are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.parsing.record import decode
from tests.unit.parsing.files import texts, write

if TYPE_CHECKING:
    from pathlib import Path


def test_escaped_characters_of_properties_are_read(tmp_path: Path) -> None:
    written = "label=\\u4ea4\\u8d27 1\nsmile=\\ud83d\\ude00\npath=c:\\\\u0041 \\u00\nend=a\\u000ab\nsize=Größe\n"
    content = written.encode("latin-1")
    shown = "label=交货 1\nsmile=😀\npath=c:\\\\u0041 \\u00\nend=a\\u000ab\nsize=Größe"
    assert texts(write(tmp_path, "a.properties", content)) == [shown]


def test_escaped_characters_of_strings_are_read(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.strings", '"a" = "\\U4ea4";'.encode("utf-16"))) == ['"a" = "交";']


def test_source_code_stays_as_it_is(tmp_path: Path) -> None:
    assert texts(write(tmp_path, "a.java", "char c = '\\u4ea4';")) == ["char c = '\\u4ea4';"]


def test_every_value_of_a_field_that_an_object_names_twice_is_kept(tmp_path: Path) -> None:
    assert decode('{"a": 1, "b": "x", "a" : true, "b": "x", "c": {"d": [1], "d": 2}}') == {
        "a": [1, True],
        "b": "x",
        "c": {"d": [[1], 2]},
    }
    assert decode('{"a": "no \\"name\\": here"}') == {"a": 'no "name": here'}
    lines = '{"name": "one", "price": 1, "price": 2}\n{"name": "two", "price": 3}\n'
    assert texts(write(tmp_path, "a.jsonl", lines)) == ["name: one\nprice: 1, 2", "name: two\nprice: 3"]
