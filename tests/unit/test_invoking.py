"""Calls of another function are signed as Function Compute's own SDK signs them."""

from __future__ import annotations

import hashlib

import pytest
from alibabacloud_tea_openapi.utils import Utils
from darabonba.request import DaraRequest

from shared.domain.errors import ConfigurationError
from shared.runtime.credentials import Credentials
from shared.runtime.environment import Secret
from shared.runtime.invoking import Target, sign

TARGET = Target("semantic-search-ingest", "cn-beijing", "1234567890123456")


@pytest.mark.parametrize("token", ["", "security-token+/="])
@pytest.mark.parametrize("body", [b"{}", '{"prefix":"报告/"}'.encode()])
def test_a_signature_is_that_of_the_sdk(token: str, body: bytes) -> None:
    credentials = Credentials(Secret("key-id"), Secret("key-secret"), Secret(token))
    headers = sign(TARGET.address, body, credentials, 1_795_834_592.0, "nonce")
    request = DaraRequest()
    request.method, request.pathname, request.query = "POST", TARGET.address.partition(".com")[2], {}
    request.headers = {name: value for name, value in headers.items() if name != "authorization"}
    digest = hashlib.sha256(body).hexdigest()
    expected = Utils.get_authorization(request, "ACS3-HMAC-SHA256", digest, "key-id", "key-secret")
    assert headers["authorization"] == expected
    assert headers["x-acs-date"] == "2026-11-28T02:56:32Z"
    assert headers.get("x-acs-security-token", "") == token


def test_the_internal_address_of_the_region_is_called_unless_another_is_given() -> None:
    path = "/2023-03-30/functions/semantic-search-ingest/invocations"
    assert TARGET.address == f"https://1234567890123456.cn-beijing-internal.fc.aliyuncs.com{path}"
    local = Target("semantic-search-ingest", "", "", "http://127.0.0.1:8000/")
    assert local.address == f"http://127.0.0.1:8000{path}"


@pytest.mark.parametrize(
    ("region", "account"),
    [
        ("evil.example/", "42"), ("evil.example#", "42"), ("evil.example?", "42"), ("", "42"), ("cn-beijing\n", "42"),
        ("cn-beijing", ""), ("cn-beijing", "evil.example/"), ("cn-beijing", "user:secret@evil.example#"),
        ("cn-beijing", "４２"),
    ],
)  # fmt: skip
def test_no_header_of_a_call_names_another_host(region: str, account: str) -> None:
    with pytest.raises(ConfigurationError, match="invocation_refused"):
        _ = Target("semantic-search-ingest", region, account).address
