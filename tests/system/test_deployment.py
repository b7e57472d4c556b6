"""s.yaml is what Serverless Devs makes of it, misspellings do not load, and each rule of ``ops.checks`` can say no."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.checks import problems
from ops.deployment import DeploymentError, EventBridgeTrigger, Function, load
from ops.template import parse, render
from shared.ingestion import events
from tests.unit.test_dotenv import LINES

ROOT = Path(__file__).parents[2]
DEPLOYMENT = ROOT / "s.yaml"
SERVERLESS_DEVS = "@serverless-devs/s@3.1.10"
ABSENT = object()

Change = tuple[str, Any]


def changed(folder: Path, *changes: Change) -> Path:
    """Copies of s.yaml and of what extends it; each path, such as ``resources.embed.props.region``, is changed."""
    names = ("s.yaml", "s.domain.yaml", "s.records.yaml", "s.batches.yaml")
    documents = {name: parse(ROOT / name) for name in names}
    for place, value in changes:
        document = documents["s.domain.yaml" if place.startswith("resources.domain.") else "s.yaml"]
        *above, last = place.split(".")
        target: Any = document
        for name in above:
            target = target[int(name)] if isinstance(target, list) else target.setdefault(name, {})
        if value is ABSENT:
            del target[last]
        elif isinstance(target, list) and int(last) == len(target):
            target.append(value)
        else:
            target[int(last) if isinstance(target, list) else last] = value
    for name, document in documents.items():
        (folder / name).write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "utf-8")
    return folder / "s.yaml"


def found(folder: Path, *changes: Change, **environ: str) -> list[str]:
    return problems(load(changed(folder, *changes), environ))


EMBED = "resources.embed.props"
INGEST = "resources.ingest.props"
SEARCH = "resources.search.props"


# --- Rendering


@pytest.fixture(scope="session")
def serverless_devs() -> Path:
    """The real ``s``, installed once; without npm or its registry the tests that need it are skipped, audibly."""
    program = ROOT / ".local/node/node_modules/.bin/s"
    if program.exists():
        return program
    npm = shutil.which("npm")
    reason = "npm is not installed"
    if npm:
        install = [
            npm,
            "install",
            "--silent",
            "--fetch-retries=1",
            "--no-audit",
            "--no-fund",
            "--prefix",
            str(ROOT / ".local/node"),
        ]
        try:
            done = subprocess.run([*install, SERVERLESS_DEVS], capture_output=True, text=True, timeout=150)
            reason = f"npm could not install {SERVERLESS_DEVS}: {done.stderr.strip()[-200:]}"
        except subprocess.TimeoutExpired:
            reason = f"npm did not install {SERVERLESS_DEVS} in time"
    if not program.exists():
        warnings.warn(f"NOT TESTED against the real s preview: {reason}", stacklevel=1)
        pytest.skip(reason)
    return program


def preview(program: Path, path: Path, home: Path, **variables: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(program), "preview", "-t", str(path), "-o", "json", "--silent"],
        env={"PATH": os.environ["PATH"], "HOME": str(home), **variables},
        cwd=path.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return without_variables(json.loads(done.stdout))


def without_variables(rendered: dict[str, Any]) -> dict[str, Any]:
    """What is sent: `s` resolves ``vars`` in ``resources`` to any depth, and in ``vars`` themselves only to some."""
    return {name: value for name, value in rendered.items() if name != "vars"}


@pytest.mark.parametrize("name", ["s.yaml", "s.domain.yaml", "s.records.yaml", "s.batches.yaml"])
def test_what_extends_a_file_is_rendered_as_by_serverless_devs(
    serverless_devs: Path, tmp_path: Path, name: str
) -> None:
    changed(tmp_path)
    variables = {"DOMAIN": "search.example.com", "CERTIFICATE_ID": "1-cn-hangzhou", "ACCOUNT_ID": "77"}
    path = tmp_path / name
    assert without_variables(render(path, variables)) == preview(serverless_devs, path, tmp_path, **variables)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {
            "REGION": "cn-hangzhou",
            "OSS_PREFIX": "文档/a b/",
            "EMBEDDING_DIMENSION": "0512",
            "API_KEYS": "a,b#c: {d}",
            "MILVUS_TOKEN": "true",
            "LOG_LEVEL": "",
        },
    ],
)
def test_our_rendering_is_that_of_serverless_devs(
    serverless_devs: Path, tmp_path: Path, variables: dict[str, str]
) -> None:
    path = changed(
        tmp_path,
        ("access", "${env('NOT_RENDERED', 'x')}"),
        ("vars.number", 5),
        ("vars.text", "007"),
        (f"{EMBED}.description", "${vars.number} ${vars.text}"),
        (f"{EMBED}.tags", [{"key": "yes", "value": "${resources.search.props.functionName}-${vars.number}"}]),
        (f"{EMBED}.idleTimeout", "${vars.number}"),
        (f"{SEARCH}.idleTimeout", None),
    )
    (tmp_path / ".env").write_text("MILVUS_DATABASE=from_file\nREGION=cn-nowhere\n# A=b\n")
    variables = {"REGION": "cn-beijing", **variables}
    assert without_variables(render(path, variables)) == preview(serverless_devs, path, tmp_path, **variables)


def test_each_line_of_an_env_file_is_read_as_by_serverless_devs(serverless_devs: Path, tmp_path: Path) -> None:
    lines = {f"N{number}": text.replace("A", f"N{number}") for number, (text, _) in enumerate(LINES)}
    (tmp_path / ".env").write_text("\n".join(lines.values()), "utf-8")
    props = {name: f"${{env('{name}', 'none')}}" for name in lines}
    path = tmp_path / "s.yaml"
    path.write_text(
        yaml.safe_dump({"edition": "3.0.0", "name": "x", "resources": {"a": {"component": "fc3", "props": props}}})
    )
    read = preview(serverless_devs, path, tmp_path)["resources"]["a"]["props"]
    expected = [value.replace("/h/", f"{tmp_path}/") for _, value in LINES]
    assert [read[name] for name in lines] == expected


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_each_environment_is_rendered_from_its_own_file(
    serverless_devs: Path, tmp_path: Path, environment: str
) -> None:
    shutil.copy(DEPLOYMENT, tmp_path)
    (tmp_path / ".env").write_text("OSS_BUCKET=shared-bucket\nNAME_PREFIX=search\n")
    (tmp_path / ".env.dev").write_text("NAME_PREFIX=search-dev\nMILVUS_COLLECTION=search_dev\n")
    (tmp_path / ".env.prod").write_text("MILVUS_COLLECTION=search_prod\n")
    command = [str(serverless_devs), "preview", "-o", "json", "--silent"]
    done = subprocess.run(
        [sys.executable, "-m", "ops", "--env", environment, "run", *command],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    props = json.loads(done.stdout)["resources"]["search"]["props"]
    prefix = {"dev": "search-dev", "prod": "search"}[environment]
    assert props["functionName"] == f"{prefix}-search"
    assert props["role"].endswith(f":role/{prefix}-search")
    assert props["environmentVariables"]["MILVUS_COLLECTION"] == f"search_{environment}"
    assert props["tags"] == [
        {"key": "application", "value": prefix},
        {"key": "environment", "value": environment},
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ((f"{EMBED}.region", "${vars.regoin}"), "${vars.regoin} refers to nothing: there is no regoin"),
        ((f"{EMBED}.region", "${env('NO_SUCH')}"), "variable NO_SUCH is not set"),
        ((f"{EMBED}.region", "${file('x')}"), "${file('x')} is none of"),
        (("vars.region", "${vars.region}"), "${vars.region} refers to itself"),
        ((f"{EMBED}.description", "a ${vars.tags}"), "a list cannot stand inside a text"),
    ],
)
def test_an_expression_without_a_value_is_one_sentence(tmp_path: Path, change: Change, sentence: str) -> None:
    with pytest.raises(DeploymentError) as refused:
        load(changed(tmp_path, change), {})
    assert sentence in str(refused.value)


def test_a_key_given_twice_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("edition: 3.0.0\nname: a\nname: b\n")
    with pytest.raises(DeploymentError, match="'name' stands twice"):
        load(tmp_path / "s.yaml", {})


# --- Types


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ((f"{EMBED}.memorysize", 512), "memorysize"),
        ((f"{EMBED}.memorySize", "512"), "resources[...].props.memorySize"),
        ((f"{EMBED}.memorySize", 64), "props.memorySize"),
        ((f"{EMBED}.cpu", 32), "props.cpu"),
        ((f"{EMBED}.diskSize", 1024), "props.diskSize"),
        ((f"{EMBED}.timeout", 0), "props.timeout"),
        ((f"{EMBED}.instanceConcurrency", 201), "props.instanceConcurrency"),
        ((f"{EMBED}.runtime", "python3.10"), "props.runtime"),
        ((f"{EMBED}.functionName", ABSENT), "functionName"),
        ((f"{EMBED}.environmentVariables.LOG_LEVEL", 5), "environmentVariables"),
        ((f"{EMBED}.triggers.0.triggerConfig.authtype", "anonymous"), "triggers[0].triggerConfig"),
        ((f"{EMBED}.triggers.0.triggerConfig.methods", ["GETS"]), "triggerConfig.methods[0]"),
        ((f"{EMBED}.triggers.0.triggerType", "https"), "triggers[0].triggerType"),
        ((f"{INGEST}.triggers.0.triggerConfig.events", ["oss:ObjectCreated:Put"]), "triggerConfig.events[0]"),
        ((f"{INGEST}.triggers.0.triggerConfig.filter.key.suffix", ABSENT), "triggerConfig.filter.key"),
        ((f"{INGEST}.triggers.0.sourceArn", "my-documents"), "triggers[0].sourceArn"),
        ((f"{INGEST}.triggers.1.triggerConfig.enabled", True), "triggers[1].triggerConfig"),
        ((f"{INGEST}.triggers.1.triggerConfig.cronExpression", "every hour"), "triggerConfig.cronExpression"),
        ((f"{INGEST}.asyncInvokeConfig.maxAsyncRetryAttempts", 9), "asyncInvokeConfig.maxAsyncRetryAttempts"),
        ((f"{INGEST}.asyncInvokeConfig.destinationConfig.onFailure.destination", "oss://b/x"), "onFailure.destination"),
        ((f"{INGEST}.instanceLifecycleConfig.initializer.timeout", 301), "initializer.timeout"),
        ((f"{SEARCH}.customDomain", {"domainName": "auto", "protocol": "HTTP", "routes": []}), "customDomain"),
        (("resources.domain.props.routeConfig.routes.0.functioName", "x"), "routes[0]"),
        (("resources.domain.component", "fc3-domains"), "component"),
        (("services", {}), "services"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_is_misspelt_or_out_of_range_does_not_load_and_its_place_is_named(
    tmp_path: Path, change: Change, place: str
) -> None:
    with pytest.raises(DeploymentError) as refused:
        load(changed(tmp_path, change), {})
    assert place in str(refused.value)


# --- The deployment itself


def test_the_deployment_is_without_problems() -> None:
    assert problems(load(DEPLOYMENT, {})) == []


def test_each_function_gets_only_the_variables_it_needs() -> None:
    common = {
        *("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"),
        *("PYTHONPATH", "LOG_LEVEL", "DASHSCOPE_API_KEY", "DASHSCOPE_NETWORK", "DASHSCOPE_BASE_URL"),
        *("DASHSCOPE_WORKSPACE", "DASHSCOPE_REGION", "EMBEDDING_MODEL", "EMBEDDING_DIMENSION"),
        *("QUOTA_SHARE", "QUOTA_REQUESTS_PER_SECOND", "QUOTA_TOKENS_PER_MINUTE", "MAX_COST_CNY"),
        *("MILVUS_URI", "MILVUS_TOKEN", "MILVUS_DATABASE", "MILVUS_COLLECTION", "MILVUS_REPLICAS"),
    }
    creation = {"MILVUS_INDEX", "MILVUS_SHARDS", "MILVUS_PARTITIONS", "MILVUS_MMAP"}
    bucket = {"OSS_BUCKET", "OSS_PREFIX", "OSS_SUFFIX", "OSS_REGION", "OSS_ENDPOINT", "RECONCILE_MAX_DELETED_SHARE"}
    access = {"API_KEYS", "API_KEYS_FILE", "ALLOW_ANONYMOUS", "CORS_ORIGINS", "PUBLIC_DOMAIN"}
    admin = {"ADMIN_API_KEYS", "INGEST_FUNCTION", "FC_ENDPOINT"}
    ocr = {"OCR", "OCR_MODEL", "OCR_MAX_PAGES", "IMAGE_DESCRIPTION_MODEL"}
    sources = {"SOURCE_LINKS", "SOURCE_ENDPOINT", "OSS_REGION"}
    uploads = {"UPLOADS", "UPLOAD_BUCKET", "UPLOAD_PREFIX", "UPLOAD_SUFFIX"}
    answers = {"ANSWER_MODEL", "ANSWER_TIMEOUT", "ANSWER_MAX_TOKENS"}
    functions = load(DEPLOYMENT, {}).functions
    assert {name: set(function.environment_variables) for name, function in functions.items()} == {
        "embed": common | access | creation | {"RECORD_COLLECTIONS", "TENANT_FROM"},
        "ingest": common | bucket | ocr | creation | {"TENANT_FROM"},
        "search": common | access | admin | answers | sources | uploads | {"RERANK_DEFAULT", "SCORE_CALIBRATION"},
    }


def test_the_variables_are_settings_the_functions_know() -> None:
    from shared.runtime.settings import EmbedSettings, IngestSettings, SearchSettings, list_variables

    known = {"embed": EmbedSettings, "ingest": IngestSettings, "search": SearchSettings}
    for name, function in load(DEPLOYMENT, {}).functions.items():
        settings = {variable for variable, _, _ in list_variables(known[name])}
        others = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}
        assert set(function.environment_variables) - settings == {"PYTHONPATH", "LOG_LEVEL", *others}


def test_each_function_has_a_role_and_a_package_of_its_own() -> None:
    functions: list[Function] = list(load(DEPLOYMENT, {}).functions.values())
    assert len({function.role for function in functions}) == 3
    assert [function.code for function in functions] == ["./build/embed", "./build/ingest", "./build/search"]


def test_the_triggers_of_records_exist_only_when_wanted() -> None:
    """Serverless Devs creates EventBridge's roles for any such trigger it reads, a disabled one included."""
    assert "eventbridge" not in {
        it.get("triggerType") for it in parse(DEPLOYMENT)["resources"]["embed"]["props"]["triggers"]
    }
    names = {
        wanted: [it.trigger_name for it in load(DEPLOYMENT, {"RECORDS_ENABLED": wanted}).functions["embed"].triggers]
        for wanted in ("", "false", "true")
    }
    assert names == {"": ["http"], "false": ["http"], "true": ["http", "records-eventbridge", "records-mns"]}


def test_the_trigger_for_the_end_of_batch_tasks_exists_only_when_wanted() -> None:
    triggers = parse(DEPLOYMENT)["resources"]["ingest"]["props"]["triggers"]
    assert "eventbridge" not in {trigger.get("triggerType") for trigger in triggers}
    names = {
        wanted: [it.trigger_name for it in load(DEPLOYMENT, {"BATCH_EVENTS": wanted}).functions["ingest"].triggers]
        for wanted in ("", "false", "true")
    }
    usual = ["documents", "reconcile"]
    assert names == {"": usual, "false": usual, "true": [*usual, "batch-end"]}
    both = load(DEPLOYMENT, {"BATCH_EVENTS": "true", "RECORDS_ENABLED": "true"}).functions
    assert [len(both[name].triggers) for name in ("embed", "ingest")] == [3, 3]


def test_the_trigger_for_the_end_of_batch_tasks_lets_their_events_pass() -> None:
    trigger = load(DEPLOYMENT, {"BATCH_EVENTS": "true"}).functions["ingest"].triggers[-1]
    assert isinstance(trigger, EventBridgeTrigger)
    pattern = json.loads(trigger.trigger_config.event_rule_filter_pattern)
    event = {"specversion": "1.0", "source": "acs.dashscope", "type": "dashscope:System:BatchTaskFinish", "data": {}}
    assert all(event[name] in values for name, values in pattern.items())
    assert events.parse(json.dumps(event).encode()) == (events.BackfillRequest("collect"),)


def test_a_domain_without_a_name_or_a_certificate_is_not_deployed() -> None:
    done = check(ROOT / "s.domain.yaml")
    assert (done.returncode, done.stdout) == (
        1,
        "the environment variable DOMAIN is not set, and the file gives it no default\n",
    )


def test_secrets_come_from_the_environment() -> None:
    deployment = load(DEPLOYMENT, {"DASHSCOPE_API_KEY": "sk-0123456789abcdef0123", "API_KEYS": "one,two"})
    assert deployment.functions["embed"].environment_variables["API_KEYS"] == "one,two"
    assert problems(deployment) == []


# --- The rules

OTHER_TRIGGER = {
    "triggerName": "more",
    "triggerType": "oss",
    "sourceArn": "acs:oss:${vars.bucketRegion}:${vars.account}:${vars.bucket}",
    "invocationRole": "${vars.triggerRole}",
    "triggerConfig": {"events": ["oss:ObjectCreated:PutObject"], "filter": {"key": {"prefix": "a/", "suffix": ""}}},
}
HTTP = parse(DEPLOYMENT)["resources"]["embed"]["props"]["triggers"][0]
MOUNT = {"mountPoints": [{"bucketName": "my-documents", "endpoint": "https://oss.example", "mountDir": "/mnt/out"}]}
ITSELF = "acs:fc:cn-beijing:1:functions/semantic-search-ingest"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([(f"{EMBED}.memorySize", 500)], "embed: memorySize 500 is not a multiple of 64 MB"),
        ([(f"{EMBED}.cpu", 0.33)], "embed: cpu 0.33 is not a multiple of 0.05 vCPU"),
        ([(f"{EMBED}.cpu", 1)], "embed: 512 MB with 1 vCPU is 0.50 GB per vCPU; it must lie between 1 and 4"),
        ([(f"{EMBED}.memorySize", 2048)], "embed: 2048 MB with 0.35 vCPU is 5.71 GB per vCPU"),
        ([(f"{EMBED}.environmentVariables.NOTE", "汉" * 1300)], "bytes; 4096 are allowed"),
        ([(f"{INGEST}.triggers.0.triggerConfig.events", ["oss:ObjectCreated:*"])], "once per part of a multipart"),
        ([(f"{INGEST}.triggers.0.invocationRole", ABSENT)], "ingest: trigger documents has no invocationRole"),
        ([(f"{INGEST}.triggers.2", OTHER_TRIGGER)], "the oss triggers documents and more overlap"),
        ([(f"{SEARCH}.triggers.1", OTHER_TRIGGER)], "the oss triggers documents and more overlap"),
        ([(f"{EMBED}.triggers.1", HTTP)], "embed: 2 triggers are named http"),
        ([(f"{EMBED}.triggers.1", {**HTTP, "triggerName": "b"})], "embed: it has more than one http trigger"),
        ([(f"{EMBED}.environmentVariables.API_KEYS", ABSENT)], "embed: trigger http is anonymous"),
        ([("vars.allowAnonymous", "true")], "search: trigger http is anonymous and ALLOW_ANONYMOUS is set"),
        ([("vars.bucketRegion", "cn-hangzhou")], "watches a bucket in cn-hangzhou; it must be in cn-beijing"),
        ([(f"{INGEST}.environmentVariables.OSS_BUCKET", "other")], "watches my-documents, OSS_BUCKET is other"),
        ([(f"{INGEST}.environmentVariables.OSS_PREFIX", "docs/")], "watches keys outside OSS_PREFIX"),
        ([(f"{INGEST}.environmentVariables.OUTPUT", "oss://my-documents/out/")], "each result would start it again"),
        ([(f"{INGEST}.ossMountConfig", MOUNT)], "each result would start it again"),
        ([(f"{INGEST}.asyncInvokeConfig.destinationConfig.onFailure.destination", ITSELF)], "onFailure leads back"),
        ([(f"{INGEST}.asyncInvokeConfig.destinationConfig", ABSENT)], "ingest: asyncInvokeConfig has no onFailure"),
        ([(f"{INGEST}.asyncInvokeConfig.maxAsyncEventAgeInSeconds", 1200)], "ends before 4 attempts of 600 s"),
        ([(f"{INGEST}.triggers.1.triggerConfig.cronExpression", "@every 10m")], "may fire again before the run"),
        ([(f"{INGEST}.instanceLifecycleConfig.preStop.timeout", 120)], "preStop may take 90 s at most, not 120"),
        ([("vars.healthCheckConfig.periodSeconds", 3)], "longer than the 120 s in which an instance must be ready"),
        (
            [(f"{SEARCH}.scalingConfig", {"minInstances": 1}), (f"{SEARCH}.provisionConfig", {"defaultTarget": 1})],
            "search: scalingConfig.minInstances and provisionConfig exclude each other",
        ),
        ([(f"{SEARCH}.scalingConfig", {"minInstances": 3})], "minInstances 3 is above"),
        ([(f"{EMBED}.instanceConcurrency", 40)], "embed: gunicorn has 22 threads for instanceConcurrency 40"),
        ([(f"{EMBED}.functionName", "${vars.prefix}-search")], "2 functions are named semantic-search-search"),
        ([(f"{EMBED}.environmentVariables.QUOTA_SHARE", "1.2")], "embed: QUOTA_SHARE is the part"),
        ([(f"{EMBED}.environmentVariables.QUOTA_SHARE", "0")], "embed: QUOTA_SHARE is the part"),
        ([(f"{EMBED}.environmentVariables.QUOTA_SHARE", "a lot")], "embed: QUOTA_SHARE is the part"),
        ([(f"{EMBED}.concurrencyConfig", ABSENT)], "embed: without concurrencyConfig.reservedConcurrency"),
        ([(f"{EMBED}.environmentVariables.EMBEDDING_DIMENSION", "512")], "EMBEDDING_DIMENSION differs"),
        ([("resources.domain.props.routeConfig.routes.0.path", "/*")], "route /* of auto is given to"),
        ([("resources.domain.props.routeConfig.routes.0.path", "/*/a")], "a * stands for what follows only at the end"),
        ([("resources.domain.props.routeConfig.routes.0.functionName", "x")], "which has no http trigger"),
        (
            [(f"{EMBED}.customDomain", {"domainName": "auto", "protocol": "HTTP", "route": {"path": "/*"}})],
            "route /* of auto is given to",
        ),
        ([("resources.domain.props.protocol", "HTTP,HTTPS")], "protocol HTTP,HTTPS sends API keys in clear"),
        ([("resources.domain.props.certConfig", ABSENT)], "HTTPS needs a certificate"),
        ([("vars.dashscopeKey", "sk-secret")], "embed: DASHSCOPE_API_KEY stands in s.yaml"),
        ([("vars.apiKeys", "${env('API_KEYS', 'letmein')}")], "search: API_KEYS stands in s.yaml"),
        ([(f"{SEARCH}.environmentVariables.MILVUS_TOKEN", "root:Milvus")], "search: MILVUS_TOKEN stands in s.yaml"),
        ([(f"{SEARCH}.description", "key sk-0123456789abcdef0123")], "description looks like a key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_rule_can_say_no(tmp_path: Path, changes: list[Change], sentence: str) -> None:
    problems_found = found(tmp_path, *changes)
    assert any(sentence in problem for problem in problems_found), problems_found


def test_a_secret_in_the_file_is_not_repeated_in_the_sentence(tmp_path: Path) -> None:
    assert "letmein" not in " ".join(found(tmp_path, ("vars.apiKeys", "letmein")))


@pytest.mark.parametrize(
    "changes",
    [
        [(f"{INGEST}.triggers.0.triggerConfig.filter.key.prefix", "b/"), (f"{INGEST}.triggers.2", OTHER_TRIGGER)],
        [(f"{INGEST}.environmentVariables.OUTPUT", "oss://another-bucket/out/")],
        [(f"{INGEST}.ossMountConfig", {"mountPoints": [{**MOUNT["mountPoints"][0], "readOnly": True}]})],
        [(f"{SEARCH}.scalingConfig", {"minInstances": 2})],
    ],
)
def test_a_rule_does_not_say_no_to_its_neighbour(tmp_path: Path, changes: list[Change]) -> None:
    assert found(tmp_path, *changes) == []


# --- The command


def check(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ops", "check", str(path)], cwd=ROOT, capture_output=True, text=True)


def test_the_command_says_that_all_is_well(tmp_path: Path) -> None:
    done = check(changed(tmp_path))
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)
    assert "all is well" in done.stdout


def test_the_command_says_each_problem_in_a_line_and_fails(tmp_path: Path) -> None:
    done = check(changed(tmp_path, (f"{EMBED}.memorySize", 500), (f"{EMBED}.instanceConcurrency", 40)))
    assert (done.returncode, done.stdout.count("\n")) == (1, 2)


@pytest.mark.parametrize("text", [None, "", "a: [", "- a"])
def test_the_command_says_in_one_line_what_it_cannot_read(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "s.yaml"
    if text is not None:
        path.write_text(text)
    done = check(path)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 1, "")
