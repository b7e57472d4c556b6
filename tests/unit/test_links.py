"""Links with characters that a client did not encode."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from shared.runtime.links import decode_path, encode_link, has_option

REST = b"\r\nHost: h\xc3\xb6st\r\nContent-Length: 3\r\n\r\n\xe5\xb9\xb4"


@pytest.mark.parametrize("text", ["年假", "/documents/é?q=a b", "q=\U0001f600", "/search?q=plain"])
def test_what_is_not_ascii_is_encoded_in_the_link_alone(text: str) -> None:
    sent = f"GET /{text} HTTP/1.1".encode() + REST
    assert encode_link(sent) == b"GET /" + quote(text, safe="/?= ").encode() + b" HTTP/1.1" + REST


def test_bytes_that_are_no_text_are_encoded_too() -> None:
    assert encode_link(b"GET /?q=\xff\x80 HTTP/1.0\r\n\r\n") == b"GET /?q=%FF%80 HTTP/1.0\r\n\r\n"


@pytest.mark.parametrize("data", [b"", b"\xe5\xb9\xb4", "年假 HTTP/1.1".encode(), "年\r\n GET / HTTP/1.1".encode()])
def test_what_begins_with_no_request_line_stays_as_it_is(data: bytes) -> None:
    assert encode_link(data) == data


@pytest.mark.parametrize("path", ["/search", "//search", "///search", "/%73earch", "/%2Fsearch"])
def test_a_path_is_read_as_it_is_routed(path: str) -> None:
    assert decode_path(path) == "/search"
    assert decode_path("/documents/%E5%B9%B4/chunks/") == "/documents/年/chunks/"


@pytest.mark.parametrize(
    ("header", "expected"),
    [("close", True), ("TE, close", True), ("Close ,TE", True), ("keep-alive", False), ("closed", False), ("", False)],
)
def test_an_option_is_found_in_a_list(header: str, expected: bool) -> None:
    assert has_option(header, "close") is expected
