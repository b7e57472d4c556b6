"""The pages of docs/ that list what the code defines: settings and error codes, in both languages.

A table that follows a line such as ``<!-- table: settings DashScopeSettings -->`` is written by `make docs`, except for
the columns that people write. Tests fail while a page differs from what `render` gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ops.docs import errors, settings
from ops.docs.tables import rewrite

if TYPE_CHECKING:
    from pathlib import Path

    from ops.docs.tables import TableWriter

# Pages with tables that are generated, and the language of each.
PAGES: Final = {
    "docs/settings.md": "en",
    "docs/errors.md": "en",
    "docs/zh/settings.md": "zh",
    "docs/zh/errors.md": "zh",
}


def render(root: Path, page: str) -> str:
    """The text of one of ``PAGES`` with its tables brought up to date.

    Args:
        root: the project.
        page: path of the page in it.
    """
    language = PAGES[page]
    writers: dict[str, TableWriter] = {
        "settings": settings.Writer(root, language),
        "deployment": settings.DeploymentWriter(root, language),
        "errors": errors.Writer(root),
    }
    return rewrite((root / page).read_text("utf-8"), writers)


def write(root: Path) -> list[str]:
    """Bring all pages up to date; returns those that have changed."""
    changed = []
    for page in PAGES:
        text = render(root, page)
        if text != (root / page).read_text("utf-8"):
            (root / page).write_text(text, "utf-8")
            changed.append(page)
    return changed
