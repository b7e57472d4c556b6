"""From an account to the first answer: the pages name four commands, and three things to do by hand."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stderr

import pytest

from ops.arguments import make_parser
from tests.pages import ENGLISH, ROOT, TRANSLATED, read

COMMANDS = ["aliyun configure", "make infra", "make deploy"]
README = {"README.md": "## Deploying", "docs/zh/README.md": "## 部署"}
DEPLOY = {
    "docs/deploy.md": ("## By hand, once", "## Four commands"),
    "docs/zh/deploy.md": ("## 需要手动完成一次的事", "## 四条命令"),
}


def section(name: str, heading: str) -> str:
    text = (ROOT / name).read_text("utf-8")
    return text.split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]


def first_commands(name: str, heading: str) -> list[str]:
    (block, *_) = re.findall(r"```sh\n(.*?)```", section(name, heading), re.DOTALL)
    return [line for line in block.splitlines() if line]


@pytest.mark.parametrize(("name", "heading"), README.items())
def test_the_readme_leads_to_an_answer_in_four_commands(name: str, heading: str) -> None:
    found = first_commands(name, heading)
    assert found[:-1] == COMMANDS
    assert found[-1].startswith('make ask Q="')


@pytest.mark.parametrize("name", DEPLOY)
def test_the_page_has_the_same_commands_and_at_most_three_steps_by_hand(name: str) -> None:
    by_hand, path = DEPLOY[name]
    assert first_commands(name, path)[:-1] == COMMANDS
    steps = re.findall(r"^\d+\. ", section(name, by_hand), re.MULTILINE)
    assert 1 <= len(steps) <= 3


def test_every_command_of_ops_that_a_page_names_exists() -> None:
    from ops.commands import GROUPS

    known = {name for group in GROUPS.values() for name in group}
    pages = (*README, *DEPLOY, "docs/operate.md", "docs/zh/operate.md")
    named = {it for page in pages for it in re.findall(r"python -m ops (?:--env \w+ )?([a-z]+)", read(page).text())}
    assert named - known == set()


def test_every_command_of_ops_that_a_page_names_is_one_that_its_parser_takes() -> None:
    pages = map(read, (*ENGLISH, *TRANSLATED.values()))
    named = {
        found[1]
        for page in pages
        for text in (*page.codes, *page.commands())
        if (found := re.search(r"(?:^|\s)(?:python -m ops|ops|ossearch) (?!--help$)(.+)$", text))
    }
    assert len(named) > 30
    refused = {command: why for command in sorted(named) if (why := find_refusal(command))}
    assert refused == {}


def find_refusal(command: str) -> str:
    """Why the parser refuses a command; a sentence may leave out what a command requires."""
    printed = io.StringIO()
    try:
        with redirect_stderr(printed):
            make_parser("ops").parse_args(shlex.split(command))
    except SystemExit:
        last = printed.getvalue().splitlines()[-1]
        return "" if "are required" in last else last
    return ""
