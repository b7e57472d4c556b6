"""The page, in a real browser against the real stack, used as a person would use it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from local import stack
from local.stack import PROJECT, Plan, Ports, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Route

PAGE = (PROJECT / "functions" / "search" / "page.html").read_text("utf-8")
# What it takes to start as root, and without looking for hosts that this machine does not reach.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_SECONDS = 90
OWN = "document.title='owned'"
EVIL = f"Tariffs <script>{OWN}</script><img src=x onerror={OWN}> apply. 🚢🚢 Tariffs rise."


def chromium() -> str:
    """Where Debian's browser is; installed if we may."""
    if not shutil.which("chromium") and os.geteuid() == 0:
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(command, capture_output=True, check=False, timeout=300)
    path = shutil.which("chromium")
    if not path:
        missing = "THE PAGE WAS TESTED IN NO BROWSER: install Debian's with apt-get install chromium"
        warnings.warn(missing, stacklevel=1)
        pytest.skip(missing)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("bucket")
    for sample in (PROJECT / "samples").iterdir():
        shutil.copy(sample, folder)
    (folder / "aero-3-user-manual.pdf.metadata.json").write_text('{"team": "facilities", "tags": ["manual"]}')
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (folder / "evil.txt").write_text(EVIL, "utf-8")
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    plan = Plan(tmp_path_factory.mktemp("data"), folder, ports=Ports(0, 0, 0, 0), environ=environ)
    with stack.running(plan) as everything:
        everything.invoke("ingest", {"action": "reconcile"})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            found = requests.get(f"{everything.url}/documents", timeout=30).json()["documents"]
            if len(found) == 12 and all(document["state"] != "pending" for document in found):
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.3)
        yield everything


@pytest.fixture
def page(browser: Browser, running: Stack) -> Iterator[Page]:
    context = browser.new_context(base_url=running.url, locale="en-GB", viewport={"width": 1000, "height": 800})
    context.set_default_timeout(20_000)
    page = context.new_page()
    strangers: list[str] = []
    failures: list[str] = []
    page.on("request", lambda request: strangers.append(request.url) if not own(request.url, running) else None)
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    context.close()
    assert strangers == []
    assert failures == []


def own(url: str, running: Stack) -> bool:
    return url.startswith((running.url, "data:"))


def marked(page: Page) -> list[str]:
    return page.locator("#results mark").all_inner_texts()


def ask(page: Page, question: str, more: str = "") -> None:
    page.goto(f"/?q={question}{more}")
    expect(page.locator("#results .passage").first).to_be_visible()


def test_a_question_is_answered_with_its_words_marked_and_its_source_named(page: Page) -> None:
    page.goto("/")
    page.fill("#query", "How often do I have to clean the dust filter?")
    page.press("#query", "Enter")
    first = page.locator("#results article").first
    expect(first.locator("h2")).to_have_text("Aero 3 air monitor: user manual")
    expect(first).to_contain_text("aero-3-user-manual.pdf")
    expect(first).to_contain_text("page 3")
    assert {"dust", "filter"} <= {word.lower().rstrip("s") for word in marked(page)}
    expect(page.locator("#results .status")).to_contain_text("passages from")


def test_chinese_words_are_marked_too(page: Page) -> None:
    ask(page, "年假怎么休")
    assert any("年假" in word for word in marked(page))


def test_marks_stand_right_behind_signs_that_take_two_units(page: Page) -> None:
    ask(page, "tariffs", "&format=txt")
    words = {word.lower() for word in page.locator("article", has_text="evil").locator("mark").all_inner_texts()}
    assert words == {"tariffs"}


def test_what_a_document_says_never_becomes_markup(page: Page) -> None:
    ask(page, "tariffs", "&format=txt")
    expect(page.locator("article", has_text="evil").first).to_contain_text("<img src=x onerror=")
    assert page.locator("#results img, #results script").count() == 0
    assert "owned" not in page.title()


def test_filters_narrow_live_in_the_address_and_can_be_taken_away(page: Page) -> None:
    ask(page, "warranty")
    page.click("#refine summary")
    page.select_option("[data-field=format]", "xlsx")
    expect(page.locator("#results article")).to_have_count(1)
    assert "format=xlsx" in page.url
    page.reload()
    expect(page.locator("#results article")).to_have_count(1)
    page.click("#active .chip")
    expect(page.locator("#results article").nth(1)).to_be_visible()
    assert "format" not in page.url
    page.go_back()
    expect(page.locator("#results article")).to_have_count(1)


def test_a_value_of_metadata_filters_at_a_click(page: Page) -> None:
    ask(page, "dust filter")
    page.locator("#results .chip", has_text="tags: manual").first.click()
    expect(page.locator("#results article")).to_have_count(1)
    expect(page.locator("#active .chip")).to_have_text("tags: manual ✕")


def test_more_results_go_on_where_the_first_ended(page: Page) -> None:
    ask(page, "work", "&flat=1")
    expect(page.locator("#results .passage")).to_have_count(10)
    page.click("#results .further")
    expect(page.locator("#results .passage")).to_have_count(20)
    texts = page.locator("#results .passage .text").all_inner_texts()
    assert len(set(texts)) == len(texts)


def test_what_stands_around_a_passage_opens_in_place(page: Page) -> None:
    ask(page, "clean the dust filter")
    block = page.locator("#results .passage").first
    block.locator(".around").click()
    expect(block.locator(".beside")).to_have_count(2)
    block.locator(".around").click()
    expect(block.locator(".beside")).to_have_count(0)


def test_answers_come_while_one_types(page: Page) -> None:
    page.goto("/")
    page.locator("#query").press_sequentially("battery charging", delay=15)
    expect(page.locator("#results article").first).to_be_visible()
    assert "q=battery" in page.url


def test_the_keyboard_is_enough(page: Page) -> None:
    ask(page, "calibration")
    page.locator("body").press("/")
    expect(page.locator("#query")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#results .passage").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#results .passage").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#query")).to_be_focused()


def test_a_failed_document_shows_why_and_stands_first(page: Page) -> None:
    page.goto("/?view=documents")
    first = page.locator("#documents article").first
    expect(first).to_contain_text("broken.pdf")
    expect(first).to_contain_text("The file is damaged")
    expect(first).to_contain_text("Trying again alone does not help.")
    page.locator("#pick button", has_text="Indexed").click()
    expect(page.locator("#documents article", has_text="broken.pdf")).to_have_count(0)
    page.fill("#list-prefix", "evil")
    expect(page.locator("#documents article")).to_have_count(1)


def test_a_rejected_version_says_that_the_one_before_answers(page: Page, running: Stack) -> None:
    known = requests.get(f"{running.url}/documents?state=failed", timeout=10).json()
    known["documents"][0] |= {"indexed_version": "before", "version": "now"}
    page.route("**/documents?state=failed*", lambda route: route.fulfill(json=known))
    page.goto("/?view=documents")
    expect(page.locator("#documents article").first).to_contain_text("The version before still answers.")


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [(401, "unauthorized", ""), (403, "tenant_forbidden", "foreign"), (503, "x", "busy now")],
)
def test_a_refusal_says_what_to_do(page: Page, status: int, code: str, says: str) -> None:
    error = {"error": {"code": code, "message": says, "request_id": "r-1"}}
    page.route("**/search", lambda route: route.fulfill(status=status, json=error))
    page.goto("/?q=anything")
    if status == 401:
        expect(page.locator("#key")).to_be_focused()
        page.unroute("**/search")
        page.fill("#key", "a-key")
        with page.expect_request("**/search") as sent:
            page.press("#key", "Enter")
        assert sent.value.headers["x-api-key"] == "a-key"
    else:
        expect(page.locator("#results .error")).to_contain_text(says)
        expect(page.locator("#results .error")).to_contain_text("r-1")


def test_a_notice_is_told_in_words(page: Page) -> None:
    def without_words(route: Route) -> None:
        answer = route.fetch()
        content: dict[str, Any] = answer.json()
        content |= {"mode": "dense", "notices": [{"code": "keywords_unavailable", "message": "raw"}]}
        route.fulfill(response=answer, json=content)

    page.route("**/search", without_words)
    ask(page, "calibration")
    expect(page.locator("#results .notice")).to_contain_text("meaning alone decided")


def test_both_languages_are_complete_and_the_choice_is_kept(page: Page) -> None:
    page.goto("/")
    one, other = page.evaluate("[Object.keys(WORDS.en), Object.keys(WORDS.zh)]")
    assert sorted(one) == sorted(other)
    page.click("#language")
    expect(page.locator("h1")).to_have_text("文档搜索")
    page.reload()
    expect(page.locator("#tab-documents")).to_have_text("文档")
    latin = re.findall(r"[A-Za-z]{4,}", page.locator("#refine").inner_text())
    assert latin == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_stand_out_from_what_is_behind_them(page: Page, theme: str) -> None:
    """At least 4.5 to 1: https://www.w3.org/TR/WCAG22/#contrast-minimum"""
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.goto("/")
    pairs = [
        *(("--ink", back) for back in ("--page", "--mark", "--bad-back", "--note-back")),
        *(("--soft", back) for back in ("--page", "--card", "--bad-back")),
        *((front, "--card") for front in ("--accent", "--bad", "--good", "--wait")),
        ("--on-accent", "--accent"),
        ("--accent", "--chip"),
    ]
    for front, back in pairs:
        assert contrast(*(colour(page, name) for name in (front, back))) >= 4.5, (front, back)


def colour(page: Page, name: str) -> tuple[float, ...]:
    said = page.evaluate(
        "name => { const e = document.body.appendChild(document.createElement('i')); e.style.color = `var(${name})`;"
        "const c = getComputedStyle(e).color; e.remove(); return c }",
        name,
    )
    return tuple(float(part) / 255 for part in re.findall(r"[\d.]+", said)[:3])


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    def light(parts: tuple[float, ...]) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    darker, lighter = sorted((light(one), light(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_the_switch_of_colours_overrules_the_system(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    page.click("#theme")
    expect(page.locator("#theme")).to_have_text("Dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    page.reload()
    expect(page.locator("#theme")).to_have_text("Dark")


@pytest.mark.parametrize("view", ["?q=calibration", "?view=documents"])
def test_a_narrow_screen_needs_no_sideways_scrolling(page: Page, view: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"/{view}")
    expect(page.locator("article").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_page_is_one_file_that_loads_nothing() -> None:
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", PAGE)
    assert "innerHTML" not in PAGE
    assert json.dumps("default-src 'none'")[1:-1] in PAGE
