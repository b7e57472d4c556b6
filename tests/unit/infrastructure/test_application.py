"""The package for the registry of Serverless Devs has its layout and holds a project that can be deployed."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.application import build
from ops.checks import problems
from ops.deployment import DeploymentError, load
from shared.runtime.settings import IngestSettings, list_variables

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("the project is no git repository here")
    folder = tmp_path_factory.mktemp("application")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def publish(package: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((package / "publish.yaml").read_text("utf-8"))
    return content


def test_it_has_the_layout_of_the_registry(package: Path) -> None:
    top = {path.name for path in package.iterdir()}
    assert top == {"publish.yaml", "readme.md", "readme_en.md", "version.md", "src"}
    assert {
        "s.yaml",
        "s.records.yaml",
        "s.batches.yaml",
        "s.domain.yaml",
        "Makefile",
        "requirements.txt",
        "samples",
        "functions",
    } <= {path.name for path in (package / "src").iterdir()}


def test_what_only_developers_need_stays_out(package: Path) -> None:
    assert not {"tests", "benchmarks", ".git", ".venv", ".env"} & {path.name for path in (package / "src").iterdir()}


def test_the_description_has_what_the_registry_asks_for(publish: dict[str, Any]) -> None:
    assert publish["Type"] == "Application"
    assert publish["Edition"] == "3.0.0"
    assert {"Name", "Version", "Provider", "Description", "HomePage", "Tags", "Category", "Service"} <= publish.keys()
    assert publish["Version"] == tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def test_every_parameter_is_a_secret_that_the_functions_read_from_the_env_file(publish: dict[str, Any]) -> None:
    """``s init`` writes secrets into ``.env``; any other parameter would need a mark in ``s.yaml``."""
    properties = publish["Parameters"]["properties"]
    read = {name for name, _, _ in list_variables(IngestSettings)}
    assert properties.keys() <= read
    assert {it["type"] for it in properties.values()} == {"secret"}
    assert set(publish["Parameters"]["required"]) <= properties.keys()


def test_rendering_as_a_template_changes_nothing(package: Path) -> None:
    text = (package / "src" / "s.yaml").read_text("utf-8")
    assert [mark for mark in ("{{", "}}", "<%", "%>") if mark in text] == []


def test_the_copied_project_is_a_deployment_that_the_checks_accept(package: Path) -> None:
    assert problems(load(package / "src" / "s.yaml", {"DASHSCOPE_API_KEY": "sk-of-the-test", "API_KEYS": "a"})) == []


def test_outside_a_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="is no git repository"):
        build(tmp_path, tmp_path / "package")


def test_a_folder_with_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(DeploymentError, match="something else"):
        build(ROOT, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_files_that_are_not_tracked_stay_out(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    (tmp_path / "infrastructure" / "application").mkdir(parents=True)
    (tmp_path / "infrastructure" / "application" / "publish.yaml").write_text("Name: x\nVersion: 0\n")
    (tmp_path / ".env").write_text("DASHSCOPE_API_KEY=sk-secret\n")
    (tmp_path / "kept.txt").write_text("kept")
    subprocess.run(["git", "-C", str(tmp_path), "add", "kept.txt", "pyproject.toml"], check=True)
    build(tmp_path, tmp_path / "package")
    assert {it.name for it in (tmp_path / "package" / "src").iterdir()} == {"kept.txt", "pyproject.toml"}
    assert "Version: 1.2.3" in (tmp_path / "package" / "publish.yaml").read_text()
