"""What `ops check` says of values that a service or a function would refuse later."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.checks import find_warnings, problems
from ops.deployment import DeploymentError, load
from shared.runtime.settings.addresses import check_address

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``s.yaml`` without the files that extend it, which take most of the time."""
    path = tmp_path_factory.mktemp("deployment") / "s.yaml"
    path.write_bytes((ROOT / "s.yaml").read_bytes())
    return path


def find_problems(path: Path = ROOT / "s.yaml", **environ: str) -> list[str]:
    return problems(load(path, environ))


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ("ACCOUNT_ID", ["12a", "0123456789012345", "1234 5678 9012 3456", "1234567890123456\n", "１２３４５６７８９"]),
        ("REGION", ["beijing", "cn_beijing", "CN-BEIJING", "oss-cn-beijing", "cn-beijing-h", " cn-beijing"]),
        ("NAME_PREFIX", ["semantic-search-", "a" * 57]),
        ("OSS_BUCKET", ["My-Documents", "ab", "-docs", "docs-", "my_documents", "a" * 64, "docs.example", "文档库"]),
        ("OSS_PREFIX", ["/docs/", "\\docs", " docs/", "docs/ ", "docs/\n", '"docs/"', "键" * 342]),
        ("OSS_SUFFIX", [".pdf ", "'.pdf'", "x" * 1_024]),
        ("OSS_ENDPOINT", ["https://oss cn.example", "ftp://oss.example", '"https://oss.example"', "https://"]),
        ("OSS_ENDPOINT", ["https://my-documents.oss-cn-beijing.aliyuncs.com", "https://oss-cn-beijing.aliyuncs.com/my-documents"]),
        ("OSS_ENDPOINT", ["oss-cn-hangzhou-internal.aliyuncs.com", "https://oss-cn-shanghai.aliyuncs.com"]),
        ("LOG_PROJECT", ["Logs", "ab", "logs_1", "-logs", "a" * 64]),
        ("LOG_STORE", ["a", "Store", "store-"]),
        ("VPC_ID", ["vsw-abc", "vpc-", "vpc-ABC", "vpc-a b"]),
        ("VSWITCH_ID", ["vpc-abc", "vsw-a,vsw-b"]),
        ("SECURITY_GROUP_ID", ["abc"]),
        ("FAILURE_QUEUE", ["failed_events", "-failed", "a" * 121, "a/b", "a b"]),
        ("RECORDS_QUEUE", ["records queue", "记录"]),
        ("RECORDS_SOURCE", ['my"source', "a b", "a\\"]),
        ("RECORDS_ENABLED", ["yes", "on", "ja"]),
        ("BATCH_EVENTS", ["yes"]),
        ("SOURCE_LINKS", ["yes please"]),
        ("MILVUS_MMAP", ["maybe"]),
        ("DOMAIN", ["https://search.example.com", "search.example.com/", "search example.com", "localhost"]),
        ("MILVUS_URI", ["http://host :19530", "host:19530", "http://host:port", "http://host:99999", "http://", '"http://host"']),
        ("MILVUS_URI", ["http://root:secret@host:19530", "http://c-xxxxxxxx-internal.milvus.aliyuncs.com:19530"]),
        ("DASHSCOPE_BASE_URL", ["https://dashscope.aliyuncs.com/compatible-mode/v1"]),
        ("MILVUS_DATABASE", ["my-database", "1st"]),
        ("MILVUS_COLLECTION", ["my-docs", "文档"]),
        ("MILVUS_PARTITIONS", ["0", "many"]),
        ("MILVUS_UNITS", ["0", "four"]),
        ("MILVUS_VERSION", ["latest"]),
        ("ZONE_ID", ["cn-hangzhou-j"]),
        ("INFRA_EXISTING", ["network,everything"]),
        ("DASHSCOPE_BASE_URL", ["https://dash scope/api/v1", "dashscope.aliyuncs.com", "https://host/\u00a0api", "https://host/<id>"]),
        ("DASHSCOPE_WORKSPACE", ["ws 1", "ws/1", "ws.example"]),
        ("DASHSCOPE_API_KEY", ["'sk-quoted'", "sk-a b", '"sk-half', "sk-half'", "LTAI5tAbCdEfGhIj", "sk-****abcd"]),
        ("DASHSCOPE_API_KEY", ["sk-xxx", "sk-...", "...", "<your key>", "your-api-key", "YOUR_API_KEY", "sk-…"]),
        ("MILVUS_TOKEN", ["user:password", "<token>", "root:<password>", "root：wide"]),
        ("API_KEYS", ["<a long random key>", "your-api-key", "good-key,your-key"]),
        ("EMBEDDING_DIMENSION", ["1024d", "1000"]),
        ("SOURCE_ENDPOINT", ["docs.example.com", "https://docs.example.com /"]),
        ("SCORE_CALIBRATION", ["{", '{"version": 1}']),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", ["collector:4318", "http://collector :4318"]),
        ("MAX_COST_CNY", ["-1", "5 CNY"]),
        ("LOG_LEVEL", ["verbose"]),
        ("API_KEYS", ["a-key\n"]),
        ("TENANT_FROM", ["folder"]),
        ("ENVIRONMENT", ["pro duction"]),
    ],
)  # fmt: skip
def test_a_value_that_would_fail_later_is_a_problem_now(alone: Path, variable: str, values: list[str]) -> None:
    for value in values:
        found = find_problems(alone, **{variable: value})
        assert any(variable in problem for problem in found), (value, found)


@pytest.mark.parametrize(
    ("region", "hint"),
    [
        ("cn-bejing", "did you mean cn-beijing?"),
        ("af-nowhere", "known are ap-northeast-1, "),
        ("eu-central-2", "did you mean eu-central-1?"),
    ],
)
@pytest.mark.parametrize("variable", ["REGION", "OSS_REGION"])
def test_a_region_that_is_not_known_yet_is_a_warning(alone: Path, variable: str, region: str, hint: str) -> None:
    deployment = load(alone, {variable: region, "REGION": region})
    assert [problem for problem in problems(deployment) if "no region" in problem] == []
    warnings = [warning for warning in find_warnings(deployment) if warning.startswith(f"{variable}: ")]
    assert len(warnings) == 1
    assert region in warnings[0]
    assert hint in warnings[0]
    assert find_warnings(load(alone, {"REGION": "cn-hangzhou"})) == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"ACCOUNT_ID": "1987654321098765", "NAME_PREFIX": "Docs2", "LOG_PROJECT": "docs2-logs"},
        {"REGION": "ap-southeast-1", "OSS_REGION": "ap-southeast-1", "ZONE_ID": "ap-southeast-1b"},
        {"OSS_BUCKET": "0-docs-9", "OSS_PREFIX": "文档/2026 年/", "OSS_SUFFIX": ".pdf"},
        {"OSS_ENDPOINT": "oss-cn-beijing.aliyuncs.com"},
        {"OSS_ENDPOINT": "https://oss-cn-beijing-internal.aliyuncs.com/"},
        {"OSS_ENDPOINT": "https://oss-accelerate.aliyuncs.com", "OSS_BUCKET": "oss"},
        {"DASHSCOPE_API_KEY": "sk-ws-Q.xxxA9", "API_KEYS": "your-own,my-team-2026,xxx-7"},
        {"OSS_ENDPOINT": "http://127.0.0.1:9000", "FC_ENDPOINT": "http://[::1]:9000/"},
        {"MILVUS_URI": "https://c-0abc-internal.milvus.aliyuncs.com:19530", "MILVUS_TOKEN": "root:p'a\"ss word"},
        {"MILVUS_URI": "tcp://milvus_1:19530", "MILVUS_DATABASE": "docs_1"},
        {"DASHSCOPE_NETWORK": "workspace", "DASHSCOPE_WORKSPACE": "ws-0abc_1"},
        {"DOMAIN": "search.example.com", "RECORDS_ENABLED": "True", "BATCH_EVENTS": "1"},
        {"RECORDS_SOURCE": "my.shop/orders", "RECORDS_QUEUE": "Records-1", "RECORDS_ENABLED": "true"},
        {"INFRA_EXISTING": "network, milvus", "MILVUS_UNITS": "16", "LOG_LEVEL": "debug"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318/v1"},
    ],
)
def test_what_the_services_take_is_no_problem(environ: dict[str, str]) -> None:
    assert problems(load(ROOT / "s.yaml", environ)) == []


def test_a_wrong_value_is_one_problem_and_no_secret_is_repeated() -> None:
    (problem,) = find_problems(MILVUS_URI="http://root:very-secret@ho st:19530")
    assert "very-secret" not in problem
    assert len([it for it in find_problems(QUOTA_SHARE="2") if "QUOTA_SHARE" in it]) == 3  # once for each function


@pytest.mark.parametrize("bucket", ["oss://my-documents", "my-documents/folder", "acs:oss:my"])
def test_a_bucket_that_breaks_the_file_is_named_by_its_variable(alone: Path, bucket: str) -> None:
    with pytest.raises(DeploymentError, match="OSS_BUCKET must be the name of a bucket, without oss:// and folders"):
        load(alone, {"OSS_BUCKET": bucket})
    with pytest.raises(DeploymentError, match="ACCOUNT_ID must be the number of an account"):
        load(alone, {"ACCOUNT_ID": "12:34"})


@pytest.mark.parametrize("value", ["DASHSCOPE_API_KEY\u200b", "DASHSCOPE_API_KEY\n", "MILVUS_COLLECTION\n"])
def test_one_fault_is_one_sentence(alone: Path, value: str) -> None:
    name, end = value[:-1], value[-1]
    assert len({it.partition(": ")[2] or it for it in find_problems(alone, **{name: f"sk-abc{end}"})}) == 1


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"UPLOADS": "yes"}, "UPLOADS must be true or false ("),
        ({"MAX_COST_CNY": "100 CNY"}, "MAX_COST_CNY must be a number ("),
        ({"OCR_MAX_PAGES": "1,000"}, "OCR_MAX_PAGES must be a whole number ("),
        ({"MILVUS_SHARDS": "17"}, "MILVUS_SHARDS must be at most 16 ("),
        ({"REGION": "CN-BEIJING"}, "did you mean cn-beijing?"),
    ],
)
def test_a_wrong_type_is_told_in_words(alone: Path, environ: dict[str, str], words: str) -> None:
    found = find_problems(alone, **environ)
    assert any(words in problem for problem in found), found
    assert not any("Expected" in problem for problem in found)


def test_a_pattern_where_none_is_read_is_a_warning(alone: Path) -> None:
    (warning,) = find_warnings(load(alone, {"OSS_SUFFIX": "*.pdf"}))
    assert warning.startswith("OSS_SUFFIX is compared character by character")


@pytest.mark.parametrize("value", ["http://a", "https://a.example:1/x?y=%20", "http://u:p@h", "http://127.0.0.1", ""])
def test_an_address_names_a_host(value: str) -> None:
    check_address("URL", value)


@pytest.mark.parametrize(
    "value", ["http://-a", "http://a:", "http://a:b", "http://a:0x1", "http:///x", "http://[::1", "http://a\tb", "x"]
)
def test_what_names_none_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        check_address("URL", value)


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ("a-long-random-key-4711", 0),
        (f"sha256:{'0' * 64}@acme", 0),
        ("a-long-random-key-4711@acme, inc", 1),
        ("secret,other,a-long-random-key-4711", 2),
        ("short@acme", 1),
    ],
)
def test_a_key_that_can_be_guessed_is_warned_of(keys: str, count: int, alone: Path) -> None:
    found = [warning for warning in find_warnings(load(alone, {"API_KEYS": keys})) if "characters" in warning]
    assert len(found) == min(count, 1)
    assert not count or f"{count} key" in found[0]
    assert not any(part in warning for warning in found for part in ("inc", "secret,", "acme"))
