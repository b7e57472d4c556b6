"""What the pages list is what there is: settings, error codes, states, models, log events."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

import pytest

from local import demo, stack
from local.stack import Plan, Ports
from ops import docs
from ops.docs import codes
from ops.docs.errors import NEVER_ANSWERED
from ops.docs.settings import list_deployment_variables, list_settings, read_declared
from ops.docs.tables import TODO, read_names, read_rows
from shared.domain.catalog import EMBEDDING_MODELS
from shared.domain.models import DocumentState
from tests.pages import ROOT, is_chinese, nothing_missing, plain, read

if TYPE_CHECKING:
    from pathlib import Path

GENERATED = sorted(docs.PAGES)
WORDS = {"必填": "required", "空": "empty", "任意": "any"}


def value(cell: str) -> str:
    text = plain(cell)
    return WORDS.get(text, text)


def both(name: str) -> tuple[str, str]:
    return f"docs/{name}.md", f"docs/zh/{name}.md"


def compare(documented: dict[str, Any], expected: dict[str, Any]) -> None:
    nothing_missing(expected, documented)
    wrong = [
        f"{name}: {written}, really {expected[name]}"
        for name, written in documented.items()
        if written != expected[name]
    ]
    assert not wrong, "documented otherwise than it is: " + "; ".join(wrong)


# --- What `make docs` writes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", GENERATED)
def test_the_generated_tables_are_current(page: str) -> None:
    assert docs.render(ROOT, page) == (ROOT / page).read_text("utf-8"), "run make docs"


@pytest.mark.parametrize("page", GENERATED)
def test_people_have_written_what_is_not_generated(page: str) -> None:
    assert TODO not in (ROOT / page).read_text("utf-8"), f"replace {TODO} on {page}"


@pytest.mark.parametrize("page", [page for page, language in docs.PAGES.items() if language == "zh"])
def test_every_meaning_on_a_chinese_page_is_in_chinese(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    cells = {row[0]: row[-2] if kind == "errors" else row[1] for kind, row in rows_of(text)}
    names = {"`LOG_LEVEL`", "`TENANT_FROM`"}  # values may be code alone
    assert [name for name, cell in cells.items() if not is_chinese(cell) and name not in names] == []


def rows_of(text: str) -> list[tuple[str, list[str]]]:
    return [(kind, row) for kind in ("settings", "deployment", "errors") for row in read_rows(text, kind)]


@pytest.mark.parametrize("page", both("settings"))
def test_every_group_of_settings_has_its_table(page: str) -> None:
    names = read_names((ROOT / page).read_text("utf-8"), "settings")
    nothing_missing({variable.group for variable in list_settings().values()}, names)


# --- Settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", both("settings"))
def test_every_setting_is_documented_as_it_is(page: str) -> None:
    declared = read_declared(ROOT)
    documented = {
        value(row[0]): tuple(map(value, row[2:])) for row in read(page).rows("Variable", "变量") if len(row) == 5
    }
    expected = {
        setting.name: (setting.default or "empty", passed(setting.name, declared), ", ".join(setting.functions))
        for setting in list_settings().values()
    }
    compare(documented, expected)


def passed(variable: str, declared: dict[str, dict[str, str]]) -> str:
    """What `s.yaml` passes to the functions that read a variable."""
    functions = list_settings()[variable].functions
    values = [declared[name][variable] or "empty" for name in functions if variable in declared[name]]
    return " / ".join(values if len(set(values)) > 1 else values[:1]) or "–"


@pytest.mark.parametrize("page", both("settings"))
def test_every_variable_of_s_yaml_and_of_the_demo_is_documented_with_its_default(page: str) -> None:
    documented = {value(row[0]): value(row[2]) for row in read(page).rows("Variable", "变量") if len(row) == 3}
    deployment = {name: default or "empty" for name, default in list_deployment_variables(ROOT).items()}
    compare(documented, deployment | demo_variables())


def demo_variables() -> dict[str, str]:
    plan = demo._plan({})
    ports = {"PORT": 8000, "MILVUS_PORT": 0, "DASHSCOPE_PORT": 0, "OSS_PORT": 0}
    for variable in ports:
        given = demo._plan({variable: "1"}).ports
        ports[variable] = next(
            getattr(plan.ports, name) for name in ("gateway", "milvus", "dashscope", "oss") if getattr(given, name) == 1
        )
    defaults = {
        "BUCKET": str(plan.bucket.relative_to(ROOT)),
        "DATA": str(plan.data.relative_to(ROOT)),
        "ONCE": "empty",
        "QUOTA": "empty",
        "LOCAL_MODEL": plan.model,
        **{name: str(port) for name, port in ports.items()},
    }
    tree = ast.parse((ROOT / "local" / "demo.py").read_text("utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    read_by_demo = {text for text in texts if re.fullmatch(r"[A-Z][A-Z_]+", text)} - set(list_settings())
    assert read_by_demo == set(defaults), "the demo reads other variables than this test knows"
    return defaults


@pytest.mark.parametrize("page", both("settings"))
def test_the_demos_own_defaults_are_those_named(page: str, tmp_path: Path) -> None:
    plan = Plan(data=tmp_path, bucket=tmp_path, environ={"DASHSCOPE_API_KEY": "sk-made-up"})
    environ = stack._environment(plan, Ports())
    pairs = [code.partition("=") for code in read(page).codes if re.fullmatch(r"[A-Z_]+=[\w.]+", code)]
    named = {name: given for name, _, given in pairs if name in environ}
    assert len(named) >= 4
    assert named == {name: environ[name] for name in named}


# --- Error codes ------------------------------------------------------------------------------------------------


def test_the_sources_are_read_well_enough_to_trust_what_follows() -> None:
    found = codes.list_codes()
    assert {"invalid_filter", "embedding_throttled", "broken_file", "body_too_large", "http_<status>"} <= set(found)
    assert (found["text_refused"], found["body_too_large"], found["broken_file"]) == ({422}, {413}, set())
    assert found["embedding_malformed"] == {503}
    assert set(codes.read_sources().found) >= codes.NEVER_SEEN


@pytest.mark.parametrize("page", both("errors"))
def test_every_error_code_is_documented_and_no_other(page: str) -> None:
    nothing_missing(codes.list_codes(), {plain(row[0]) for row in read(page).rows("Code", "错误码")})


@pytest.mark.parametrize("page", both("errors"))
def test_every_error_code_has_the_status_it_is_answered_with(page: str) -> None:
    answered = {value(row[0]): value(row[1]) for row in read(page).rows("Code", "错误码") if len(row) == 4}
    expected = {code: status(code) for code in answered}
    assert answered == expected


def status(code: str) -> str:
    if code in NEVER_ANSWERED:
        return "–"
    return "any" if "<" in code else " ".join(map(str, sorted(codes.list_codes()[code])))


def test_a_new_error_code_enters_the_table_it_belongs_to(monkeypatch: pytest.MonkeyPatch) -> None:
    added: dict[str, set[int]] = {"new_request": {409}, "new_server": {503}, "new_event": set()}
    known = {code: statuses for code, statuses in codes.list_codes().items() if code != "no_texts"}
    monkeypatch.setattr("ops.docs.errors.list_codes", lambda: known | added)
    text = docs.render(ROOT, "docs/errors.md")
    for table in ("request", "server", "event"):
        assert plain(read_rows(text, "errors", table)[-1][0]) == f"new_{table}"
    assert read_rows(text, "errors", "request")[-1][1:] == ["409", TODO, TODO]
    assert "no_texts" not in text


# --- States, models, the log --------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", both("api"))
def test_every_state_of_a_document_is_explained_and_no_other(page: str) -> None:
    explained = {plain(row[0]) for row in read(page).rows("State", "状态")} - {"none", "无"}  # none: there is no record
    nothing_missing((state.value for state in DocumentState), explained)


@pytest.mark.parametrize("page", both("api"))
def test_every_model_is_documented_as_the_catalog_has_it(page: str) -> None:
    documented = {
        plain(row[0]): tuple(plain(cell).replace(",", "") for cell in row[1:])
        for row in read(page).rows("Model", "模型")
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


@pytest.mark.parametrize("page", both("operate"))
def test_every_event_of_the_log_is_documented_with_its_fields(page: str) -> None:
    documented = {plain(row[0]): set(re.findall(r"`(\w+)`", row[1])) for row in read(page).rows("Event", "事件")}
    compare(documented, codes.list_events())


@pytest.mark.parametrize("page", both("operate"))
def test_every_number_of_the_line_request_is_documented_and_no_other(page: str) -> None:
    tables = [table for table in read(page).tables if table[0] in (["Field", "Meaning"], ["字段", "含义"])]
    documented = {name for table in tables for row in table[1:] for name in re.findall(r"`(\w+)`", row[0])}
    nothing_missing(codes.list_numbers(), documented)


@pytest.mark.parametrize("page", both("api"))
def test_every_warning_of_a_search_is_documented_and_no_other(page: str) -> None:
    warnings = {ast.literal_eval(call.args[0]) for call in codes.read_sources().find_calls("SearchWarning")}
    nothing_missing(warnings, {plain(row[0]) for row in read(page).rows("Warning", "提示")})
