"""Settings: what is wrong is named, all at once, and secrets never show."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.errors import ConfigurationError
from shared.runtime.settings import (
    BucketSettings,
    DashScopeSettings,
    EmbedSettings,
    IngestSettings,
    SearchSettings,
    read_settings,
)

COMPLETE = {
    "DASHSCOPE_API_KEY": "sk-very-secret",
    "MILVUS_URI": "http://milvus:19530",
    "MILVUS_TOKEN": "root:very-secret",
    "OSS_BUCKET": "docs",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "id",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "very-secret",
    "API_KEYS": "very-secret,very-secret-2",
}


@pytest.mark.parametrize("kind", [EmbedSettings, IngestSettings, SearchSettings])
def test_a_complete_environment_is_enough_and_no_secret_shows(kind: type[Any]) -> None:
    assert "very-secret" not in repr(read_settings(kind, COMPLETE))


@pytest.mark.parametrize(
    ("kind", "required"),
    [
        (EmbedSettings, ["DASHSCOPE_API_KEY", "API_KEYS"]),
        (SearchSettings, ["DASHSCOPE_API_KEY", "MILVUS_URI", "API_KEYS"]),
        (
            IngestSettings,
            ["DASHSCOPE_API_KEY", "MILVUS_URI", "OSS_BUCKET", "ALIBABA_CLOUD_ACCESS_KEY_ID"],
        ),
    ],
)
def test_every_missing_variable_is_named_at_once(kind: type[Any], required: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(kind, {})
    assert [name for name in required if name not in caught.value.message] == []


def test_an_embed_function_without_milvus_takes_no_events_and_starts() -> None:
    environ = {name: value for name, value in COMPLETE.items() if not name.startswith("MILVUS")}
    assert read_settings(EmbedSettings, environ).milvus is None
    assert read_settings(EmbedSettings, COMPLETE).milvus is not None


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("EMBEDDING_MODEL", "text-embedding-v9", "EMBEDDING_MODEL"),
        ("EMBEDDING_DIMENSION", "1000", "EMBEDDING_DIMENSION"),
        ("EMBEDDING_DIMENSION", "many", "EMBEDDING_DIMENSION"),
        ("DASHSCOPE_API_KEY", "sk-with space", "DASHSCOPE_API_KEY"),
        ("DASHSCOPE_API_KEY", "sk-line\nbreak", "DASHSCOPE_API_KEY"),
        ("DASHSCOPE_API_KEY", "sk-全角", "DASHSCOPE_API_KEY"),
        ("DASHSCOPE_NETWORK", "intranet", "DASHSCOPE_NETWORK must be one of public, singapore, "),
        ("DASHSCOPE_NETWORK", "workspace", "DASHSCOPE_WORKSPACE"),
        ("DASHSCOPE_BASE_URL", "dashscope.aliyuncs.com", "DASHSCOPE_BASE_URL"),
        ("MILVUS_URI", "./milvus.db", "MILVUS_URI"),
        ("MILVUS_COLLECTION", "my-docs", "letters, digits and underscores"),
        ("MILVUS_TIMEOUT", "0", "Seconds one call may take"),
        ("QUOTA_SHARE", "1.5", "QUOTA_SHARE"),
    ],
)
def test_a_wrong_value_is_named_and_secrets_are_not_repeated(variable: str, value: str, named: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(SearchSettings, {**COMPLETE, variable: value})
    assert named in caught.value.message
    assert "sk-" not in caught.value.message


def test_no_api_key_means_no_start() -> None:
    with pytest.raises(ConfigurationError, match="API_KEYS"):
        read_settings(EmbedSettings, {**COMPLETE, "API_KEYS": " , "})
    assert read_settings(EmbedSettings, {**COMPLETE, "API_KEYS": "", "ALLOW_ANONYMOUS": "true"}).access.keys == ()


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        (IngestSettings, "CHUNK_TOKENS", "2049"),
        (EmbedSettings, "RECORD_COLLECTIONS", "good,bad name!"),
        (IngestSettings, "OCR", "on"),
        (IngestSettings, "OCR_MODEL", "tesseract"),
        (IngestSettings, "OCR_MAX_PAGES", "0"),
        (IngestSettings, "IMAGE_DESCRIPTION_MODEL", "qwen-vl-ocr"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_named(kind: type[Any], variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        read_settings(kind, {**COMPLETE, variable: value})


def test_no_page_is_billed_unless_that_is_wanted() -> None:
    assert not read_settings(IngestSettings, COMPLETE).ocr.is_on
    assert read_settings(IngestSettings, {**COMPLETE, "OCR": "auto"}).ocr.is_on


def test_a_chunk_always_fits_the_model() -> None:
    with pytest.raises(ConfigurationError, match="CHUNK_TOKENS must be at most 512"):
        read_settings(IngestSettings, {**COMPLETE, "CHUNK_TOKENS": "600", "EMBEDDING_MODEL": "text-embedding-v2"})


def test_an_empty_variable_counts_as_unset() -> None:
    settings = read_settings(BucketSettings, {**COMPLETE, "OSS_PREFIX": "", "OSS_TIMEOUT": " "})
    assert (settings.prefix, settings.timeout) == ("", 20.0)


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({}, "https://dashscope.aliyuncs.com/api/v1"),
        ({"DASHSCOPE_NETWORK": "internal"}, "https://vpc-cn-beijing.dashscope.aliyuncs.com/api/v1"),
        ({"DASHSCOPE_NETWORK": "internal-inc"}, "https://dashscope.aliyuncs-inc.com/api/v1"),
        ({"DASHSCOPE_NETWORK": "singapore"}, "https://dashscope-intl.aliyuncs.com/api/v1"),
        (
            {"DASHSCOPE_NETWORK": "workspace", "DASHSCOPE_WORKSPACE": "llm-1"},
            "https://llm-1.cn-beijing.maas.aliyuncs.com/api/v1",
        ),
        ({"DASHSCOPE_NETWORK": "internal", "DASHSCOPE_BASE_URL": "http://ep-1/api/v1/"}, "http://ep-1/api/v1"),
    ],
)
def test_the_network_is_a_setting(changes: dict[str, str], address: str) -> None:
    assert read_settings(DashScopeSettings, {**COMPLETE, **changes}).address == address


def test_the_dimension_defaults_to_the_models_own() -> None:
    assert read_settings(DashScopeSettings, COMPLETE).dimension == 1024
    assert read_settings(DashScopeSettings, {**COMPLETE, "EMBEDDING_MODEL": "text-embedding-v2"}).dimension == 1536
