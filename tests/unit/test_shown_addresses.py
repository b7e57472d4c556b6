"""Addresses in settings may hold a password; no answer, log or message of an operator's command shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.embedding.dashscope import DashScopeClient
from shared.embedding.embedder import Embedder
from shared.embedding.parameters import TextType
from shared.runtime.retrying import Deadline
from shared.runtime.settings import DashScopeSettings, MilvusSettings, Secret
from shared.runtime.settings.addresses import name_place
from shared.store.client import Client

if TYPE_CHECKING:
    import logging

ADDRESSES = (
    "http://root:S3cret@127.0.0.1:1",
    "http://S3cret@127.0.0.1:1/",
    "http://127.0.0.1:1?token=S3cret",
    "http://a:b@S3cret@127.0.0.1:1",
)


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_shown_without_what_may_be_secret(address: str) -> None:
    assert name_place(address) == "http://127.0.0.1:1"


@pytest.mark.parametrize("address", ["https://host.example:8080/api/v1", "tcp://[::1]:19530", "http://milvus"])
def test_an_address_without_secrets_is_shown_whole(address: str) -> None:
    assert name_place(address) == address


# An address of Milvus with a password is refused before.
@pytest.mark.parametrize("address", ADDRESSES[2:3])
def test_a_milvus_that_is_away_is_named_without_its_secret(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    client = Client(MilvusSettings(uri=address, timeout=1))
    with pytest.raises(Exception, match="milvus_unavailable") as caught:
        client.call("list_collections", Deadline.after(2))
    assert "127.0.0.1:1" in str(caught.value)
    assert not any("S3cret" in message for message in (str(caught.value), *map(show, caplog.records)))


@pytest.mark.parametrize("address", ADDRESSES[:3])
def test_a_dashscope_that_is_away_is_named_without_its_secret(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    settings = DashScopeSettings(api_key=Secret("sk-local"), base_url=address)
    embedder = Embedder(settings)
    with pytest.raises(Exception, match="embedding_unavailable") as caught:
        DashScopeClient(settings).embed(["text"], embedder.make_parameters(TextType.QUERY), 2)
    messages = [str(caught.value), str(embedder.about)]
    assert all("127.0.0.1:1" in message for message in messages)
    assert not any("S3cret" in message for message in (*messages, *map(show, caplog.records)))


def show(record: logging.LogRecord) -> str:
    return str(vars(record))
