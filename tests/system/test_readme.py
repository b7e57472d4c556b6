"""The READMEs are executed: what they show is run on a running stack, what they list is compared with the code."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
import requests
from markdown_it import MarkdownIt

from local import demo, stack
from local.stack import PROJECT, Plan, Ports
from ops import deployment
from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.models import DocumentState
from shared.ingestion.bucket import SIDECAR
from shared.runtime.settings import EmbedSettings, IngestSettings, SearchSettings, list_variables

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from local.stack import Stack

LANGUAGES = {"English": "README.md", "Chinese": "README.zh-CN.md"}
ADDRESS = "http://127.0.0.1:8000"
PATIENCE_SECONDS = 60
FUNCTIONS = {"embed": EmbedSettings, "ingest": IngestSettings, "search": SearchSettings}

ACCOUNT = "needs an Alibaba Cloud account"
ITSELF = "is a make target of this project, and its existence is tested instead"
SYSTEM = "changes the machine, or fetches this very repository"
NOT_RUN = {
    "apt-get install git make curl python3.11 python3.11-venv": SYSTEM,
    "git clone <this repository> semantic-search && cd semantic-search": SYSTEM,
    "make demo": ITSELF,
    "make test": ITSELF,
    "make bench": ITSELF,
    "DASHSCOPE_API_KEY=sk-... make demo": ACCOUNT,
    "MILVUS_URI=http://10.0.0.8:19530 MILVUS_TOKEN=user:password MILVUS_COLLECTION=try make demo": "needs a server",
    "OSS_BUCKET=my-documents OSS_REGION=cn-beijing ALIBABA_CLOUD_ACCESS_KEY_ID=... "
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET=... make demo": ACCOUNT,
    ".venv/bin/python -m ops preflight": ACCOUNT,
    "make preflight ENV=dev": ACCOUNT,
    "make deploy ENV=dev": ACCOUNT,
    "npm install -g @serverless-devs/s": SYSTEM,
    "s config add -a default": ACCOUNT,
    "s preview": "needs Node.js and Serverless Devs",
    "s deploy": ACCOUNT,
    "ossutil cp handbook.pdf oss://my-documents/": ACCOUNT,
    "curl -s -G http://search.example.com/search -H 'x-api-key: a-long-random-key' "
    "--data-urlencode 'q=How many days of leave do I have?'": ACCOUNT,
    "s ingest logs --tail": ACCOUNT,
    "ALIBABA_CLOUD_ACCESS_KEY_ID=... ALIBABA_CLOUD_ACCESS_KEY_SECRET=... make sync": ACCOUNT,
    's ingest invoke -e \'{"action": "reconcile", "dry_run": true}\'': ACCOUNT,
}
# Answers may differ from what is shown in ids, times and numbers, never in these fields.
EXACT = {
    "key", "title", "code", "state", "stage", "retryable", "mode", "model", "dimension", "status", "function",
    "format", "object", "index", "page", "chunks", "outcome", "reason",
}  # fmt: skip
# It ends the process at start, so no caller ever sees it.
NEVER_ANSWERED = {"invalid_settings"}
# It is caught one call further up, so it is never seen.
NEVER_SEEN = {"object_changed"}
# Only events lead here, and whatever goes wrong with one is answered to Function Compute with 404.
BEHIND_EVENTS = {"indexing", "converging", "bucket", "batch", "writing"}
WORDS = {"必填": "required", "空": "empty", "任意": "any"}


# --- The pages as data ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fence:
    language: str
    content: str


@dataclass(frozen=True)
class Page:
    """One README, taken apart.

    Attributes:
        headings: the level of each, in order.
        tables: rows of cells as they are written, the header first.
        codes: every `inline code`.
    """

    name: str
    headings: list[str] = field(default_factory=list)
    fences: list[Fence] = field(default_factory=list)
    tables: list[list[list[str]]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def rows(self, *first_headers: str) -> Iterator[list[str]]:
        """The rows of all tables with one of these headers over the first column."""
        for header, *rows in self.tables:
            if header[0] in first_headers:
                yield from rows

    def commands(self) -> Iterator[str]:
        for fence in self.fences:
            if fence.language == "sh":
                yield from commands(fence.content)


@cache
def read(name: str) -> Page:
    page, before = Page(name), ""
    for token in MarkdownIt("commonmark").enable("table").parse((PROJECT / name).read_text("utf-8")):
        if token.type == "heading_open":
            page.headings.append(token.tag)
        elif token.type == "fence":
            page.fences.append(Fence(token.info, token.content))
        elif token.type == "table_open":
            page.tables.append([])
        elif token.type == "tr_open":
            page.tables[-1].append([])
        elif token.type == "inline":
            if before in ("th_open", "td_open"):
                page.tables[-1][-1].append(token.content)
            for child in token.children or ():
                if child.type == "code_inline":
                    page.codes.append(child.content)
                page.links.extend(str(child.attrs[name]) for name in ("href", "src") if name in child.attrs)
        before = token.type
    return page


def commands(script: str) -> Iterator[str]:
    """The commands of a shell block; one ends where its quotes are closed and no backslash asks for more."""
    waiting = ""
    for line in script.splitlines():
        waiting += line + "\n"
        try:
            shlex.split(waiting)
        except ValueError:
            continue
        if not line.endswith("\\"):
            if waiting.strip() and not waiting.startswith("#"):
                yield re.sub(r"\s*\\\n\s*", " ", waiting).strip()
            waiting = ""
    assert not waiting, f"a command does not end: {waiting}"


@pytest.fixture(params=list(LANGUAGES.values()), ids=list(LANGUAGES))
def page(request: pytest.FixtureRequest) -> Page:
    return read(request.param)


ENGLISH = read(LANGUAGES["English"])


# --- What is shown runs -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Done:
    """One command that was run, with what it printed."""

    command: str
    status: int
    output: str


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the project's, with a bucket and an .env of its own."""
    desk = tmp_path_factory.mktemp("desk")
    for path in PROJECT.iterdir():
        if not path.name.startswith(".") and path.name not in ("bucket", "build"):
            (desk / path.name).symlink_to(path)
    (desk / ".venv").symlink_to(sys.prefix)
    settings = next(fence.content for fence in ENGLISH.fences if fence.language == "ini")
    (desk / ".env").write_text(settings, "utf-8")
    shutil.copytree(PROJECT / "samples", desk / "bucket")
    return desk


@pytest.fixture(scope="module")
def running(desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(desk)}
    data = tmp_path_factory.mktemp("data")
    plan = Plan(data=data, bucket=desk / "bucket", ports=Ports(0, 0, 0, 0), environ=environ)
    with stack.running(plan) as everything:
        everything.invoke("ingest", {"action": "reconcile"})
        wait_until_settled(everything, desk)
        yield everything


@pytest.fixture(scope="module")
def transcript(running: Stack, desk: Path) -> dict[str, Done]:
    """What every command that can be run here printed, run in the order of the page."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(desk)}
    done: dict[str, Done] = {}
    for command in ENGLISH.commands():
        if command not in NOT_RUN:
            ours = ["bash", "-euo", "pipefail", "-c", command.replace(ADDRESS, running.url)]
            ended = subprocess.run(
                ours, cwd=desk, env=environ, capture_output=True, text=True, timeout=120, check=False
            )
            done[command] = Done(command, ended.returncode, ended.stdout + ended.stderr)
            wait_until_settled(running, desk)
    return done


def wait_until_settled(running: Stack, desk: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        present = documents_in(desk / "bucket")
        answer = requests.get(f"{running.url}/documents", params={"limit": 1000}, timeout=30)
        documents = answer.json().get("documents", ())
        ours = [found for found in documents if found["bucket"] == running.environ["OSS_BUCKET"]]
        known = {found["key"]: int(found["modified"]) for found in ours}
        if known == present and all(found["state"] != "pending" for found in ours):
            return
        assert time.monotonic() < deadline, f"the index did not become the bucket: {present} against {known}"
        time.sleep(0.2)


def documents_in(bucket: Path) -> dict[str, int]:
    """When each document or its metadata was last written, in whole seconds, by key."""
    written: dict[str, int] = {}
    for path in bucket.iterdir():
        if not path.name.startswith("."):
            key = path.name.removesuffix(SIDECAR)
            written[key] = max(written.get(key, 0), int(path.stat().st_mtime))
    return written


def brief(command: str) -> str:
    """A name for a command in the tests' list."""
    return command.replace(f" {ADDRESS}", "").splitlines()[0][:60]


RUN = [command for command in ENGLISH.commands() if command not in NOT_RUN]
FENCES = list(zip(ENGLISH.fences, ENGLISH.fences[1:], strict=False))
ANSWERED = [
    (list(commands(shown.content))[-1], answer.content)
    for shown, answer in FENCES
    if (shown.language, answer.language) == ("sh", "json")
]


def test_what_is_not_run_stands_on_the_page() -> None:
    assert set(NOT_RUN) - set(ENGLISH.commands()) == set()


@pytest.mark.parametrize("command", RUN, ids=map(brief, RUN))
def test_every_other_command_succeeds(transcript: dict[str, Done], command: str) -> None:
    done = transcript[command]
    assert done.status == 0, done.output
    if command.startswith("curl") and command not in dict(ANSWERED):
        content = json.loads(done.output)
        assert "error" not in content
        assert content.get("hits", True), "nothing was found"


@pytest.mark.parametrize(("command", "shown"), ANSWERED, ids=[brief(command) for command, _ in ANSWERED])
def test_the_answer_shown_below_a_command_is_the_one_it_gives(
    transcript: dict[str, Done], command: str, shown: str
) -> None:
    found = list(differences(json.loads(shown), json.loads(transcript[command].output)))
    assert not found, "; ".join(found)


def differences(shown: Any, real: Any, path: str = "$", name: str = "") -> Iterator[str]:
    """Where a shown answer has other fields, types or exact values than the real one; a list may be shown in part."""
    if isinstance(shown, dict) and isinstance(real, dict):
        if shown.keys() != real.keys():
            yield f"{path}: shown are {', '.join(shown)}; the answer has {', '.join(real)}"
        for key in shown.keys() & real.keys():
            yield from differences(shown[key], real[key], f"{path}.{key}", key)
    elif isinstance(shown, list) and isinstance(real, list):
        if len(shown) > len(real):
            yield f"{path}: shown are {len(shown)} items, the answer has {len(real)}"
        for index, (one, other) in enumerate(zip(shown, real, strict=False)):
            yield from differences(one, other, f"{path}[{index}]", name)
    elif shown != real and (name in EXACT or kind(shown) != kind(real)):
        yield f"{path}: shown is {shown!r}, the answer has {real!r}"


def kind(value: Any) -> type:
    """What a reader would call the value: an integer is a number like any other."""
    return float if type(value) is int else type(value)


def test_the_file_dropped_in_answers(transcript: dict[str, Done]) -> None:
    question = next(command for command in RUN if command.startswith("curl"))
    best = json.loads(transcript[question].output)["hits"][0]
    assert best["document"]["key"] == "README.md"
    assert "pictures of text" in best["text"]


def test_python_prints_what_its_comment_says(running: Stack, desk: Path) -> None:
    (script,) = (fence.content for fence in ENGLISH.fences if fence.language == "python")
    done = subprocess.run(
        [sys.executable, "-c", script.replace(ADDRESS, running.url)],
        cwd=desk, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == script.rpartition("# ")[2].strip(), done.stderr


def test_every_json_block_is_json(page: Page) -> None:
    for fence in page.fences:
        if fence.language == "json":
            json.loads(fence.content)


def test_every_make_target_exists(page: Page) -> None:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    targets = {name for line in re.findall(r"^([a-z][a-z -]*):", makefile, re.MULTILINE) for name in line.split()}
    text = "\n".join([*page.codes, *(fence.content for fence in page.fences)])
    benchmarks = {plain(row[0]) for row in page.rows("Target", "目标")}
    named = benchmarks | set(re.findall(r"\bmake (?!curl)([a-z][a-z-]*)", text))
    assert {"demo", "test", "bench"} <= named
    assert sorted(named - targets) == []
    nothing_missing((target for target in targets if target.startswith("bench-")), benchmarks)


def test_every_link_leads_somewhere(page: Page) -> None:
    local = [link for link in page.links if "://" not in link and not link.startswith("#")]
    assert "docs/flow.svg" in local
    assert [link for link in local if not (PROJECT / link).is_file()] == []
    assert ET.parse(PROJECT / "docs" / "flow.svg").getroot().tag.endswith("svg")


# --- What is listed is what there is ----------------------------------------------------------------------------

ROUTES = """
from functions.embed.app import app as embed
from functions.ingest.app import app as ingest
from functions.search.app import app as search
for app in (embed, ingest, search):
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            print(method, rule.rule)
"""
ENVIRONMENT = {
    "DASHSCOPE_API_KEY": "sk-made-up",
    "MILVUS_URI": "http://127.0.0.1:1",
    "OSS_BUCKET": "made-up",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "made-up",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "made-up",
    "API_KEYS": "made-up",
}


@pytest.fixture(scope="module")
def routes() -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", ROUTES], cwd=PROJECT, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(map(nameless, done.stdout.splitlines()))


def nameless(route: str) -> str:
    return re.sub(r"<[^>]*>|\{[^}]*\}", "{}", route)


def test_every_route_is_documented_and_no_other(page: Page, routes: set[str]) -> None:
    documented = {nameless(code) for code in page.codes if re.fullmatch(r"(GET|POST|PUT|PATCH|DELETE) /\S*", code)}
    nothing_missing(routes, documented)


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What `s.yaml` passes to each function when nothing is set, by function and variable."""
    alone = shutil.copy(PROJECT / "s.yaml", tmp_path_factory.mktemp("deployment"))  # without a .env file
    functions = deployment.load(Path(alone), {}).functions
    return {name: dict(function.environment_variables) for name, function in functions.items()}


def settings() -> dict[str, tuple[str, list[str]]]:
    """The default of every setting, and the functions that read it."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name, kind_ in FUNCTIONS.items():
        for variable, _, default in list_variables(kind_):
            found.setdefault(variable, (shown_default(default), []))[1].append(name)
    return found


def shown_default(value: Any) -> str:
    if value is msgspec.NODEFAULT:
        return "required"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value or value == 0 else "empty"


def passed(variable: str, functions: Sequence[str], declared: dict[str, dict[str, str]]) -> str:
    values = [declared[name][variable] or "empty" for name in functions if variable in declared[name]]
    return " / ".join(values if len(set(values)) > 1 else values[:1]) or "–"


def plain(cell: str) -> str:
    text = cell.replace("`", "").strip()
    return WORDS.get(text, text)


def test_every_setting_is_documented_as_it_is(page: Page, declared: dict[str, dict[str, str]]) -> None:
    documented = {
        plain(name): (plain(default), plain(in_s_yaml), plain(functions))
        for name, _, default, in_s_yaml, functions in (row for row in page.rows("Variable", "变量") if len(row) == 5)
    }
    expected = {
        name: (default, passed(name, functions, declared), ", ".join(functions))
        for name, (default, functions) in settings().items()
    }
    compare(documented, expected)


def test_every_variable_of_s_yaml_and_of_the_demo_is_documented_with_its_default(page: Page) -> None:
    documented = {plain(row[0]): plain(row[2]) for row in page.rows("Variable", "变量") if len(row) == 3}
    compare(documented, deployment_variables() | demo_variables())


def compare(documented: dict[str, Any], expected: dict[str, Any]) -> None:
    nothing_missing(expected, documented)
    wrong = [
        f"{name}: {written}, really {expected[name]}"
        for name, written in documented.items()
        if written != expected[name]
    ]
    assert not wrong, "documented otherwise than it is: " + "; ".join(wrong)


def nothing_missing(existing: Iterable[str], documented: Iterable[str]) -> None:
    there, named = set(existing), set(documented)
    missing, unknown = sorted(there - named), sorted(named - there)
    assert not missing, "not documented: " + ", ".join(missing)
    assert not unknown, "documented, but there is no such thing: " + ", ".join(unknown)


def deployment_variables() -> dict[str, str]:
    text = (PROJECT / "s.yaml").read_text("utf-8")
    variables = re.findall(r"\$\{env\('(\w+)',\s*'([^']*)'\)\}", text)
    return {name: default or "empty" for name, default in variables if name not in settings()}


def demo_variables() -> dict[str, str]:
    plan = demo._plan({})
    ports = {"PORT": 8000, "MILVUS_PORT": 0, "DASHSCOPE_PORT": 0, "OSS_PORT": 0}
    for variable in ports:
        given = demo._plan({variable: "1"}).ports
        ports[variable] = next(
            getattr(plan.ports, name) for name in ("gateway", "milvus", "dashscope", "oss") if getattr(given, name) == 1
        )
    defaults = {
        "BUCKET": str(plan.bucket.relative_to(PROJECT)),
        "DATA": str(plan.data.relative_to(PROJECT)),
        "ONCE": "empty",
        "LOCAL_MODEL": plan.model,
        **{name: str(port) for name, port in ports.items()},
    }
    tree = ast.parse((PROJECT / "local" / "demo.py").read_text("utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    read_by_demo = {text for text in texts if re.fullmatch(r"[A-Z][A-Z_]+", text)} - set(settings())
    assert read_by_demo == set(defaults), "the demo reads other variables than this test knows"
    return defaults


def variables_of_the_tests() -> set[str]:
    """The settings of the tests themselves."""
    text = (PROJECT / "tests" / "conftest.py").read_text("utf-8")
    return set(re.findall(r"\"(MILVUS_TEST_[A-Z]+)\"", text))


def variables_of_the_operator() -> set[str]:
    """The settings of calls to a deployed function."""
    return set(re.findall(r"\"(FC_[A-Z]+)\"", (PROJECT / "ops" / "invoking.py").read_text("utf-8")))


def test_the_demos_own_defaults_are_those_named(page: Page, tmp_path: Path) -> None:
    plan = Plan(data=tmp_path, bucket=tmp_path, environ={"DASHSCOPE_API_KEY": "sk-made-up"})
    environ = stack._environment(plan, Ports())
    pairs = [code.partition("=") for code in page.codes if re.fullmatch(r"[A-Z_]+=[\w.]+", code)]
    named = {name: value for name, _, value in pairs if name in environ}
    assert len(named) >= 4
    assert named == {name: environ[name] for name in named}


def test_no_unknown_variable_is_named(page: Page) -> None:
    known = {*settings(), *deployment_variables(), *demo_variables()}
    known |= variables_of_the_tests() | variables_of_the_operator()
    text = "\n".join([*page.codes, *(fence.content for fence in page.fences if fence.language != "json")])
    assert set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", text)) - known == set()


def test_every_state_of_a_document_is_explained_and_no_other(page: Page) -> None:
    explained = {plain(row[0]) for row in page.rows("State", "状态")} - {"none", "无"}  # none: there is no record
    nothing_missing((state.value for state in DocumentState), explained)


def test_every_model_is_documented_as_the_catalog_has_it(page: Page) -> None:
    documented = {
        plain(row[0]): tuple(plain(cell).replace(",", "") for cell in row[1:]) for row in page.rows("Model", "模型")
    }
    expected = {
        model.name: (
            " ".join(map(str, sorted(model.dimensions, key=lambda size: (size != model.default_dimension, -size)))),
            str(model.rows_per_call),
            str(model.tokens_per_row),
            f"{model.cny_per_million_tokens:g}",
        )
        for model in EMBEDDING_MODELS.values()
    }
    compare(documented, expected)


# --- Error codes, read from the sources -------------------------------------------------------------------------


@dataclass
class Maker:
    """A class or function that is called with an error's code.

    Attributes:
        position: which argument the code is.
        statuses: the HTTP statuses its errors are answered with.
    """

    position: int
    statuses: set[int] = field(default_factory=set)


class Codes:
    """Every error code the sources can produce, with the HTTP statuses it is answered with."""

    def __init__(self) -> None:
        self.found: dict[str, set[int]] = {}
        self.calls: set[tuple[str, ast.AST]] = set()
        trees = {
            path: ast.parse(path.read_text("utf-8"), str(path))
            for folder in ("shared", "functions")
            for path in sorted((PROJECT / folder).rglob("*.py"))
        }
        self._trees = list(trees.values())
        self._modules = {node: path.stem for path, tree in trees.items() for node in ast.walk(tree)}
        self._behind_events = {
            node for path, tree in trees.items() if path.stem in BEHIND_EVENTS for node in ast.walk(tree)
        }
        self._parents = {
            child: node for tree in self._trees for node in ast.walk(tree) for child in ast.iter_child_nodes(node)
        }
        # `_body` writes an answer in responses.py; a Failure is written into a document's record.
        self._makers = {"_body": Maker(0), "Failure": Maker(1), **self._errors()}
        self._take_fixed_codes()
        before = 0
        while before != len(self._makers):  # a function that passes a code on is a maker itself
            before = len(self._makers)
            for tree in self._trees:
                for node in ast.walk(tree):
                    if isinstance(node, ast.Call):
                        self._look_at(node)

    def of(self, module: str) -> set[str]:
        """The codes a module of ours writes down."""
        return {code for code, call in self.calls if self._modules[call] == module}

    def _errors(self) -> dict[str, Maker]:
        statuses = {"RequestError": {400}, "NotFoundError": {404}, "TransientError": {503}, "ConfigurationError": {502}}
        makers = {"PlatformError": Maker(0)}
        classes = [node for tree in self._trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        before = 0
        while before != len(makers):
            before = len(makers)
            for node in classes:
                bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id in makers]
                if bases:
                    inherited = makers[bases[0]].statuses
                    makers.setdefault(node.name, Maker(0, statuses.get(node.name, inherited)))
        return makers

    def _take_fixed_codes(self) -> None:
        """An error class that hands its base a code of its own is given none by its callers."""
        for tree in self._trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and node.name in self._makers:
                    for call in ast.walk(node):
                        if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
                            code = call.args[0]
                            if isinstance(code, ast.Constant):
                                self._take(code, call, self._makers.pop(node.name).statuses)

    def _look_at(self, call: ast.Call) -> None:
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        maker = self._makers.get(name)
        if maker and len(call.args) > maker.position:
            self._take(call.args[maker.position], call, self._statuses(call, maker))

    def _statuses(self, call: ast.Call, maker: Maker) -> set[int]:
        if call in self._behind_events:
            return set()
        given = [word.value for word in call.keywords if word.arg == "status"]
        around = self._parents.get(call)
        if isinstance(around, ast.Call) and ast.unparse(around.func) == "answer":
            given += around.args[1:]
        numbers = {node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, int)}
        return numbers or maker.statuses

    def _take(self, code: ast.expr, call: ast.Call, statuses: set[int]) -> None:
        match code:
            case ast.Constant(value=str(text)):
                self.found.setdefault(text, set()).update(statuses)
                self.calls.add((text, call))
            case ast.IfExp(body=one, orelse=other):
                self._take(one, call, statuses)
                self._take(other, call, statuses)
            case ast.JoinedStr():
                text = ast.unparse(code)[2:-1].replace("{", "<").replace("}", ">")
                self.found.setdefault(text, set()).update(statuses)
            case ast.Name(id=name):
                self._follow(name, call, statuses)

    def _follow(self, name: str, call: ast.Call, statuses: set[int]) -> None:
        function: ast.AST | None = call
        while function is not None and not isinstance(function, ast.FunctionDef):
            function = self._parents.get(function)
        if function is None:
            return
        parameters = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
        if name in parameters:
            self._makers.setdefault(function.name, Maker(parameters.index(name), statuses))
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                self._take(node.value, call, statuses)


@cache
def sources() -> Codes:
    return Codes()


def codes_of(module: str) -> set[str]:
    return sources().of(module)


@cache
def codes() -> dict[str, set[int]]:
    found = sources().found
    return {code: statuses for code, statuses in found.items() if code not in NEVER_SEEN}


def test_the_sources_are_read_well_enough_to_trust_what_follows() -> None:
    assert {"invalid_filter", "embedding_throttled", "broken_file", "body_too_large", "http_<status>"} <= set(codes())
    assert (codes()["text_refused"], codes()["body_too_large"], codes()["broken_file"]) == ({422}, {413}, set())
    assert codes()["embedding_malformed"] == {503}
    assert set(Codes().found) >= NEVER_SEEN


def test_every_error_code_is_documented_and_no_other(page: Page) -> None:
    documented = {plain(row[0]) for row in page.rows("Code", "错误码")}
    nothing_missing(codes(), documented)


def test_every_error_code_has_the_status_it_is_answered_with(page: Page) -> None:
    answered = {plain(row[0]): plain(row[1]) for row in page.rows("Code", "错误码") if len(row) == 4}
    expected = {
        code: "–" if code in NEVER_ANSWERED else "any" if "<" in code else " ".join(map(str, sorted(codes()[code])))
        for code in answered
    }
    assert answered == expected


# --- Both languages say the same --------------------------------------------------------------------------------

CHINESE = read(LANGUAGES["Chinese"])


def test_both_pages_have_the_same_headings() -> None:
    assert CHINESE.headings == ENGLISH.headings


def test_both_pages_show_the_same_code() -> None:
    for ours, theirs in zip(CHINESE.fences, ENGLISH.fences, strict=True):
        assert ours.language == theirs.language
        if ours.language != "text":
            assert ours == theirs
        else:
            assert len(ours.content.splitlines()) == len(theirs.content.splitlines())


def test_both_pages_have_the_same_tables() -> None:
    for ours, theirs in zip(CHINESE.tables, ENGLISH.tables, strict=True):
        assert [len(row) for row in ours] == [len(row) for row in theirs], theirs[0]
        named = [row[0] for row in theirs if "`" in row[0]]
        assert [row[0] for row in ours if "`" in row[0]] == named


# --- What the log says ------------------------------------------------------------------------------------------


def logged() -> dict[str, set[str]]:
    """Every event the sources log, with its fields."""
    found: dict[str, set[str]] = {}
    for tree in sources()._trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
                name = node.args[-1]
                assert isinstance(name, ast.Constant)
                assert isinstance(name.value, str)
                extra = next((word.value for word in node.keywords if word.arg == "extra"), ast.Dict([], []))
                assert isinstance(extra, ast.Dict)
                fields = {str(key.value) for key in extra.keys if isinstance(key, ast.Constant)}
                found.setdefault(name.value, set()).update(fields)
    return found


def counted() -> set[str]:
    """Every number the line `request` may have."""
    calls = [node for tree in sources()._trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    added = {
        word.arg for call in calls if ast.unparse(call.func) == "metrics.add" for word in call.keywords if word.arg
    }
    services = {ast.literal_eval(call.args[0]) for call in calls if ast.unparse(call.func) == "tracing.call"}
    return added | {f"{service}_{what}" for service in services for what in ("calls", "ms")}


def test_every_event_of_the_log_is_documented_with_its_fields(page: Page) -> None:
    documented = {plain(row[0]): set(re.findall(r"`(\w+)`", row[1])) for row in page.rows("Event", "事件")}
    compare(documented, logged())


def test_every_number_of_the_line_request_is_documented_and_no_other(page: Page) -> None:
    tables = [table for table in page.tables if table[0] in (["Field", "Meaning"], ["字段", "含义"])]
    documented = {name for table in tables for row in table[1:] for name in re.findall(r"`(\w+)`", row[0])}
    nothing_missing(counted(), documented)
