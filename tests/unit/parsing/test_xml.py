"""XML that holds several documents, or ends early."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.domain.errors import DocumentError
from tests.unit.parsing.test_damage import CUT, read

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = '<?xml version="1.0" encoding="utf-8"?>\n'


@pytest.mark.parametrize(
    "content",
    [
        "<e id='1'><m>First</m></e>\n<e id='2'><m>Second &nbsp;&amp; third</m></e>\n",
        f"{DECLARED}<!DOCTYPE e SYSTEM 'e.dtd'><e id='1'><m>First</m></e>"
        f"{DECLARED}<e id='2'><m>Second &amp; third</m></e><!-- <?xml ?> -->",
    ],
)
def test_documents_one_after_the_other_are_records(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, "a.xml", content.encode()) == (["id: 1\nm: First", "id: 2\nm: Second & third"], [])


def test_text_between_elements_is_kept(tmp_path: Path) -> None:
    log = "10:00 <e><m>First</m></e>\n10:01 <e><m>Second</m></e>\n"
    assert read(tmp_path, "a.xml", log.encode()) == (["10:00 First 10:01 Second"], [])


def test_a_declaration_inside_a_section_of_text_is_text(tmp_path: Path) -> None:
    texts, _ = read(tmp_path, "a.xml", b"<a><![CDATA[x <?xml version='1.0'?>]]></a><b>y</b>")
    assert texts == ["a: x <?xml version='1.0'?>\nb: y"]


@pytest.mark.parametrize("end", ["", "<pri", "</na", "<n><![CDATA[four", "<x>&am"])
@pytest.mark.parametrize("start", ["<l>", "<e>zero</e><l>"])
def test_what_stands_before_the_cut_is_read(tmp_path: Path, start: str, end: str) -> None:
    texts, warnings = read(tmp_path, "a.xml", f"{start}<n>one</n><n>two</n><n>three</n>{end}".encode())
    assert all(any(word in text for text in texts) for word in ("one", "two", "three"))
    assert warnings == [CUT]


@pytest.mark.parametrize("content", ["<a><b>x</a>", "only text", "<a", "<a>x</b>"])
def test_what_is_no_xml_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(tmp_path, "a.xml", content.encode())
    assert caught.value.code == "broken_file"
