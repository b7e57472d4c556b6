"""The servers on this machine answer to programs, and to no web page of another site."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from local.oss import Settings, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import DashScope


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(Settings(root=tmp_path_factory.mktemp("bucket"), bucket="test-bucket")) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("", 200),
        ("localhost:1", 200),
        ("demo.localhost", 200),
        ("192.168.1.7:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
    ],
)
def test_a_name_of_another_site_is_not_answered(endpoint: str, host: str, status: int) -> None:
    headers = {"Host": host} if host else {}
    assert requests.get(f"{endpoint}/healthz", headers=headers, timeout=60).status_code == status


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example"])
def test_a_page_of_another_site_changes_nothing(endpoint: str, origin: str) -> None:
    # What a page can send without asking first: a form's POST, with the key in the link.
    url, plain = f"{endpoint}/test-bucket?delete&OSSAccessKeyId=local", {"Content-Type": "text/plain"}
    body = "<Delete><Object><Key>a.txt</Key></Object></Delete>"
    assert requests.post(url, body, headers={**plain, "Origin": origin}, timeout=60).status_code == 403
    assert requests.post(url, body, headers=plain, timeout=60).status_code == 200


def test_the_emulator_of_dashscope_answers_no_page_either(dashscope: DashScope) -> None:
    url = dashscope.base_url.removesuffix("/api/v1") + "/control/usage"
    assert requests.get(url, headers={"Host": "evil.example"}, timeout=60).status_code == 403
    assert requests.delete(url, headers={"Origin": "http://evil.example"}, timeout=60).status_code == 403
    assert requests.get(url, timeout=60).status_code == 200
