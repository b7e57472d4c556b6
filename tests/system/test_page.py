"""The page for people, in a real browser against the whole stack."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import warnings
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import expect, sync_playwright

from local import stack
from local.stack import PROJECT, Plan, Ports
from ops.docs.tables import plain, read_rows
from tests.conftest import Oss

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route

    from local.stack import Stack

PATIENCE_SECONDS = 240
expect.set_options(timeout=PATIENCE_SECONDS * 1000)  # only ends what hangs
WIDE, NARROW = {"width": 1100, "height": 900}, {"width": 320, "height": 700}
# As root there is no sandbox to be had; the rest keeps a browser from calling home.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
MARKUP = '<img src=x onerror="window.hurt=1">'
SCRIPT = "<script>window.hurt=1</script>"
BIRDS = "🦅🦅 The kestrel nests in the old tower since 2019. 🦅🦅 红隼在旧塔楼筑巢。"
DOCUMENTS: dict[str, bytes | str] = {
    "aero-3-user-manual.pdf.metadata.json": json.dumps({"team": "facilities", "year": 2026, "tags": ["manual"]}),
    "birds/2026/kestrel.txt": BIRDS,
    "birds/2026/broken.pdf": "%PDF-1.4 nothing",
    "birds/replaced.txt": "The heron fishes at dawn.",
    f"markup {MARKUP[:-1].replace('/', '')}.txt": f"{MARKUP}{SCRIPT} The marmot sleeps all winter.",
    "long/" + "x" * 150 + ".txt": "An ibis stands here. " + "w" * 300,
}
FILTER = "How often do I have to clean the dust filter?"


@pytest.fixture(scope="module")
def chromium() -> str:
    """Debian's browser; installed where that is possible, else asked for aloud."""
    if not shutil.which("chromium") and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(command, capture_output=True, timeout=300, check=False)
    path = shutil.which("chromium")
    if path is None:
        missing = "there is no Chromium: apt-get install chromium"
        warnings.warn(f"THE PAGE WAS NOT TESTED: {missing}", stacklevel=1)
        pytest.skip(missing)
    return path


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack with the samples and some documents more, all of them read."""
    folder = tmp_path_factory.mktemp("bucket")
    plan = Plan(
        tmp_path_factory.mktemp("data"),
        folder,
        ports=Ports(0, 0, 0, 0),
        environ={
            "PATH": "/usr/bin:/bin",
            "HOME": "/tmp",
            "ADMIN_API_KEYS": "operator",
            "SOURCE_LINKS": "true",
            "UPLOADS": "true",
        },
    )
    with stack.running(plan) as everything:
        samples = {path.name: path.read_bytes() for path in (PROJECT / "samples").glob("*.*")}
        fill(Oss(everything.oss, folder, "local-documents"), everything.url, samples)
        yield everything


def fill(bucket: Oss, url: str, samples: dict[str, bytes]) -> None:
    for key, content in {**samples, **DOCUMENTS}.items():
        bucket.put(key, content)
    count = len(samples) + sum(not key.endswith(".metadata.json") for key in DOCUMENTS)
    await_documents(url, lambda known: len(known) == count and settled(known))
    bucket.put("birds/replaced.txt", b"\x89PNG\r\n\x1a\n no text any more")
    await_documents(url, lambda known: settled(known) and known["birds/replaced.txt"]["state"] == "failed")


def settled(known: dict[str, Any]) -> bool:
    return all(document["state"] != "pending" for document in known.values())


def await_documents(url: str, holds: Any) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        listed = requests.get(f"{url}/documents", params={"limit": 1000}, timeout=30).json()["documents"]
        known = {document["key"]: document for document in listed}
        if holds(known):
            return
        assert time.monotonic() < until, known
        time.sleep(0.2)


class Visit:
    """A person at the page, and what the browser logged and sent meanwhile."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.sent: list[str] = []
        self.crashes: list[str] = []
        self.refused: list[str] = []
        page.on("request", lambda request: self.sent.append(request.url))
        page.on("pageerror", lambda error: self.crashes.append(str(error)))
        page.on("console", lambda line: self.refused.append(line.text) if "Content Security" in line.text else None)

    def open(self, **parameters: str) -> Visit:
        self.page.goto(f"{self.url}/?{urlencode(parameters)}")
        return self

    def searched(self, **parameters: str) -> Visit:
        self.open(**parameters)
        expect(self.chunks.first).to_be_visible()
        return self

    @property
    def chunks(self) -> Locator:
        return self.page.locator(".chunk")

    def ids(self) -> list[str]:
        return [str(one) for one in self.chunks.evaluate_all("all => all.map(one => one.dataset.id)")]

    def keys(self) -> list[str]:
        """What stands below each title: folder and name."""
        return self.page.locator("#results .card > .where").all_inner_texts()

    @property
    def address(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.page.url).query)

    @property
    def status(self) -> Locator:
        return self.page.locator("[role=tabpanel]:not([hidden]) .status")


@contextmanager
def visiting(browser: Browser, url: str, **options: Any) -> Iterator[Visit]:
    context: BrowserContext = browser.new_context(**{"locale": "en-US", "viewport": WIDE, **options})
    context.set_default_timeout(PATIENCE_SECONDS * 1000)
    visit = Visit(context.new_page(), url)
    yield visit
    context.close()
    assert visit.crashes == []
    assert visit.refused == []
    assert [sent for sent in visit.sent if not sent.startswith((url, "data:"))] == []


@pytest.fixture
def visit(browser: Browser, running: Stack) -> Iterator[Visit]:
    with visiting(browser, running.url) as one:
        yield one


def api(running: Stack, **fields: Any) -> list[dict[str, Any]]:
    return list(requests.post(f"{running.url}/search", json=fields, timeout=30).json()["hits"])


def answering(page: Page, path: str, status: int = 200, **content: Any) -> None:
    page.route(path, lambda route: route.fulfill(status=status, json=content))


# --- Answers -----------------------------------------------------------------------------------------------------

MARKS = """text => [...text.querySelectorAll("mark")].map(mark => {
  const before = document.createRange();
  before.setStart(text, 0);
  before.setEndBefore(mark);
  const start = [...before.toString()].length;
  return [start, start + [...mark.textContent].length];
})"""


@pytest.mark.parametrize("query", [FILTER, "年假怎么休？", "kestrel tower", "红隼 筑巢"])
def test_what_was_asked_is_marked_where_the_server_says(visit: Visit, running: Stack, query: str) -> None:
    visit.searched(q=query, flat="1")
    hits = api(running, query=query, top_k=10)
    assert visit.ids() == [hit["id"] for hit in hits]
    texts = visit.page.locator(".chunk > .text")
    running_text = [(text, hit) for text, hit in zip(texts.all(), hits, strict=True) if not hit["location"]["columns"]]
    for text, hit in running_text:
        assert text.text_content() == hit["text"]
        assert text.evaluate(MARKS) == hit["highlights"]
    assert any(hit["highlights"] for _, hit in running_text)
    expect(texts.first.locator("mark").first).to_be_in_viewport()


def test_chunks_of_one_document_stand_together_with_title_key_place_and_the_score_of_each_side(visit: Visit) -> None:
    visit.searched(q=FILTER)
    card = visit.page.locator("#results .card").first
    expect(card.locator("h2")).to_have_text("Aero 3 air monitor: user manual")
    expect(card.locator("> .where")).to_have_text("aero-3-user-manual.pdf")
    assert 1 < card.locator(".chunk").count() <= 3
    expect(card.locator(".place .where").first).to_contain_text("page 3")
    card.locator(".score").first.click()
    expect(card.locator(".sides").first).to_have_text(re.compile(r"meaning 0\.\d+ · words \d+\.\d+"))
    expect(visit.status).to_have_text(re.compile(r"\d+ results from 10 documents in \d+ ms · by meaning and words"))


def test_more_results_go_on_without_doubles_and_come_back_with_the_link(visit: Visit, running: Stack) -> None:
    visit.searched(q=FILTER, flat="1")
    visit.page.locator(".next").click()
    expect(visit.chunks).to_have_count(20)
    wanted = [hit["id"] for hit in api(running, query=FILTER, top_k=20)]
    assert visit.ids() == wanted
    visit.page.reload()
    expect(visit.chunks).to_have_count(20)
    assert visit.ids() == wanted


def test_neighbours_open_in_place_and_close_again(visit: Visit, running: Stack) -> None:
    visit.searched(q=FILTER)
    hit = api(running, query=FILTER, top_k=1, context=2)[0]
    chunk = visit.chunks.first
    chunk.locator(".open").click()
    expect(chunk.locator(".around")).to_have_count(2)
    chunk.locator(".open").click()
    expect(chunk.locator(".around")).to_have_count(4)
    around = [*hit["context"]["before"], *hit["context"]["after"]]
    for text, neighbour in zip(chunk.locator(".around .text").all(), around, strict=True):
        if not neighbour["location"]["columns"]:
            assert text.text_content() == neighbour["text"]
    chunk.locator(".hide").click()
    expect(chunk.locator(".around")).to_have_count(0)


def test_warnings_mode_and_reranking_are_explained_in_words(visit: Visit) -> None:
    visit.searched(q=FILTER)
    visit.page.locator("#rerank").check()
    expect(visit.status).to_contain_text("reranked")
    assert visit.address["rerank"] == ["1"]

    def warn(route: Route) -> None:
        answer = route.fetch().json()
        warning = {"code": "keywords_unavailable", "message": "m"}
        route.fulfill(json={**answer, "mode": "dense", "reranked": False, "warnings": [warning]})

    visit.page.route("**/search", warn)
    visit.page.reload()
    expect(visit.page.locator(".warning")).to_contain_text("meaning only")
    expect(visit.status).to_have_text(re.compile(r"by meaning$"))


def test_hits_fade_below_the_threshold_of_the_answer_and_reranked_ones_do_not(visit: Visit) -> None:
    changed: dict[str, Any] = {"threshold": 2.0, "reranked": False}

    def change(route: Route) -> None:
        route.fulfill(json={**route.fetch().json(), **changed})

    visit.page.route("**/search", change)
    visit.searched(q=FILTER)
    weak, every = visit.page.locator("#results .chunk.weak"), visit.page.locator("#results .chunk")
    expect(weak).to_have_count(every.count())
    for other in ({"threshold": 0.0}, {"threshold": 2.0, "reranked": True}):
        changed.update(other)
        visit.page.reload()
        expect(every.first).to_be_visible()
        expect(weak).to_have_count(0)


# --- Filters and the address -------------------------------------------------------------------------------------


def test_a_filter_narrows_lives_in_the_address_survives_a_reload_and_goes_with_its_chip(visit: Visit) -> None:
    visit.searched(q=FILTER)
    assert len(set(visit.keys())) > 1
    visit.page.locator("#unfold").click()
    visit.page.locator("#format").select_option("pdf")
    only_pdf = ["aero-3-user-manual.pdf"]
    expect(visit.page.locator("#results .card > .where")).to_have_text(only_pdf)
    assert visit.address["format"] == ["pdf"]
    visit.page.reload()
    expect(visit.page.locator("#results .card > .where")).to_have_text(only_pdf)
    visit.page.locator("#results .chip").click()
    expect(visit.page.locator("#results .card")).to_have_count(10)
    assert "format" not in visit.address
    visit.page.go_back()
    expect(visit.page.locator("#results .card > .where")).to_have_text(only_pdf)
    visit.page.go_forward()
    expect(visit.page.locator("#results .card")).to_have_count(10)


def test_a_value_of_metadata_and_a_folder_on_a_hit_are_filters(visit: Visit) -> None:
    visit.searched(q=FILTER)
    for tag, value in {"year: 2026": "2026", "tags: manual": '["manual"]', "team: facilities": '"facilities"'}.items():
        visit.page.locator(".tag", has_text=tag).first.click()
        expect(visit.page.locator("#results .card")).to_have_count(1)
        assert visit.address["metadata." + tag.split(":")[0]] == [value]
    visit.page.locator("#results .chips .link").click()
    expect(visit.page.locator("#results .card")).to_have_count(10)
    visit.searched(q="kestrel").page.locator(".where .link", has_text="birds/2026/").first.click()
    expect(visit.page.locator("#results .card > .where")).to_have_text([re.compile("kestrel.txt")])
    assert visit.address["prefix"] == ["birds/2026/"]


def test_a_filter_that_leaves_nothing_says_so(visit: Visit) -> None:
    visit.open(q=FILTER, since="2999-01-01")
    expect(visit.page.locator(".message")).to_contain_text("with these filters")


def test_words_alone_are_searched_when_asked_for(visit: Visit) -> None:
    visit.searched(q="kestrel")
    visit.page.locator("#modes label", has_text="Words").click()
    expect(visit.status).to_contain_text("by words")
    expect(visit.chunks).to_have_count(1)
    assert visit.address["mode"] == ["keyword"]


def test_a_question_too_long_for_an_address_is_asked_and_kept_all_the_same(visit: Visit) -> None:
    visit.open()
    visit.page.locator("#query").fill("年假" * 900)
    visit.page.keyboard.press("Enter")
    expect(visit.chunks.first).to_be_visible()
    visit.page.reload()
    expect(visit.chunks.first).to_be_visible()


def test_a_pasted_text_that_is_too_long_is_refused_and_not_cut(visit: Visit) -> None:
    visit.open()
    visit.page.locator("#query").fill("dust filter " * 250)
    expect(visit.page.locator("#results .message")).to_contain_text("A question has 2,000 characters at most")
    visit.page.locator("#language").click()
    expect(visit.page.locator("#results .message")).to_contain_text("问题最长 2,000 个字符")


def test_a_reload_comes_back_to_where_one_was(visit: Visit) -> None:
    visit.searched(q=FILTER)
    visit.page.evaluate("window.scrollTo(0, 700)")
    visit.page.reload()
    until = time.monotonic() + PATIENCE_SECONDS
    while visit.page.evaluate("window.scrollY") != 700:
        assert time.monotonic() < until
        visit.page.wait_for_timeout(50)
    visit.open(q="kestrel")
    expect(visit.chunks.first).to_be_visible()
    assert visit.page.evaluate("window.scrollY") == 0


# --- While one types ---------------------------------------------------------------------------------------------


def test_results_come_while_typing_and_old_ones_stay_until_newer_come(visit: Visit) -> None:
    visit.searched(q="heron")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "marmot" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    visit.page.route("**/search", hold)
    before = visit.chunks.count()
    visit.page.locator("#query").fill("marmot")
    expect(visit.page.locator("#results .list")).to_have_class(re.compile("stale"))
    assert visit.chunks.count() == before
    visit.page.locator("#query").fill("kestrel")
    expect(visit.page.locator("#results mark").first).to_have_text("kestrel")
    expect(visit.page.locator("#results .list")).not_to_have_class(re.compile("stale"))
    assert len(held) == 1
    visit.page.go_back()
    expect(visit.page.locator("#query")).to_have_value("heron")


def test_nothing_is_searched_while_a_chinese_word_is_being_composed(visit: Visit) -> None:
    visit.open()
    asked: list[Request] = []
    visit.page.on("request", lambda request: asked.append(request) if request.url.endswith("/search") else None)
    keyboard = visit.page.context.new_cdp_session(visit.page)
    for letters in ("n", "nian", "nian'jia"):
        composed = {"text": letters, "selectionStart": len(letters), "selectionEnd": len(letters)}
        keyboard.send("Input.imeSetComposition", composed)
    visit.page.wait_for_timeout(700)
    assert asked == []
    keyboard.send("Input.insertText", {"text": "年假"})
    expect(visit.page.locator("#results mark").first).to_have_text("年假")
    assert [json.loads(request.post_data or "")["query"] for request in asked] == ["年假"]


# --- Documents ---------------------------------------------------------------------------------------------------


def test_a_failed_document_says_why_and_what_to_do_and_which_version_answers(visit: Visit) -> None:
    visit.open(view="documents")
    cards = visit.page.locator("#documents .card")
    broken = cards.filter(has_text="broken.pdf")
    expect(broken.locator(".state")).to_have_text("Failed")
    for shown in ("damaged", "Save it again", "Trying again alone does not help", "Extracting the text · broken_file"):
        expect(broken.locator(".reason")).to_contain_text(shown)
    expect(broken).not_to_contain_text("still answers")
    expect(cards.filter(has_text="replaced.txt").locator(".reason")).to_contain_text(
        "The previous version still answers"
    )
    expect(cards.filter(has_text="新员工入职指南").locator(".where")).to_have_text(
        re.compile(r"\d tokens, about ¥0\.0")
    )


def test_advice_in_the_readers_language_stands_before_what_the_service_says(browser: Browser, running: Stack) -> None:
    with visiting(browser, running.url, locale="zh-CN") as visit:
        visit.open(view="documents")
        reason = visit.page.locator("#documents .card").filter(has_text="broken.pdf").locator(".reason")
        expect(reason.locator("p")).to_have_text("文件已损坏，请重新保存后上传。仅重试没有用。")
        expect(reason.locator("small").first).to_contain_text("damaged")


def test_documents_are_counted_and_narrowed_by_state_and_key(visit: Visit) -> None:
    visit.open(view="documents")
    states = visit.page.locator("#states button")
    expect(states).to_have_text(["All 15", "Failed 2", "In progress 0", "Indexed 13"])
    states.nth(1).click()
    expect(visit.page.locator("#documents .card")).to_have_count(2)
    visit.page.locator("#under").press_sequentially("birds/2026/")
    expect(visit.page.locator("#documents .card h2")).to_have_text(["broken.pdf"])
    expect(states).to_have_text(["All 2", "Failed 1", "In progress 0", "Indexed 1"])
    assert (visit.address["state"], visit.address["prefix"]) == (["failed"], ["birds/2026/"])


def test_documents_beyond_the_first_thousand_are_reached(visit: Visit, running: Stack) -> None:
    record = requests.get(f"{running.url}/documents?state=indexed&limit=1", timeout=30).json()["documents"][0]

    def listing(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        first, limit = int(asked.get("after", ["0"])[0]), int(asked["limit"][0])
        numbers = range(first, min(first + limit, 1200))
        documents = [{**record, "id": f"{i:032x}", "key": f"{i}.txt", "title": f"Number {i}"} for i in numbers]
        total = 1200 if asked.get("state", ["indexed"]) == ["indexed"] else 0
        following = str(first + limit) if first + limit < total else None
        answer = {"documents": documents if total else [], "total": total, "next": following, "request_id": "r"}
        route.fulfill(json=answer)

    visit.page.route("**/documents?*", listing)
    visit.open(view="documents")
    expect(visit.page.locator("#documents .card")).to_have_count(1000)
    expect(visit.page.locator("#states button").first).to_have_text("All 1,200")
    visit.page.locator("#documents .next").click()
    expect(visit.page.locator("#documents .card")).to_have_count(1200)


# --- What goes wrong ---------------------------------------------------------------------------------------------


def test_a_key_is_asked_for_refused_when_wrong_and_kept_for_the_session_only(visit: Visit) -> None:
    def guarded(route: Route) -> None:
        if route.request.headers.get("x-api-key") == "right":
            route.continue_()
        else:
            route.fulfill(status=401, json={"error": {"code": "unauthorized", "message": "m", "request_id": "r"}})

    visit.page.route("**/search", guarded)
    visit.open(q=FILTER)
    for key in ("wrong", "right"):
        expect(visit.page.locator("#key")).to_be_focused()
        visit.page.keyboard.type(key)
        visit.page.keyboard.press("Enter")
        if key == "wrong":
            expect(visit.page.locator(".message")).to_contain_text("does not accept")
    expect(visit.chunks.first).to_be_visible()
    visit.page.reload()
    expect(visit.chunks.first).to_be_visible()
    assert "right" not in visit.page.evaluate("JSON.stringify({...localStorage}) + document.cookie + location.href")


@pytest.mark.parametrize(
    ("status", "code", "shown"),
    [(403, "tenant_forbidden", "not bound to that tenant"), (503, "milvus_unavailable", "The index does not answer")],
)
def test_an_error_is_shown_with_its_code_and_can_be_tried_again(
    visit: Visit, status: int, code: str, shown: str
) -> None:
    answering(visit.page, "**/search", status, error={"code": code, "message": "m", "request_id": "request-1"})
    visit.open(q=FILTER)
    alert = visit.page.get_by_role("alert")
    expect(alert).to_contain_text(shown)
    expect(alert).to_contain_text(f"{code} · request-1")
    visit.page.unroute("**/search")
    alert.get_by_role("button").click()
    expect(visit.chunks.first).to_be_visible()


def test_a_service_out_of_reach_is_said_so(visit: Visit) -> None:
    visit.open()
    visit.page.route("**/search", lambda route: route.abort())
    visit.page.locator("#query").fill(FILTER)
    expect(visit.page.get_by_role("alert")).to_contain_text("cannot be reached")


# A limit of a minute becomes one of a moment, and so does the time after which slowness is said.
HURRY = """window.limits = new Set();
window.setTimeout = ((real) => (run, ms, ...rest) => {
  if (ms === MOST_WAIT_MS) limits.add(ms);
  return real(run, ms === SLOW_MS ? 50 : ms === MOST_WAIT_MS ? 900 : ms, ...rest);
})(window.setTimeout);"""


@pytest.mark.parametrize(
    ("locale", "slow", "title", "advice", "retry"),
    [
        ("en-US", "longer than usual", "did not answer in time", "try again in a minute", "Try again"),
        ("zh-CN", "等待时间比平时长", "服务没有及时响应", "请一分钟后重试", "重试"),
    ],
)
@pytest.mark.parametrize("view", ["results", "documents"])
def test_a_service_that_never_answers_ends_with_what_to_do(
    browser: Browser, running: Stack, locale: str, slow: str, title: str, advice: str, retry: str, view: str
) -> None:
    path = {"results": "**/search", "documents": "**/documents?*"}[view]
    with visiting(browser, running.url, locale=locale) as visit:
        visit.page.add_init_script(HURRY)
        visit.page.route(path, lambda route: None)
        visit.open(**({"q": FILTER} if view == "results" else {"view": view}))
        expect(visit.status).to_contain_text(slow)
        alert = visit.page.get_by_role("alert").filter(has_text=title)
        expect(alert).to_contain_text(advice)
        assert visit.page.evaluate("[...limits]") == [65000]
        visit.page.unroute(path)
        alert.get_by_role("button", name=retry).click()
        expect(visit.page.locator(f"#{view} .card:not(.bone)").first).to_be_visible()


class Stalling(BaseHTTPRequestHandler):
    """Passes requests on to the stack; sends half of the answer to some, then nothing."""

    target = ""
    stalled: tuple[str, ...] = ()
    ended = Event()

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        if self.path in self.stalled:
            self._reply(200, "text/event-stream", b'event: token\ndata: {"text": "The beg"}\n\n', missing=100)
            self.ended.wait(PATIENCE_SECONDS)
            return
        passed = {"Content-Type": "application/json"} if body else {}
        answer = requests.request(self.command, self.target + self.path, data=body, headers=passed, timeout=60)
        # The health says that answers are offered; the stack of this module writes none.
        content = answer.content
        if self.path == "/healthz":
            content = json.dumps({**answer.json(), "answer": {"model": "qwen-flash", "usual_cost_cny": 0.001}}).encode()
        self._reply(answer.status_code, answer.headers["Content-Type"], content)

    def do_POST(self) -> None:
        self.do_GET()

    def _reply(self, status: int, kind: str, content: bytes, missing: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) + missing))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("path", ["/search", "/answer"])
def test_an_answer_that_stops_half_way_ends_with_what_to_do(browser: Browser, running: Stack, path: str) -> None:
    ended = Event()
    handler = type("Handler", (Stalling,), {"target": running.url, "stalled": (path,), "ended": ended})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            with visiting(browser, f"http://127.0.0.1:{server.server_port}") as visit:
                visit.page.add_init_script(HURRY)
                visit.open(q=FILTER)
                if path == "/answer":
                    visit.page.get_by_role("button", name="Write an answer").click()
                    expect(visit.page.locator("#answer .text")).to_contain_text("The beg")
                place = visit.page.locator("#answer" if path == "/answer" else "#results .error")
                expect(place).to_contain_text("try again in a minute")
                expect(place.get_by_role("button", name="Try again")).to_be_visible()
        finally:
            ended.set()
            server.shutdown()


def test_nothing_a_document_says_becomes_markup(visit: Visit) -> None:
    visit.searched(q="marmot")
    expect(visit.page.locator("#results .text").first).to_contain_text(f"{MARKUP}{SCRIPT}")
    visit.page.locator("#tab-documents").click()
    expect(visit.page.locator("#documents .card", has_text="onerror")).to_be_visible()
    assert visit.page.locator("main :is(img, script, iframe)").count() == 0
    # Should something slip through all the same, the page's policy does not let it run.
    visit.page.evaluate(
        """markup => { document.body.insertAdjacentHTML("beforeend", markup);
        const script = document.createElement("script"); script.textContent = "window.hurt = 1";
        document.body.append(script); }""",
        MARKUP.replace("x ", "data:, "),
    )
    visit.page.wait_for_timeout(100)
    assert visit.page.evaluate("window.hurt") is None
    assert len(visit.refused) >= 2
    visit.refused.clear()


# --- Accessibility ---------------------------------------------------------------------------------------------------


def test_the_keyboard_alone_leads_from_the_question_to_an_open_chunk_and_back(visit: Visit) -> None:
    visit.open()
    keyboard, box = visit.page.keyboard, visit.page.locator("#query")
    visit.page.locator("#theme").focus()
    keyboard.press("/")
    expect(box).to_be_focused()
    keyboard.type(FILTER)
    keyboard.press("Enter")
    first = visit.chunks.first
    expect(first).to_be_visible()
    keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    assert first.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    keyboard.press("Enter")
    expect(first.locator(".more")).to_have_attribute("aria-expanded", "true")
    keyboard.press("n")
    expect(first.locator(".around")).to_have_count(2)
    keyboard.press("Escape")
    expect(first.locator(".around")).to_have_count(0)
    keyboard.press("Escape")
    expect(first.locator(".more")).to_have_attribute("aria-expanded", "false")
    keyboard.press("ArrowDown")
    expect(visit.chunks.nth(1)).to_be_focused()
    keyboard.press("Escape")
    expect(box).to_be_focused()
    keyboard.press("Escape")
    expect(box).to_have_value("")
    expect(visit.page.locator(".message")).to_contain_text("What would you like to know?")


def test_every_control_has_a_name(visit: Visit) -> None:
    visit.searched(q=FILTER, format="pdf")
    visit.page.locator("#unfold").click()
    for view in ("#tab-results", "#tab-documents"):
        visit.page.locator(view).click()
        expect(visit.page.locator("[role=tabpanel]:not([hidden]) .card").first).to_be_visible()
        tree = visit.page.locator("body").aria_snapshot()
        roles = "button|textbox|searchbox|combobox|checkbox|radio|tab|tabpanel|article|group"
        assert re.findall(rf"^\s*- (?:{roles})(?: \[.*\])?:?$", tree, re.MULTILINE) == [], tree


SHAPE = """() => {
  const kind = (value) => typeof value === "function" ? value.length : value instanceof Object ? shape(value) : "";
  const shape = (words) => Object.entries(words).map(([name, value]) => [name, kind(value)]).sort();
  return [shape(WORDS.en), shape(WORDS.zh)];
}"""


def test_both_languages_say_the_same_things_and_a_choice_is_kept(visit: Visit) -> None:
    visit.searched(q=FILTER)
    english, chinese = visit.page.evaluate(SHAPE)
    assert english == chinese
    assert visit.page.evaluate("document.documentElement.lang") == "en"
    visit.page.locator("#language").click()
    visit.page.reload()
    for view in ("#tab-documents", "#tab-results"):
        visit.page.locator(view).click()
        expect(visit.page.locator("[role=tabpanel]:not([hidden]) .card").first).to_be_visible()
        assert "undefined" not in visit.page.locator("body").inner_text()
    expect(visit.status).to_contain_text("条结果")
    assert visit.page.evaluate("document.documentElement.lang") == "zh-CN"


def test_every_reason_for_which_a_document_can_fail_has_advice(visit: Visit) -> None:
    text = (PROJECT / "docs/errors.md").read_text("utf-8")
    codes = {plain(row[0]) for row in read_rows(text, "errors", "document")}
    assert codes
    visit.open()
    assert codes - set(visit.page.evaluate("Object.keys(WORDS.zh.advice)")) == set()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_nothing_has_to_be_scrolled_sideways_on_the_narrowest_phone(
    browser: Browser, running: Stack, locale: str
) -> None:
    with visiting(browser, running.url, viewport=NARROW, locale=locale) as visit:
        visit.searched(q="ibis", format="txt", prefix="long/", since="2020-01-01")
        visit.page.locator("#unfold").click()
        visit.page.locator(".score").first.click()
        wide = "document.documentElement.scrollWidth"
        assert visit.page.evaluate(wide) == NARROW["width"]
        visit.open(view="documents")
        expect(visit.page.locator("#documents .card").first).to_be_visible()
        assert visit.page.evaluate(wide) == NARROW["width"]
        answering(visit.page, "**/search", 500, error={"code": "c" * 90, "message": "m" * 200, "request_id": "r" * 90})
        visit.open(q=FILTER)
        expect(visit.page.get_by_role("alert")).to_be_visible()
        assert visit.page.evaluate(wide) == NARROW["width"]


# The contrast of every text on the page with what is painted under it, by WCAG 2's formula; those below AA.
FAINT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const below_it = (element) => {
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 255 ? color : below_it(element.parentElement);
  };
  const linear = (part) => part <= .04045 * 255 ? part / 255 / 12.92 : ((part / 255 + .055) / 1.055) ** 2.4;
  const light = ([red, green, blue]) => .2126 * linear(red) + .7152 * linear(green) + .0722 * linear(blue);
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!(own || element.matches("input, select")) || !element.checkVisibility()) continue;
    const texts = [getComputedStyle(element).color];
    if (element.placeholder) texts.push(getComputedStyle(element, "::placeholder").color);
    for (const text of texts) {
      const [one, other] = [light(rgba(text)), light(below_it(element))].sort((a, b) => b - a);
      const contrast = (one + .05) / (other + .05);
      if (contrast < 4.5) faint.push([element.tagName, element.className, element.textContent.slice(0, 30), contrast]);
    }
  }
  return faint;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_what_is_below_it_it(browser: Browser, running: Stack, scheme: str) -> None:
    with visiting(browser, running.url, color_scheme=scheme, reduced_motion="reduce") as visit:
        background = visit.open().page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (int(background.split("(")[1].split(",")[0]) < 128) is (scheme == "dark")
        expect(visit.page.locator("#local-model")).to_be_visible()
        assert visit.page.evaluate(FAINT) == []
        visit.searched(q=FILTER, format="pdf", rerank="1")
        visit.page.locator("#unfold").click()
        visit.chunks.first.locator(".open").click()
        expect(visit.chunks.first.locator(".around")).to_have_count(2)
        assert visit.page.evaluate(FAINT) == []
        visit.page.locator("#tab-documents").click()
        expect(visit.page.locator(".reason").first).to_be_visible()
        assert visit.page.evaluate(FAINT) == []
        answering(visit.page, "**/search", 401, error={"code": "c", "message": "m", "request_id": "r"})
        visit.open(q=FILTER)
        expect(visit.page.locator("#access")).to_be_visible()
        assert visit.page.evaluate(FAINT) == []


def test_light_and_dark_can_be_chosen_and_are_kept(visit: Visit) -> None:
    visit.open()
    seen = set()
    for _ in range(2):
        visit.page.locator("#theme").click()
        visit.page.reload()
        seen.add(visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2


def test_the_page_is_whole_in_itself_and_runs_nothing_but_its_own(running: Stack) -> None:
    page = requests.get(f"{running.url}/", timeout=10)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "://" not in re.sub(r"http://www\.w3\.org\S*", "", page.text)


def test_rows_of_a_table_are_shown_as_a_table_with_their_words_marked(visit: Visit) -> None:
    visit.searched(q="产品价目表 保修期 内置电池")
    table = visit.chunks.filter(has=visit.page.locator("table")).first.locator("table")
    expect(table.locator("th").first).to_have_text("类别")
    row = table.locator("tr", has_text="内置电池")
    expect(row).to_be_visible()
    expect(row.locator("mark").first).to_be_visible()
    expect(row.locator("td")).to_have_count(table.locator("th").count())


# --- The first view ------------------------------------------------------------------------------------------------


def test_the_first_view_shows_what_is_there_and_queries_drawn_from_it(visit: Visit) -> None:
    visit.open()
    expect(visit.page.locator(".counts a")).to_have_text(["13 Indexed", "2 Failed"])
    expect(visit.page.locator(".newest li")).to_have_count(5)
    example = visit.page.locator(".query").first
    text = example.inner_text()
    example.click()
    expect(visit.chunks.first).to_be_visible()
    assert visit.address["q"] == [text]


def test_a_search_is_offered_again_until_it_is_cleared(visit: Visit) -> None:
    visit.searched(q="kestrel tower")
    until = time.monotonic() + PATIENCE_SECONDS
    while "kestrel" not in visit.page.evaluate("() => localStorage.getItem('recent') || ''"):
        assert time.monotonic() < until
        visit.page.wait_for_timeout(50)
    visit.open()
    recent = visit.page.get_by_role("button", name="kestrel tower")
    recent.click()
    expect(visit.chunks.first).to_be_visible()
    visit.open()
    visit.page.get_by_role("button", name="Clear").click()
    expect(recent).to_have_count(0)


# --- A document ------------------------------------------------------------------------------------------------------


def test_a_title_opens_the_document_at_the_hit_and_the_way_back_leads_to_the_results(visit: Visit) -> None:
    visit.searched(q=FILTER)
    hit = visit.ids()[0]
    visit.page.locator("#results h2 a").first.click()
    here = visit.page.locator("#reader .here")
    expect(here).to_contain_text("Wipe the housing")
    expect(here).to_be_in_viewport()
    expect(here.locator("mark").first).to_be_visible()
    expect(visit.page.locator("#reader .part")).to_have_count(15)
    assert visit.address["view"] == ["document"]
    visit.page.reload()
    expect(here).to_contain_text("Wipe the housing")
    visit.page.keyboard.press("Escape")
    expect(visit.chunks.first).to_be_visible()
    assert visit.ids()[0] == hit


def test_the_original_file_opens_in_a_tab_of_its_own(visit: Visit, running: Stack) -> None:
    def open_file(place: str) -> None:
        context = visit.page.context
        is_link = lambda request: "x-oss-signature=" in request.url  # noqa: E731
        with context.expect_page() as opened, context.expect_event("request", is_link) as sent:
            visit.page.locator(place).first.get_by_role("button", name="Original file").click()
        assert sent.value.url.startswith(f"{running.oss}/")
        # A browser may also save it: that depends on the type with which the object was stored.
        assert requests.get(sent.value.url, timeout=30).content.decode() == BIRDS
        opened.value.close()

    visit.searched(q="The kestrel nests in the old tower")
    open_file(".chunk")
    visit.page.locator("#results .card h2 a").first.click()
    open_file("#reader .head")


def test_a_long_document_is_read_on_in_both_directions(visit: Visit) -> None:
    ordinals = range(200)

    def chunks(route: Route) -> None:
        asked = parse_qs(urlsplit(route.request.url).query)
        first, limit = int(asked["offset"][0]), int(asked["limit"][0])
        place: dict[str, Any] = {
            "start": 0,
            "end": 1,
            "page": None,
            "sheet": None,
            "row": None,
            "headings": [],
            "columns": [],
        }
        shown = [
            {"id": str(i), "text": f"Chunk {i}.", "location": {**place, "ordinal": i}}
            for i in ordinals[first : first + limit]
        ]
        route.fulfill(json={"document_id": "d", "chunks": shown, "total": len(ordinals), "request_id": "r"})

    record = requests.get(f"{visit.url}/documents?state=indexed&limit=1", timeout=30).json()["documents"][0]
    visit.page.route("**/chunks?*", chunks)
    visit.open(view="document", id=record["id"], chunk="100")
    parts = visit.page.locator("#reader .part")
    expect(parts).to_have_count(40)
    expect(visit.page.locator("#reader .here")).to_have_text(re.compile(r"Chunk 100\."))
    visit.page.get_by_role("button", name="Earlier chunks").click()
    expect(parts).to_have_count(80)
    visit.page.get_by_role("button", name="Later chunks").click()
    expect(parts).to_have_count(120)
    expect(visit.page.locator("#reader .status")).to_have_text("Chunks 46 to 165 of 200")
    texts = parts.locator(".text").all_inner_texts()
    assert texts == [f"Chunk {i}." for i in range(45, 165)]


def test_text_link_and_citation_of_a_chunk_can_be_copied(browser: Browser, running: Stack) -> None:
    with visiting(browser, running.url, permissions=["clipboard-read", "clipboard-write"]) as visit:
        visit.searched(q=FILTER)
        menu = visit.chunks.first.locator(".copy")
        menu.locator("summary").click()
        copied = {}
        for name in ("Text", "Link", "Citation"):
            menu.get_by_role("button", name=name).click()
            expect(menu.locator(".copied")).to_have_text("Copied.")
            copied[name] = visit.page.evaluate("navigator.clipboard.readText()")
        assert copied["Text"].startswith("7. Cleaning and care")
        assert "Aero 3 air monitor: user manual, page 3" in copied["Citation"]
        assert copied["Citation"].endswith(copied["Link"])
        visit.page.goto(copied["Link"])
        expect(visit.page.locator("#reader .here")).to_contain_text("Wipe the housing")


def test_documents_are_found_by_a_part_of_their_name_and_put_in_order(visit: Visit) -> None:
    visit.open(view="documents")
    titles = visit.page.locator("#documents .card h2")
    expect(visit.page.locator("#documents .card .state").first).to_have_text("Failed")
    visit.page.locator("#sort").select_option("name")
    expect(titles.first).to_have_text("Aero 3 air monitor: user manual")
    visit.page.locator("#named").fill("MONITOR")
    expect(titles).to_have_text(["Aero 3 air monitor: user manual"])
    assert (visit.address["sort"], visit.address["name"]) == (["name"], ["MONITOR"])
    visit.page.locator("#tab-results").click()
    assert not {"sort", "name"} & set(visit.address)


def test_words_alone_are_offered_while_the_model_is_down(visit: Visit) -> None:
    answering(visit.page, "**/search", 503, error={"code": "embedding_unavailable", "message": "m", "request_id": "r"})
    visit.open(q="kestrel", mode="dense")
    offer = visit.page.get_by_role("button", name="Search by words only")
    expect(visit.page.get_by_role("alert")).to_contain_text("tried again by itself")
    visit.page.unroute("**/search")
    offer.click()
    expect(visit.chunks).to_have_count(1)
    assert visit.address["mode"] == ["keyword"]


# --- Operators -------------------------------------------------------------------------------------------------------


def test_operators_see_what_failed_and_have_it_tried_again(visit: Visit, running: Stack) -> None:
    def attempts() -> int:
        known = requests.get(f"{running.url}/documents", params={"contains": "roken"}, timeout=30).json()["documents"]
        return int(known[0]["attempts"])

    before = attempts()
    visit.page.goto(f"{visit.url}/admin")
    visit.page.locator("#key").fill("operator")
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator(".tiles dd")).to_have_text(["13", "0", "2"])
    failure = visit.page.locator(".failure").filter(has_text="broken_file")
    expect(failure).to_contain_text("Save it again and upload it again.")
    expect(visit.page.locator(".chart rect")).to_have_count(30)
    failure.locator("details").first.locator("summary").first.click()
    failure.locator("li summary").first.click()
    expect(failure.locator(".facts")).to_contain_text("broken_file")
    failure.locator(".history summary").click()
    expect(failure.locator(".history li").last).to_contain_text("Failed · broken_file")
    expect(failure.locator(".history li").last).to_contain_text("Save it again and upload it again.")
    failure.get_by_role("button", name="Try all again: broken_file").click()
    expect(visit.page.locator("#news")).to_contain_text("Queued")
    until = time.monotonic() + PATIENCE_SECONDS
    while attempts() == before:
        assert time.monotonic() < until
        time.sleep(0.2)


def test_operators_upload_files_and_see_what_becomes_of_them(visit: Visit, running: Stack) -> None:
    page, bucket = visit.page, Oss(running.oss, Path(), "local-documents")
    files = {MARKUP.replace("/", "") + " 水獺.txt": b"The otter sleeps afloat.", "broken.pdf": b"%PDF-1.4 no"}

    def choose(**chosen: bytes) -> None:
        payloads: list[Any] = [{"name": name, "mimeType": "", "buffer": content} for name, content in chosen.items()]
        page.locator("#files").set_input_files(payloads)

    page.goto(f"{visit.url}/admin")
    page.locator("#key").fill("operator")
    page.keyboard.press("Enter")
    page.locator("#folder").fill("new")
    rows = page.locator("#uploads .upload")
    try:
        choose(**files)
        expect(rows.filter(has_text="水獺")).to_contain_text("Indexed")
        expect(rows.filter(has_text="broken.pdf")).to_contain_text("broken_file")
        # A file that is there already is replaced only when its owner says so.
        choose(**{"broken.pdf": b"%PDF-1.4 no, no"})
        rows.get_by_role("button", name="Skip: new/broken.pdf").click()
        expect(rows.first).to_contain_text("Stopped")
        page.route(f"{running.oss}/**", lambda route: route.abort())
        choose(**{"refused.txt": b"x"})
        expect(rows.first).to_contain_text("CORS rule")
        # One that is stopped while it is signed is not sent.
        held: list[Route] = []
        page.route("**/admin/uploads", lambda route: held.append(route))
        choose(**{"stopped.txt": b"x"})
        rows.get_by_role("button", name="Stop: new/stopped.txt").click()
        with page.expect_response("**/admin/uploads"):
            held[0].continue_()
        page.wait_for_timeout(300)
        expect(rows.first).to_contain_text("Stopped")
        assert violations(page) == []
    finally:
        for name in files:
            bucket.remove(f"new/{name}")
        await_documents(running.url, lambda known: not any(key.startswith("new/") for key in known))
    visit.sent = [sent for sent in visit.sent if not sent.startswith(running.oss)]


# --- By the rules of axe, and without a move -----------------------------------------------------------------------

SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) if (!one.hadRecentInput) sum += one.value; })
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => done(sum), 50));
})"""
VIEWS: list[tuple[str, dict[str, str]]] = [
    (".newest", {}),
    (".chunk", {"q": FILTER}),
    ("#documents .card", {"view": "documents"}),
    ("#reader .here", {"q": FILTER, "view": "document", "chunk": "8"}),
]


def violations(page: Page) -> list[dict[str, Any]]:
    options = {"resultTypes": ["violations"], "rules": {"target-size": {"enabled": True}}}
    return list(Axe().run(page, options=options).response["violations"])


STYLE = "(one, name) => getComputedStyle(one)[name]"


def test_colours_of_the_user_leave_a_choice_and_a_hit_visible(browser: Browser, running: Stack) -> None:
    with visiting(browser, running.url, forced_colors="active") as visit:
        visit.searched(q=FILTER)
        fills = visit.page.locator("#modes label").evaluate_all(
            f"all => all.map(one => ({STYLE})(one, 'backgroundColor'))"
        )
        assert len(set(fills)) == 2
        lines = visit.page.locator("[role=tab]").evaluate_all(
            f"all => all.map(one => ({STYLE})(one, 'borderBottomColor'))"
        )
        assert len(set(lines)) == 2
        assert visit.page.locator("#ask .go").evaluate("one => getComputedStyle(one).borderTopStyle") == "solid"
        visit.page.locator(".read").first.click()
        expect(visit.page.locator("#reader .here")).to_be_visible()
        edges = visit.page.locator(".part").evaluate_all(
            f"all => all.map(one => ({STYLE})(one, 'borderInlineStartColor'))"
        )
        assert sorted(edges.count(edge) for edge in set(edges)) == [1, len(edges) - 1]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_paper_shows_all_of_a_text_in_dark_letters_and_nothing_to_click(
    browser: Browser, running: Stack, theme: str
) -> None:
    with visiting(browser, running.url, color_scheme=theme) as visit:
        visit.searched(q=FILTER)
        visit.page.emulate_media(media="print", color_scheme="dark" if theme == "dark" else "light")
        for tool in ("#ask .go", ".tools", ".actions", ".next", "#grouping", "footer"):
            assert not visit.page.locator(tool).first.is_visible(), tool
        texts = visit.page.locator(".chunk .text")
        assert texts.evaluate_all("all => all.every(one => one.scrollHeight <= one.clientHeight + 1)")
        assert texts.first.evaluate("one => getComputedStyle(one).color") == "rgb(27, 34, 48)"
        assert "underline" in visit.page.locator("mark").first.evaluate(
            "one => getComputedStyle(one).textDecorationLine"
        )


@pytest.mark.parametrize("width", [320, 1280])
def test_larger_letters_of_the_browser_enlarge_every_text_and_need_no_sideways_scrolling(
    browser: Browser, running: Stack, width: int
) -> None:
    with visiting(browser, running.url, viewport={"width": width, "height": 800}) as visit:
        for shown, parameters in VIEWS[:3]:
            visit.open(**parameters)
            expect(visit.page.locator(shown).first).to_be_visible()
            visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
            assert visit.page.evaluate("getComputedStyle(document.body).fontSize") == "32px"
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width, parameters


@pytest.mark.parametrize(("width", "locale"), [(320, "zh-CN"), (412, "en-US")])
def test_no_view_breaks_a_rule_of_axe_or_moves_while_it_opens(
    browser: Browser, running: Stack, width: int, locale: str
) -> None:
    manual = requests.get(f"{running.url}/documents", params={"prefix": "aero"}, timeout=30).json()["documents"][0]
    with visiting(browser, running.url, viewport={"width": width, "height": 740}, locale=locale) as visit:
        for shown, parameters in VIEWS:
            visit.open(**parameters, **({"id": manual["id"]} if "chunk" in parameters else {}))
            expect(visit.page.locator(shown).first).to_be_visible()
            assert visit.page.evaluate(SHIFTS) <= 0.05, parameters
            assert violations(visit.page) == [], parameters
            if width == 320 and shown == ".chunk":
                top = visit.page.locator("#results .card").first.evaluate("card => card.getBoundingClientRect().top")
                assert top < 400
        visit.page.goto(f"{visit.url}/admin")
        visit.page.locator("#key").fill("operator")
        visit.page.keyboard.press("Enter")
        expect(visit.page.locator(".chart")).to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == width
        assert violations(visit.page) == []
