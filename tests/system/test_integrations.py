"""Software of others works with the whole stack, unmodified and as docs/integrations.md says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from array import array
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local import oss as oss_server
from local import stack
from local.stack import PROJECT, Plan, Ports
from tests.foreign import CLIENTS, install_node_packages, make_environment
from tests.pages import ADDRESS, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack

PATIENCE_SECONDS = 240
MILVUS = "http://127.0.0.1:19530"
PAGE = read("docs/integrations.md")
RECIPES = [fence.content for fence in PAGE.fences if fence.language == "python"]
SCRIPTS = [fence.content for fence in PAGE.fences if fence.language == "js"]
TENANTS = {"acme/ferry.md": "# Timetable\n\nThe last ferry to Brava leaves at 21:40.\n"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    bucket = tmp_path_factory.mktemp("bucket") / "documents"
    shutil.copytree(PROJECT / "samples", bucket, ignore=shutil.ignore_patterns("scanned"))  # read elsewhere
    (bucket / "release-notes.md.metadata.json").write_text(
        '{"team": "sales", "year": 2024, "tags": ["new", "old"], "title": "own"}', "utf-8"
    )
    for key, text in TENANTS.items():
        (bucket / key).parent.mkdir(exist_ok=True)
        (bucket / key).write_text(text, "utf-8")
    # Counted before the emulator keeps files of its own in the folder.
    count = sum(path.is_file() and not path.name.endswith(".metadata.json") for path in bucket.rglob("*"))
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "API_KEYS": "any,bound@acme", "TENANT_FROM": "prefix"}
    plan = Plan(tmp_path_factory.mktemp("data"), bucket, ports=Ports(0, 0, 0, 0), environ=environ)
    with stack.running(plan) as everything:
        everything.invoke("ingest", {"action": "reconcile"})
        until = time.monotonic() + PATIENCE_SECONDS
        while get(everything, "/documents?state=indexed").json()["total"] < count:
            assert time.monotonic() < until
            time.sleep(0.2)
        yield everything


def get(running: Stack, path: str) -> requests.Response:
    return requests.get(f"{running.url}{path}", headers={"x-api-key": "any"}, timeout=30)


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("newest")
    yield make_environment("newest.txt", folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def llama_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("llama")
    yield make_environment("llama_index.txt", folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("node")
    yield install_node_packages(folder)
    shutil.rmtree(folder)


def run(*command: Any, folder: Path, given: str = "", **environ: str) -> str:
    """What a program printed that got ``given``."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=variables, input=given, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-4_000:]
    return done.stdout.strip()


# --- Recipes


def adapt(recipe: str, running: Stack) -> str:
    """A recipe with the addresses and the key of this stack."""
    script = recipe.replace(ADDRESS, running.url).replace(MILVUS, running.environ["MILVUS_URI"])
    for argument in ("", "url="):
        script = script.replace(f'Retriever({argument}"http', 'Retriever(api_key="any", url="http')
    return script


def run_recipes(python: Path, kind: str, running: Stack, folder: Path) -> dict[str, str]:
    """What each recipe of an environment printed. They share a process, because their imports take longest."""
    recipes = [recipe for recipe in RECIPES if environment_of(recipe) == kind]
    scripts = json.dumps([adapt(recipe, running) for recipe in recipes])
    # Without it LiteLLM waits for the network at import.
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    # The vocabulary that LangChain would download, as LiteLLM brings it.
    for folder_of_vocabularies in python.parents[1].glob("lib/*/site-packages/litellm/litellm_core_utils/tokenizers"):
        quiet["TIKTOKEN_CACHE_DIR"] = str(folder_of_vocabularies)
    printed = run(python, CLIENTS / "run_recipes.py", folder=folder, given=scripts, **quiet)
    return dict(zip(recipes, json.loads(printed.splitlines()[-1]), strict=True))


def environment_of(recipe: str) -> str:
    return "llama_index" if "llama_index" in recipe else "newest"


@pytest.fixture(scope="module")
def newest_recipes(running: Stack, newest: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return run_recipes(newest, "newest", running, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def llama_index_recipes(running: Stack, llama_index: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return run_recipes(llama_index, "llama_index", running, tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize("recipe", RECIPES, ids=[f"recipe {number}" for number in range(1, len(RECIPES) + 1)])
def test_each_recipe_of_the_documentation_prints_what_it_says(request: pytest.FixtureRequest, recipe: str) -> None:
    printed = request.getfixturevalue(f"{environment_of(recipe)}_recipes")
    assert printed[recipe] == recipe.rstrip().rpartition("# ")[2]


@pytest.fixture(scope="module")
def script_recipes(running: Stack, node: Path) -> dict[str, str]:
    """What each recipe in JavaScript printed; they share a process."""
    for number, recipe in enumerate(SCRIPTS):
        (node / f"recipe_{number}.mjs").write_text(adapt(recipe, running), "utf-8")
    steps = "".join(f'await import("./recipe_{number}.mjs");\nconsole.log("\\0");\n' for number in range(len(SCRIPTS)))
    (node / "recipes.mjs").write_text(steps, "utf-8")
    printed = run("node", "recipes.mjs", folder=node).split("\0")
    return dict(zip(SCRIPTS, map(str.strip, printed), strict=False))


@pytest.mark.parametrize("recipe", SCRIPTS, ids=[f"script {number}" for number in range(1, len(SCRIPTS) + 1)])
def test_each_recipe_in_javascript_prints_what_it_says(script_recipes: dict[str, str], recipe: str) -> None:
    assert script_recipes[recipe] == recipe.rstrip().rpartition("// ")[2]


# --- Dify


def retrieve(running: Stack, content: Any, key: str = "Bearer any") -> tuple[int, Any]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    headers = {"Content-Type": "application/json", **({"Authorization": key} if key else {})}
    answer = requests.post(f"{running.url}/retrieval", body, headers=headers, timeout=30)
    return answer.status_code, answer.json()


def ask(query: str | None = "How often do I have to clean the dust filter?", **fields: Any) -> dict[str, Any]:
    setting = {"top_k": 3, "score_threshold": 0.0}
    return {"knowledge_id": "AAA-BBB-CCC", "query": query, "retrieval_setting": setting, **fields}


def test_dify_registers_an_address_with_an_empty_body_and_notices_a_wrong_key(running: Stack) -> None:
    status, content = retrieve(running, b"")
    assert (status, content.keys(), type(content["error_code"])) == (400, {"error_code", "error_msg"}, int)
    for key, code in (("Bearer wrong", 1002), ("any", 1001), ("Bearer ", 1001), ("", 1001), ("Basic YTpi", 1001)):
        status, content = retrieve(running, b"", key)
        assert (status, content["error_code"], content.keys()) == (403, code, {"error_code", "error_msg"}), key


def test_dify_gets_records_with_text_score_title_and_an_object_of_metadata(running: Stack) -> None:
    status, content = retrieve(running, ask())
    assert status == 200
    assert content.keys() == {"records"}
    best = content["records"][0]
    assert best.keys() == {"content", "score", "title", "metadata"}
    assert "dust filter" in best["content"]
    assert best["title"] == "Aero 3 air monitor: user manual"
    assert best["metadata"]["key"] == "aero-3-user-manual.pdf"
    scores = [record["score"] for record in content["records"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(isinstance(record["metadata"], dict) and 0 <= record["score"] <= 1 for record in content["records"])


def test_dify_takes_the_threshold_and_gets_an_empty_list_for_nothing(running: Stack) -> None:
    (best, *_) = retrieve(running, ask())[1]["records"]
    setting = {"top_k": 10, "score_threshold": best["score"] - 0.01}
    kept = retrieve(running, ask(retrieval_setting=setting))[1]["records"]
    # Cosines differ in their last digits once Milvus has indexed what it searched without an index before.
    assert kept[0] == {**best, "score": pytest.approx(best["score"], abs=1e-5)}
    assert all(record["score"] >= setting["score_threshold"] for record in kept)
    nothing = ask(metadata_condition={"conditions": [{"name": "key", "comparison_operator": "is", "value": "none"}]})
    assert retrieve(running, nothing) == (200, {"records": []})


CONDITIONS = [
    ("team", "contains", "ale"), ("team", "start with", "sal"), ("team", "end with", "les"), ("team", "is", "sales"),
    ("team", "in", ["x", "sales"]), ("team", "not empty", None), ("year", "=", 2024), ("year", "=", "2024"),
    ("year", ">", "2023"), ("year", "≥", 2024), ("year", "<", 2025), ("year", "≤", "2024"), ("tags", "contains", "old"),
    ("metadata.title", "is", "own"), ("key", "end with", "notes.md"), (["none", "team"], "is", "sales"),
]  # fmt: skip
OPPOSITES = [
    ("team", "not contains", "ale"), ("team", "is not", "sales"), ("team", "not in", ["sales"]),
    ("team", "empty", None), ("year", "≠", "2024"), ("modified", "before", "2001-01-01"), ("year", ">", 2024),
]  # fmt: skip


def find_keys(running: Stack, name: Any, operator: str, value: Any) -> set[str]:
    condition = {"name": name, "comparison_operator": operator, "value": value}
    setting = {"top_k": 100, "score_threshold": 0}
    asked = ask(retrieval_setting=setting, metadata_condition={"conditions": [condition], "logical_operator": "and"})
    status, content = retrieve(running, asked)
    assert status == 200, content
    return {record["metadata"]["key"] for record in content["records"]}


def test_dify_filters_with_each_of_its_operators(running: Stack) -> None:
    for condition in CONDITIONS:
        assert find_keys(running, *condition) == {"release-notes.md"}, condition
    for condition in OPPOSITES:
        assert "release-notes.md" not in find_keys(running, *condition), condition


def test_dify_searches_a_tenant_a_folder_or_all(running: Stack) -> None:
    for knowledge_id, key in (("tenant:acme", "acme/ferry.md"), ("prefix:acme/", "acme/ferry.md")):
        records = retrieve(running, ask(knowledge_id=knowledge_id))[1]["records"]
        assert {record["metadata"]["key"] for record in records} == {key}
    assert len({it["metadata"]["key"] for it in retrieve(running, ask("ferry", knowledge_id=""))[1]["records"]}) > 1
    bound = retrieve(running, ask(), "Bearer bound")[1]["records"]
    assert {record["metadata"]["key"] for record in bound} == {"acme/ferry.md"}
    status, content = retrieve(running, ask(knowledge_id="tenant:globex"), "Bearer bound")
    assert (status, content["error_code"]) == (404, 2001)


@pytest.mark.parametrize(
    "content",
    [
        b"{", b"[]", b"null", {"query": "x"}, {"knowledge_id": "x"}, ask(""), ask(query=None),
        ask(retrieval_setting=[]), ask(retrieval_setting={"top_k": 0}), ask(retrieval_setting={"top_k": 101}),
        ask(retrieval_setting={"top_k": "a"}), ask(retrieval_setting={"score_threshold": 2}),
        ask(metadata_condition={"conditions": [{"name": "a"}]}),
        ask(metadata_condition={"logical_operator": "xor", "conditions": []}),
        ask(metadata_condition={"conditions": [{"name": "a", "comparison_operator": "like", "value": "x"}]}),
    ],
    ids=lambda content: str(content)[-60:],
)  # fmt: skip
def test_dify_is_refused_in_its_own_form(running: Stack, content: Any) -> None:
    status, answer = retrieve(running, content)
    assert (status, answer["error_code"], answer.keys()) == (400, 400, {"error_code", "error_msg"})


# --- Elasticsearch


def read_services() -> dict[str, Any]:
    bodies = [json.loads(fence.content) for fence in PAGE.fences if fence.language == "json"]
    return {body["service"]: body["service_settings"] for body in bodies}


@pytest.mark.parametrize("encoding", ["base64", "float", None])
@pytest.mark.parametrize("count", [1, 3])
def test_the_openai_service_of_elasticsearch_gets_its_vectors(running: Stack, encoding: str | None, count: int) -> None:
    settings = read_services()["openai"]
    body: dict[str, Any] = {"input": ["text"] * count, "model": settings["model_id"], "user": "someone"}
    body |= {"dimensions": settings["dimensions"], **({"encoding_format": encoding} if encoding else {})}
    answer = requests.post(
        settings["url"].replace(ADDRESS, running.url), json=body, headers={"Authorization": "Bearer any"}, timeout=60
    )
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert [it["index"] for it in content["data"]] == list(range(count))
    for item in content["data"]:
        vector = array("f", b64decode(item["embedding"])) if encoding == "base64" else item["embedding"]
        assert len(vector) == 512
    assert content["usage"].keys() == {"prompt_tokens", "total_tokens"}


def test_a_whole_batch_of_elasticsearch_is_taken(running: Stack) -> None:
    body = {"input": [f"text {i}" for i in range(2_048)], "model": "text-embedding-v4", "encoding_format": "base64"}
    headers = {"Authorization": "Bearer any"}
    answer = requests.post(f"{running.url}/v1/embeddings", json=body, headers=headers, timeout=120)
    assert (answer.status_code, len(answer.json()["data"])) == (200, 2_048)
    body["input"].append("one more")  # type: ignore[attr-defined]
    assert requests.post(f"{running.url}/v1/embeddings", json=body, headers=headers, timeout=60).status_code == 400


def test_the_custom_service_of_alibaba_cloud_gets_its_vectors(running: Stack) -> None:
    settings = read_services()["alibaba-cloud-custom-model"]
    ((path, methods),) = settings["path"].items()
    request = methods["POST"]
    secret = {**settings["secret_parameters"], "key": "any"}
    headers = {name: value.replace("${key}", secret["key"]) for name, value in request["headers"].items()}
    content = request["request"]["content"].replace("${input}", json.dumps(["one", "二"], ensure_ascii=False))
    for body in (content, content.replace('"dimensions": 512', '"dimension": "512"')):
        address = settings["url"].replace(ADDRESS, running.url) + path
        answer = requests.post(address, body.encode(), headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        assert request["response"]["json_parser"]["text_embeddings"] == "$.data[*].embedding[*]"
        assert [len(item["embedding"]) for item in answer.json()["data"]] == [512, 512]


def export(running: Stack, folder: Path, *options: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    names = ("MILVUS_URI", "DASHSCOPE_API_KEY", "EMBEDDING_DIMENSION")
    environ = {name: running.environ[name] for name in names}
    command = [sys.executable, "-m", "ops", "export", "--format", "elasticsearch", "--output", folder, *options]
    run(*command, folder=PROJECT, ALLOW_ANONYMOUS="true", OSS_BUCKET="any", **environ)
    lines = [json.loads(line) for path in sorted(folder.glob("bulk-*")) for line in path.read_bytes().splitlines()]
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_the_index_is_exported_with_vectors_for_elasticsearch(running: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    pairs = export(running, folder, "--index", "documents")
    mapping = json.loads((folder / "mapping.json").read_bytes())["mappings"]["properties"]
    assert mapping["vector"] == {"type": "dense_vector", "dims": 512, "index": True, "similarity": "cosine"}
    assert {tuple(action["index"]) for action, _ in pairs} == {("_index", "_id")}
    total = sum(record["chunks"] for record in get(running, "/documents?limit=1000").json()["documents"])
    assert len({action["index"]["_id"] for action, _ in pairs}) == len(pairs) == total
    assert all(document.keys() <= mapping.keys() for _, document in pairs)
    assert all(len(document["vector"]) == 512 for _, document in pairs)
    notes = next(document for _, document in pairs if document["key"] == "release-notes.md")
    assert notes["metadata"]["team"] == "sales"
    assert "page" not in notes
    assert isinstance(notes["modified"], int)


def test_a_tenant_or_a_folder_is_exported_alone(running: Stack, tmp_path: Path) -> None:
    for number, options in enumerate((("--tenant", "acme"), ("--prefix", "acme/"))):
        pairs = export(running, tmp_path / str(number), *options)
        assert {document["key"] for _, document in pairs} == {"acme/ferry.md"}


# --- Generated clients


def test_a_generated_python_client_is_typed_and_works(running: Stack, newest: Path, tmp_path: Path) -> None:
    description = tmp_path / "openapi.json"
    description.write_bytes(get(running, "/openapi.json").content)
    made = ("--path", description, "--meta", "none", "--output-path", tmp_path / "client")
    run(newest.with_name("openapi-python-client"), "generate", *made, folder=tmp_path)
    shutil.copy(CLIENTS / "use_generated.py", tmp_path)
    run(newest, "-m", "mypy", "--strict", "use_generated.py", "client", folder=tmp_path)
    seen = json.loads(run(newest, "use_generated.py", running.url, folder=tmp_path))
    key = "aero-3-user-manual.pdf"
    assert seen == [[key, 2], key, 512, 1, "Aero 3 air monitor: user manual", True]


def test_generated_types_of_typescript_work(running: Stack, node: Path) -> None:
    (node / "openapi.json").write_bytes(get(running, "/openapi.json").content)
    programs = node / "node_modules" / ".bin"
    run(programs / "openapi-typescript", "openapi.json", "-o", "api.d.ts", folder=node)
    run(programs / "tsc", "-p", ".", folder=node)
    seen = run("node", "call.js", running.url, folder=node).split(" | ")
    key = "aero-3-user-manual.pdf"
    assert seen == [key, "2", key, "512", "1", "Aero 3 air monitor: user manual", "true", "invalid_query"]


# --- OSS


@pytest.fixture
def large(tmp_path: Path) -> Path:
    file = tmp_path / "large"
    file.write_bytes(b"x" * 500 * 1024)
    return file


@pytest.fixture
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = oss_server.Settings(tmp_path_factory.mktemp("bucket"), "local-documents")
    with oss_server.running(settings) as endpoint:
        yield endpoint


def test_oss2_works_on_the_emulator(newest: Path, emulator: str, large: Path, tmp_path: Path) -> None:
    seen = json.loads(
        run(newest, CLIENTS / "use_oss2.py", emulator, "local-documents", large, tmp_path / "store", folder=tmp_path)
    )
    expected = {
        "pages": ["dir/", "top.txt"], "got": "hello", "size": 500 * 1024, "parts": [1, 2, 3], "uploads": ["parts"],
        "buckets": ["local-documents"], "info": ["local-documents", "private"],
    }  # fmt: skip
    assert seen == [expected] * 3


@pytest.mark.parametrize("sld", ["", "sldEnable"])
def test_ali_oss_works_on_the_emulator(node: Path, emulator: str, large: Path, sld: str) -> None:
    seen = json.loads(
        run("node", "ali_oss.mjs", emulator, "local-documents", large, *([sld] if sld else []), folder=node)
    )
    assert seen == {
        "pages": ["dir/", "top.txt"], "second": ["dir/ä 中.txt"], "got": "hello", "parts": 1,
        "size": str(500 * 1024), "buckets": ["local-documents"], "left": 0,
    }  # fmt: skip
