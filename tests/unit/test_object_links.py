"""Links to objects are signed as the SDK of OSS signs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import alibabacloud_oss_v2 as oss
import pytest

from shared.runtime.credentials import Credentials
from shared.runtime.environment import Secret
from shared.runtime.object_links import Host, is_bucket, sign_link, sign_upload


@pytest.mark.parametrize("token", ["", "security-token+/="])
@pytest.mark.parametrize(
    "key", ["a.pdf", "reports/2026 Q1 (final)+100%.pdf", "报告/年度 é#1?.md", "a//b/../~c'*!.txt", "0"]
)
def test_a_link_is_that_of_the_sdk(key: str, token: str) -> None:
    credentials = Credentials(Secret("key-id"), Secret("key/secret"), Secret(token))
    provider = oss.credentials.StaticCredentialsProvider("key-id", "key/secret", token or None)
    settings = oss.config.load_default()
    settings.credentials_provider, settings.region = provider, "cn-beijing"
    presigned = oss.Client(settings).presign(
        oss.GetObjectRequest(bucket="my-documents", key=key), expiration=datetime.now(UTC) + timedelta(minutes=10)
    )
    expected = parse_qs(urlsplit(presigned.url or "").query)
    signed = datetime.strptime(expected["x-oss-date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    seconds = int(expected["x-oss-expires"][0])
    link = sign_link(Host("cn-beijing"), "my-documents", key, credentials, signed.timestamp(), seconds)
    assert parse_qs(urlsplit(link).query) == expected
    assert urlsplit(link).netloc == "my-documents.oss-cn-beijing.aliyuncs.com"


@pytest.mark.parametrize("token", ["", "security-token+/="])
@pytest.mark.parametrize("overwrite", [True, False])
@pytest.mark.parametrize("key", ["a.pdf", "报告/年度 é#1?.md", "x/~c'*!+%.txt"])
def test_a_link_for_an_upload_is_that_of_the_sdk(key: str, overwrite: bool, token: str) -> None:
    credentials = Credentials(Secret("key-id"), Secret("key/secret"), Secret(token))
    provider = oss.credentials.StaticCredentialsProvider("key-id", "key/secret", token or None)
    settings = oss.config.load_default()
    settings.credentials_provider, settings.region = provider, "cn-beijing"
    headers = {"content-type": "application/octet-stream", **({} if overwrite else {"x-oss-forbid-overwrite": "true"})}
    asked = oss.PutObjectRequest(bucket="my-documents", key=key, content_type=headers["content-type"])
    asked.forbid_overwrite = None if overwrite else True
    presigned = oss.Client(settings).presign(asked, expiration=datetime.now(UTC) + timedelta(minutes=5))
    carried = {name.lower(): value for name, value in (presigned.signed_headers or {}).items()}
    assert {name: value.lower() for name, value in carried.items()} == headers
    expected = parse_qs(urlsplit(presigned.url or "").query)
    signed = datetime.strptime(expected["x-oss-date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    seconds = int(expected["x-oss-expires"][0])
    link = sign_upload(Host("cn-beijing"), "my-documents", key, carried, credentials, signed.timestamp(), seconds)
    assert parse_qs(urlsplit(link).query) == expected


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("", "https://documents.oss-cn-hangzhou.aliyuncs.com/a%20b/c.pdf"),
        ("https://oss-cn-hangzhou.aliyuncs.com/", "https://documents.oss-cn-hangzhou.aliyuncs.com/a%20b/c.pdf"),
        ("https://documents.oss-accelerate.aliyuncs.com", "https://documents.oss-accelerate.aliyuncs.com/a%20b/c.pdf"),
        ("https://docs.example.com", "https://docs.example.com/a%20b/c.pdf"),
        ("http://127.0.0.1:8002", "http://127.0.0.1:8002/documents/a%20b/c.pdf"),
        ("http://localhost:8002", "http://localhost:8002/documents/a%20b/c.pdf"),
    ],
)
def test_the_bucket_is_part_of_the_name_of_oss_and_of_the_path_of_an_emulator(endpoint: str, address: str) -> None:
    assert Host("cn-hangzhou", endpoint).locate("documents", "a b/c.pdf") == address


def test_the_names_of_internal_buckets_are_none_of_oss() -> None:
    assert is_bucket("my-documents-1")
    assert not any(map(is_bucket, ("(records)", "", "a", "A-bucket", "a/b", "a.b.c", "-ab", "ab-")))
