"""`ops check` names the files that no longer follow from s.yaml."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ops.__main__ import main
from ops.checks.files import find_drift

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("s.yaml", "s.records.yaml", "s.domain.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "infrastructure", tmp_path / "infrastructure")
    return tmp_path


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


def test_the_project_itself_has_none() -> None:
    assert find_drift(ROOT) == []


@pytest.mark.parametrize(
    "name", ["template.json", *(f"terraform/{it}.tf" for it in ("main", "variables", "outputs", "versions"))]
)
def test_a_changed_or_missing_file_is_named(project: Path, name: str) -> None:
    file = project / "infrastructure" / name
    file.write_text(file.read_text("utf-8") + " ", "utf-8")
    assert find_drift(project) == [
        f"infrastructure/{name} does not follow from s.yaml: run `make docs`, then look at what changed"
    ]
    file.unlink()
    assert find_drift(project) == [f"infrastructure/{name} is missing: run `make docs`"]


def test_a_chart_of_the_dashboard_that_was_changed_by_hand_is_found(project: Path) -> None:
    replace(project / "infrastructure/template.json", '"ALIYUN::SLS::Dashboard"', '"ALIYUN::SLS::Dashboards"')
    assert len(find_drift(project)) == 1


def test_a_change_of_s_yaml_that_the_template_follows_is_found(project: Path) -> None:
    replace(project / "s.yaml", "env('MILVUS_UNITS', '4')", "env('MILVUS_UNITS', '8')")
    assert "infrastructure/template.json" in "".join(find_drift(project))


def test_what_concerns_no_file_is_no_drift(project: Path) -> None:
    replace(project / "s.yaml", "searchAwake: 0", "searchAwake: 1")
    (project / ".env").write_text("NAME_PREFIX=other\n")
    (project / "infrastructure/terraform/terraform.tfvars").write_text("")
    assert find_drift(project) == []


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("    DASHSCOPE_API_KEY:", "    DASHSCOPE_KEY:", "asks for DASHSCOPE_KEY, which s.yaml does not read"),
        ("    - DASHSCOPE_API_KEY", "    - DASHSCOPE_KEY", "asks for DASHSCOPE_KEY, which s.yaml does not read"),
        ("Parameters:", "Parameter:", "asks for no parameter"),
        ("Parameters:", "Parameters: [", "is not YAML"),
    ],
)
def test_a_package_that_does_not_fit_is_named(project: Path, old: str, new: str, sentence: str) -> None:
    replace(project / "infrastructure/application/publish.yaml", old, new)
    (found,) = find_drift(project)
    assert sentence in found


def test_a_mark_of_the_template_of_s_init_is_named(project: Path) -> None:
    with (project / "s.yaml").open("a", encoding="utf-8") as file:
        file.write("# {{ name\n")
    assert find_drift(project) == [
        "s.yaml holds {{, which `s init` takes for a mark of its template: write it in another way"
    ]


def test_a_deployment_without_these_files_has_none(tmp_path: Path) -> None:
    shutil.copy(ROOT / "s.yaml", tmp_path)
    assert find_drift(tmp_path) == []


def test_the_command_warns_and_does_not_stop_a_deployment(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "infrastructure/template.json").unlink()
    monkeypatch.chdir(project)
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-of-the-test")
    monkeypatch.setenv("API_KEYS", "a-key")
    assert main(["check"]) == 0
    assert "warning: infrastructure/template.json is missing: run `make docs`" in capsys.readouterr().out
    assert main(["check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] != []
