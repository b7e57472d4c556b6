"""The documentation as data: its pages, and what stands on each."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
ADDRESS = "http://127.0.0.1:8000"
# In the order in which their commands run: later ones use what earlier ones changed.
ENGLISH = (
    "README.md",
    "docs/README.md",
    *(
        f"docs/{name}.md"
        for name in (
            "api", "integrations", "metadata-and-tenants", "events", "formats", "errors", "settings", "deploy",
            "operate", "costs", "architecture", "benchmarks", "faults",
        )
    ),
    "CONTRIBUTING.md",
)  # fmt: skip
TRANSLATED = {
    "README.md": "docs/zh/README.md",
    **{
        f"docs/{name}.md": f"docs/zh/{name}.md"
        for name in (
            "api", "integrations", "metadata-and-tenants", "events", "formats", "errors", "settings", "deploy",
            "operate", "costs",
        )
    },
}  # fmt: skip
_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class Fence:
    language: str
    content: str


@dataclass(frozen=True)
class Page:
    """One page, taken apart.

    Attributes:
        headings: the level of each with its text, in order.
        tables: rows of cells as they are written, the header first.
        codes: every `inline code`.
    """

    name: str
    headings: list[tuple[str, str]] = field(default_factory=list)
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

    def text(self) -> str:
        """All code of the page, JSON excepted."""
        return "\n".join([*self.codes, *(fence.content for fence in self.fences if fence.language != "json")])

    def anchors(self) -> set[str]:
        """What a link to a part of the page may name, as GitHub makes it of the headings."""
        return {re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-") for _, text in self.headings}


@cache
def read(name: str) -> Page:
    page, before = Page(name), ""
    for token in MarkdownIt("commonmark").enable("table").parse((ROOT / name).read_text("utf-8")):
        if token.type == "heading_open":
            page.headings.append((token.tag, ""))
        elif token.type == "fence":
            page.fences.append(Fence(token.info, token.content))
        elif token.type == "table_open":
            page.tables.append([])
        elif token.type == "tr_open":
            page.tables[-1].append([])
        elif token.type == "inline":
            _take_inline(page, token, before)
        before = token.type
    return page


def _take_inline(page: Page, token: Token, before: str) -> None:
    if before in ("th_open", "td_open"):
        page.tables[-1][-1].append(token.content)
    if before == "heading_open":
        page.headings[-1] = (page.headings[-1][0], token.content)
    for child in token.children or ():
        if child.type == "code_inline":
            page.codes.append(child.content)
        page.links.extend(str(child.attrs[name]) for name in ("href", "src") if name in child.attrs)


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


def plain(cell: str) -> str:
    return cell.replace("`", "").strip()


def is_chinese(text: str) -> bool:
    return bool(_HAN.search(text))


def nothing_missing(existing: Iterable[str], documented: Iterable[str]) -> None:
    there, named = set(existing), set(documented)
    missing, unknown = sorted(there - named), sorted(named - there)
    assert not missing, "not documented: " + ", ".join(missing)
    assert not unknown, "documented, but there is no such thing: " + ", ".join(unknown)
