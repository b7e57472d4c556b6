"""Links to documents themselves: who gets one, and what the emulator of OSS makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from functions.search import sources
from local.oss.server import running
from local.oss.settings import Settings
from shared.domain.errors import NotFoundError
from shared.domain.models import Document, DocumentState
from shared.records.rows import RECORDS
from shared.runtime import clock
from shared.runtime.auth import Authenticator
from shared.runtime.request import scope
from shared.runtime.settings import SourceSettings
from shared.runtime.web import Application

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

KEY = "reports/年度 report #1.pdf"
CREDENTIALS = {"x-fc-access-key-id": "id", "x-fc-access-key-secret": "secret", "x-fc-security-token": "token"}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("bucket")
    (folder / "reports").mkdir()
    (folder / KEY).write_bytes(b"%PDF-1.7")
    with running(Settings(folder, "documents")) as url:
        yield url


def find(document_id: str) -> Document:
    """The documents `pdf` and `text` of the tenant acme, and a record."""
    keys = {"pdf": KEY, "text": "a.txt", "record": "1"}
    tenants = scope().tenants
    if document_id not in keys or (tenants is not None and "acme" not in tenants):
        raise NotFoundError("document_not_found", "There is no such document.")
    bucket, format_ = (RECORDS, "") if document_id == "record" else ("documents", document_id)
    return Document(document_id, bucket, keys[document_id], DocumentState.INDEXED, "1", format=format_)


def client(endpoint: str, *, is_on: bool = True) -> FlaskClient:
    application = Application(
        "search", authenticator=Authenticator(("all", "own@acme", "other@beta")), prepare=lambda _: None
    )
    sources.register(application.flask, SourceSettings(is_on=is_on, endpoint=endpoint), find)
    return application.flask.test_client()


def ask(endpoint: str, path: str, key: str = "all", **options: Any) -> tuple[int, dict[str, Any]]:
    headers = {"x-api-key": key, **options.pop("credentials", CREDENTIALS)}
    answer = client(endpoint, **options).get(path, headers=headers)
    content: dict[str, Any] = answer.get_json()
    return answer.status_code, content


def test_a_link_reads_the_object_and_opens_a_pdf_at_a_page(endpoint: str) -> None:
    status, content = ask(endpoint, "/documents/pdf/source?page=3", key="own")
    assert status == 200
    assert content["url"].endswith("#page=3")
    assert 0 < content["expires"] - clock.time() <= 600
    answer = requests.get(content["url"], timeout=60)
    assert (answer.status_code, answer.content) == (200, b"%PDF-1.7")
    assert "secret" not in content["url"]


def test_only_a_pdf_has_pages_to_open_at(endpoint: str) -> None:
    assert "#" not in ask(endpoint, "/documents/text/source?page=3")[1]["url"]
    assert "#" not in ask(endpoint, "/documents/pdf/source")[1]["url"]


def test_a_link_expires(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.time()
    monkeypatch.setattr(clock, "time", lambda: now - 601)
    url = ask(endpoint, "/documents/pdf/source")[1]["url"]
    answer = requests.get(url, timeout=60)
    assert (answer.status_code, "expired" in answer.text) == (403, True)


@pytest.mark.parametrize(
    ("path", "key", "options", "status", "code"),
    [
        ("/documents/pdf/source", "", {}, 401, "unauthorized"),
        ("/documents/pdf/source", "other", {}, 404, "document_not_found"),
        ("/documents/none/source", "all", {}, 404, "document_not_found"),
        ("/documents/record/source", "all", {}, 404, "source_not_found"),
        ("/documents/pdf/source", "all", {"is_on": False}, 404, "sources_off"),
        ("/documents/pdf/source", "all", {"credentials": {}}, 404, "sources_off"),
        ("/documents/pdf/source?page=0", "all", {}, 400, "invalid_request"),
        ("/documents/pdf/source?page=x", "all", {}, 400, "invalid_request"),
        ("/documents/pdf/source?seconds=9", "all", {}, 400, "invalid_request"),
    ],
)
def test_a_link_is_refused(
    path: str,
    key: str,
    options: dict[str, Any],
    status: int,
    code: str,
    endpoint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ALIBABA_CLOUD_ACCESS_KEY_ID", raising=False)
    answered, content = ask(endpoint, path, key, **options)
    assert (answered, content["error"]["code"]) == (status, code)
