"""Uploads by operators: what is signed, and what the emulator of OSS makes of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from functions.search.admin import PAGE, Admin
from functions.search.uploads import PATH, Uploads
from local.oss.server import running
from local.oss.settings import Settings
from shared.domain.models import Document, DocumentState, ObjectKey
from shared.runtime import clock
from shared.runtime.auth import Authenticator
from shared.runtime.environment import Secret
from shared.runtime.settings import AdminSettings, SourceSettings, UploadSettings
from shared.runtime.web import Application
from shared.store.schema import Space

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

BUCKET = "documents"
OURS = "https://search.example.com"
CREDENTIALS = {"x-fc-access-key-id": "id", "x-fc-access-key-secret": "secret", "x-fc-security-token": "token"}
KNOWN = {"reports/known.pdf": DocumentState.INDEXED, "reports/gone.pdf": DocumentState.DELETED}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bucket")


@pytest.fixture(scope="module")
def endpoint(folder: Path) -> Iterator[str]:
    with running(Settings(folder, BUCKET, allowed_origins=(OURS,))) as url:
        yield url


def client(endpoint: str = "http://127.0.0.1:1", **options: Any) -> FlaskClient:
    settings = AdminSettings(api_keys=Secret("operator"))
    application = Application(
        "search",
        authenticator=Authenticator(("plain",), operators=settings.keys),
        prepare=lambda _: None,
        open_paths=frozenset({PAGE}),
        body_limits={PATH: 10_000},
    )
    documents = {
        (name := ObjectKey(BUCKET, key)).document_id: Document(name.document_id, BUCKET, key, state, "1")
        for key, state in KNOWN.items()
    }
    registry = SimpleNamespace(count=lambda *_: 0, read=lambda id_, _: documents.get(id_))
    store = SimpleNamespace(check=lambda _: True, space=Space("text-embedding-v4", 512), registry=registry)
    stores: Any = SimpleNamespace(find_members=lambda _: [SimpleNamespace(store=store)], find_current=lambda _: store)
    uploads = UploadSettings(**{"is_on": True, "bucket": BUCKET, **options})
    Admin(settings, stores, Uploads(uploads, SourceSettings(endpoint=endpoint), stores)).register(application.flask)
    return application.flask.test_client()


def sign(
    key: str, endpoint: str = "http://127.0.0.1:1", size: int = 4, *, overwrite: bool = False, **options: Any
) -> tuple[int, dict[str, Any]]:
    headers = {"x-api-key": options.pop("caller", "operator"), **options.pop("credentials", CREDENTIALS)}
    body = {"key": key, "size": size, "overwrite": overwrite}
    answer = client(endpoint, **options).post(PATH, json=body, headers=headers)
    content: dict[str, Any] = answer.get_json()
    return answer.status_code, content


@pytest.mark.parametrize("key", ["new.txt", "报告/年度 report #1?.pdf", "a+b%20c/ü .md", "x.pdf.metadata.json"])
def test_a_signed_upload_writes_the_object_of_this_key(key: str, endpoint: str, folder: Path) -> None:
    status, signed = sign(key, endpoint)
    assert status == 200
    assert 0 < signed["expires"] - clock.time() <= 300
    answer = requests.put(signed["url"], b"text", headers=signed["headers"], timeout=60)
    assert answer.status_code == 200
    assert (folder / key).read_bytes() == b"text"
    assert signed["document_id"] == ObjectKey(BUCKET, key.removesuffix(".metadata.json")).document_id
    assert "secret" not in signed["url"]


def test_an_object_is_replaced_only_by_a_link_that_says_so(endpoint: str, folder: Path) -> None:
    (folder / "there.txt").write_bytes(b"old")
    signed = sign("there.txt", endpoint)[1]
    refused = requests.put(signed["url"], b"new", headers=signed["headers"], timeout=60)
    assert (refused.status_code, "FileAlreadyExists" in refused.text) == (409, True)
    assert (folder / "there.txt").read_bytes() == b"old"
    signed = sign("there.txt", endpoint, overwrite=True)[1]
    assert requests.put(signed["url"], b"new", headers=signed["headers"], timeout=60).status_code == 200
    assert (folder / "there.txt").read_bytes() == b"new"


def test_a_link_expires_after_five_minutes(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.time()
    monkeypatch.setattr(clock, "time", lambda: now - 301)
    signed = sign("late.txt", endpoint)[1]
    answer = requests.put(signed["url"], b"text", headers=signed["headers"], timeout=60)
    assert (answer.status_code, "expired" in answer.text) == (403, True)


@pytest.mark.parametrize(
    ("key", "options", "status", "code"),
    [
        ("reports/known.pdf", {}, 409, "document_exists"),
        ("reports/known.pdf", {"overwrite": True}, 200, ""),
        ("reports/gone.pdf", {}, 200, ""),
        ("reports/known.pdf.metadata.json", {}, 200, ""),
        ("a.pdf", {"prefix": "reports/"}, 400, "upload_refused"),
        ("reports/a.pdf", {"prefix": "reports/", "suffix": ".pdf"}, 200, ""),
        ("reports/a.pdf.metadata.json", {"prefix": "reports/", "suffix": ".pdf"}, 200, ""),
        ("reports/a.txt", {"suffix": ".pdf"}, 400, "upload_refused"),
        ("", {}, 400, "upload_refused"),
        ("/a.pdf", {}, 400, "upload_refused"),
        ("\\a.pdf", {}, 400, "upload_refused"),
        ("a/", {}, 400, "upload_refused"),
        ("a/../../b", {}, 400, "upload_refused"),
        ("..", {}, 400, "upload_refused"),
        ("a\nb", {}, 400, "upload_refused"),
        ("a\x00b", {}, 400, "upload_refused"),
        ("a\x85b", {}, 400, "upload_refused"),
        ("文" * 342, {}, 400, "upload_refused"),
        ("文" * 341, {}, 200, ""),
        ("全角\u3000名.pdf", {}, 200, ""),
        ("a" * 1_024, {}, 400, "invalid_request"),
        ("a.pdf", {"size": 9, "max_bytes": 8}, 413, "upload_too_large"),
        ("a.pdf", {"size": 8, "max_bytes": 8}, 200, ""),
        ("a.pdf", {"size": -1}, 400, "invalid_request"),
        ("a.pdf", {"is_on": False}, 404, "uploads_off"),
        ("a.pdf", {"credentials": {}}, 404, "uploads_off"),
        ("a.pdf", {"caller": "plain"}, 403, "admin_only"),
        ("a.pdf", {"caller": "wrong"}, 401, "unauthorized"),
    ],
)
def test_what_may_not_be_uploaded_is_not_signed(
    key: str, options: dict[str, Any], status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID", raising=False)
    answered, content = sign(key, **options)
    assert (answered, content.get("error", {}).get("code", "")) == (status, code)
    assert ("url" in content) == (status == 200)


def test_a_key_that_is_no_unicode_is_refused() -> None:
    body = b'{"key": "a\\ud800.pdf", "size": 1}'
    answer = client().post(PATH, data=body, headers={"x-api-key": "operator", **CREDENTIALS})
    assert answer.status_code == 400


def test_the_page_may_reach_the_bucket_only_where_uploads_are_on() -> None:
    policy = client("https://oss-cn-beijing.aliyuncs.com").get(PAGE).headers["Content-Security-Policy"]
    assert "connect-src 'self' https://documents.oss-cn-beijing.aliyuncs.com;" in policy
    policy = client(is_on=False).get(PAGE).headers["Content-Security-Policy"]
    assert "connect-src 'self';" in policy


def test_the_status_names_what_may_be_uploaded() -> None:
    headers = {"x-api-key": "operator"}
    limits = client(prefix="reports/", suffix=".pdf", max_bytes=8).get("/admin/status", headers=headers).get_json()
    assert limits["uploads"] == {"prefix": "reports/", "suffix": ".pdf", "max_bytes": 8}
    assert client(is_on=False).get("/admin/status", headers=headers).get_json()["uploads"] is None


def test_uploads_need_the_name_of_the_bucket() -> None:
    with pytest.raises(ValueError, match="UPLOAD_BUCKET"):
        UploadSettings(is_on=True)


# --- The rule of CORS, as the emulator keeps it -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "method", "headers", "status"),
    [
        (OURS, "PUT", "content-type,x-oss-forbid-overwrite", 200),
        (OURS, "PUT", "", 200),
        (OURS, "PUT", "x-oss-acl", 403),
        (OURS, "DELETE", "", 403),
        ("https://evil.example", "PUT", "content-type", 403),
        ("http://localhost:3000", "PUT", "content-type", 403),
    ],
)
def test_only_the_pages_of_the_rule_may_upload(
    endpoint: str, origin: str, method: str, headers: str, status: int
) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    answer = requests.options(f"{endpoint}/{BUCKET}/a.txt", headers=asked, timeout=60)
    assert answer.status_code == status
    assert answer.headers.get("Access-Control-Allow-Origin") == (OURS if origin == OURS else None)
