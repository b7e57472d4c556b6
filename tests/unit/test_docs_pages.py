"""Every page is complete in itself: links, JSON, make targets and names of variables are those that exist."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest

from ops.docs.settings import list_deployment_variables, list_settings
from tests.pages import ENGLISH, ROOT, TRANSLATED, Page, nothing_missing, plain, read

DECISIONS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/decisions").glob("*.md"))
PAGES = (*ENGLISH, *TRANSLATED.values(), *DECISIONS, "CHANGELOG.md")
MAX_README_LINES = 200


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Page:
    return read(request.param)


def test_every_page_is_listed_here() -> None:
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert there - set(PAGES) == set()


@pytest.mark.parametrize("name", ["README.md", TRANSLATED["README.md"]])
def test_the_readme_is_short(name: str) -> None:
    assert len((ROOT / name).read_text("utf-8").splitlines()) <= MAX_README_LINES


def test_the_readme_and_the_index_link_to_every_page() -> None:
    pages = {ROOT / name for name in ENGLISH} - {ROOT / "docs/README.md"}
    for name in ("README.md", "docs/README.md"):
        linked = {(ROOT / name).parent.joinpath(link).resolve() for link in read(name).links}
        assert pages - linked - {ROOT / name} == set()


def test_the_index_of_decisions_links_to_each() -> None:
    linked = {f"docs/decisions/{link}" for link in read("docs/decisions/README.md").links}
    assert {*DECISIONS} - linked == {"docs/decisions/README.md"}


@pytest.mark.parametrize("name", [name for name in DECISIONS if not name.endswith("README.md")])
def test_every_decision_has_its_context_decision_and_consequences(name: str) -> None:
    assert [text for level, text in read(name).headings if level == "h2"] == ["Context", "Decision", "Consequences"]


def test_every_json_block_is_json(page: Page) -> None:
    for fence in page.fences:
        if fence.language == "json":
            json.loads(fence.content)


def test_every_make_target_exists(page: Page) -> None:
    named = set(re.findall(r"\bmake (?!curl)([a-z][a-z-]*)", page.text()))
    assert sorted(named - targets()) == []


def test_every_benchmark_is_listed() -> None:
    listed = {plain(row[0]) for row in read("docs/benchmarks.md").rows("Target")}
    nothing_missing((target for target in targets() if target.startswith("bench-")), listed)


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return {name for line in re.findall(r"^([a-z][a-z -]*):", makefile, re.MULTILINE) for name in line.split()}


def test_every_link_leads_to_a_file_and_its_heading(page: Page) -> None:
    wrong = []
    for link in page.links:
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        path = (ROOT / page.name).parent.joinpath(file).resolve() if file else ROOT / page.name
        if not path.is_file() or (anchor and unquoted(anchor) not in read(path.relative_to(ROOT).as_posix()).anchors()):
            wrong.append(link)
    assert wrong == []


def unquoted(anchor: str) -> str:
    from urllib.parse import unquote

    return unquote(anchor)


def test_the_drawing_is_svg() -> None:
    assert ET.parse(ROOT / "docs" / "flow.svg").getroot().tag.endswith("svg")


def test_no_page_names_an_unknown_variable(page: Page) -> None:
    known = {*list_settings(), *list_deployment_variables(ROOT), *demo_variables()}
    known |= set(re.findall(r"\"(MILVUS_TEST_[A-Z]+)\"", (ROOT / "tests" / "conftest.py").read_text("utf-8")))
    known |= set(re.findall(r"\"(FC_[A-Z]+)\"", (ROOT / "ops" / "invoking.py").read_text("utf-8")))
    known |= set(re.findall(r"\"((?:SEARCH|API)_[A-Z]+)\"", (ROOT / "ops" / "remote_search.py").read_text("utf-8")))
    named = set(re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", page.text()))
    assert named - known - CONSTANTS == set()


# Names in the sources that pages for developers mention, and a kind of index of Milvus.
CONSTANTS = {
    "BAD_FILE_ERRORS",
    "FC3_COMPONENTS",
    "IVF_RABITQ",
    "PARSER_REVISION",
    "EMBEDDING_MODELS",
    "RERANK_MODELS",
    "TEST_PROFILE",
}


def demo_variables() -> set[str]:
    return {plain(row[0]) for row in read("docs/settings.md").tables[-1][1:]}
