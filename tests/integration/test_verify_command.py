"""`ops verify` says what it costs, checks a deployment, removes what it made, and writes a report without secrets."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ops.__main__ import main
from ops.deployment import load
from ops.verification import services
from ops.verification.assumption import Assumption, DifferenceError, Outcome, UncheckedError, examine
from ops.verification.functions import open_functions
from ops.verification.report import Report, list_secrets
from ops.verification.running import run
from ops.verification.spending import Spending
from shared.domain.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
KEYS = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "of-the-test-id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "of-the-test-secret"}


# --- Function Compute


class Plane:
    """Function Compute with functions that answer as ours do.

    Attributes:
        otherwise: the one thing in which it behaves otherwise.
    """

    def __init__(self) -> None:
        self.otherwise = ""
        self.url = ""

    def answer(self, method: str, path: str, headers: Any) -> tuple[int, Any]:
        place, _, _ = path.partition("?")
        match place.strip("/").split("/"):
            case [_, "functions", name]:
                return 200, {"functionName": name, "lastModifiedTime": "2026-01-01T00:00:00Z"}
            case [_, "functions", name, "triggers", _]:
                return 200, {"httpTrigger": {"urlInternet": f"{self.url}/{name}"}}
            case [_, "functions", _, "invocations"]:
                code = "internal_error" if self.otherwise == "errors" else "unknown_event"
                return 200, {"error": {"code": code, "message": "Nothing can be done with this event."}}
            case [_, "healthz"]:
                return self.answer_health(path, headers)
            case [_, "invoke"] if method == "POST":
                takes_events = self.otherwise == "strangers" and "x-fc-control-path" in headers
                return (200 if takes_events else 404), {}
        raise AssertionError(path)

    def answer_health(self, path: str, headers: Any) -> tuple[int, Any]:
        if headers.get("X-Fc-Invocation-Type") == "Async" and self.otherwise != "async_header":
            return 202, {}
        if len(headers.get("X-Verify", "")) > 1_000 and self.otherwise == "headers":
            return 431, {}
        if len(path) > 4_100 and self.otherwise != "path":
            return 414, {}
        return 200, {"status": "starting" if self.otherwise == "address" else "ok"}


@pytest.fixture
def plane() -> Iterator[Plane]:
    plane = Plane()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = plane.answer(self.command, self.path, self.headers)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if plane.otherwise != "request_id":
                self.send_header("x-fc-request-id", "1")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 - the names http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        plane.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield plane
        server.shutdown()
        thread.join()


SEEN = ("address", "request_id", "path", "headers", "strangers", "async_header", "errors")


def verify_functions(plane: Plane) -> dict[str, Outcome]:
    environ = {"FC_ENDPOINT": plane.url, "API_KEYS": "a-key-of-the-test"}
    with open_functions(load(ROOT / "s.yaml", environ), environ) as assumptions:
        return {it.name.removeprefix("functions."): examine(it).outcome for it in assumptions}


def test_a_deployment_is_checked_from_outside(plane: Plane) -> None:
    outcomes = verify_functions(plane)
    assert {name for name, outcome in outcomes.items() if outcome is Outcome.AS_ASSUMED} == set(SEEN)
    assert {outcomes[name] for name in outcomes.keys() - set(SEEN)} == {Outcome.NOT_CHECKED}


@pytest.mark.parametrize("name", SEEN)
def test_another_behaviour_of_function_compute_is_noticed(plane: Plane, name: str) -> None:
    plane.otherwise = name
    outcomes = verify_functions(plane)
    assert outcomes[name] is Outcome.DIFFERS
    assert {other for other in SEEN if outcomes[other] is Outcome.DIFFERS} == {name}


def test_without_a_deployment_nothing_of_it_is_checked() -> None:
    with (
        pytest.raises(UncheckedError, match="no deployment was found"),
        open_functions(load(ROOT / "s.yaml", {}), {}),
    ):
        pass


# --- Running


def raising(error: BaseException) -> Callable[[], str]:
    def check() -> str:
        raise error

    return check


class Service:
    """A service with some assumptions, which notes whether it was cleaned up."""

    def __init__(self, *checks: Callable[[], str], removal: Exception | None = None) -> None:
        self.checks = checks
        self.removal = removal
        self.is_removed = False

    @contextmanager
    def open(self) -> Iterator[list[Assumption]]:
        try:
            yield [Assumption(f"a.{place}", "It works.", check) for place, check in enumerate(self.checks)]
        finally:
            signal.raise_signal(signal.SIGINT)  # a second Ctrl-C, while things are being removed
            self.is_removed = True
            if self.removal:
                raise self.removal


def run_service(service: Service) -> tuple[int, Report, str]:
    lines: list[str] = []
    report = Report((), lines.append)
    status = run({"a": service.open, "b": Service(lambda: "").open}, report, Spending(0.2))
    return status, report, "\n".join(lines)


def test_what_is_assumed_differs_or_is_not_checked_is_a_line_each() -> None:
    service = Service(
        lambda: "seen",
        raising(DifferenceError("it does not")),
        raising(UncheckedError("no time")),
        raising(KeyError("x")),
    )
    status, report, printed = run_service(service)
    assert status == 1
    assert [row.outcome for row in report.rows] == [
        *(Outcome.AS_ASSUMED, Outcome.DIFFERS, Outcome.NOT_CHECKED, Outcome.DIFFERS),
        Outcome.AS_ASSUMED,  # of the second service
    ]
    assert "differs      a.1: It works.\n             it does not" in printed
    assert "2 as assumed, 2 differs, 1 not checked; CNY 0.0000 spent of 0.2 at most" in printed
    assert service.is_removed


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """A shell lets what it starts in the background ignore interrupts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_checks_and_still_removes_what_was_made(number: signal.Signals) -> None:
    def interrupt() -> str:
        signal.raise_signal(number)
        return ""

    service = Service(lambda: "", interrupt, lambda: "never")
    status, report, printed = run_service(service)
    assert (status, len(report.rows), report.is_complete) == (130, 1, False)
    assert service.is_removed
    assert "It was interrupted" in printed


def test_what_could_not_be_removed_is_reported() -> None:
    service = Service(lambda: "", removal=TransientError("milvus_unavailable", "Milvus did not answer."))
    status, report, printed = run_service(service)
    assert status == 1
    assert "Not all that was made in a could be removed: Milvus did not answer. (milvus_unavailable)" in printed
    assert len(report.rows) == 2


def test_a_report_holds_no_secrets(tmp_path: Path) -> None:
    environ = {
        "DASHSCOPE_API_KEY": "sk-of-the-test",
        "MILVUS_TOKEN": "user:of-the-test-password",
        "API_KEYS": "key-of-the-test@tenant",
        **KEYS,
    }
    texts = ["sk-of-the-test", "of-the-test-password", "key-of-the-test", *KEYS.values()]
    lines: list[str] = []
    report = Report(list_secrets(services.list_private(environ)), lines.append)
    service = Service(*(lambda text=text: f"seen {text}" for text in texts))
    run({"a": service.open}, report, Spending(0.2))
    report.write(tmp_path / "new" / "report.json")
    written = (tmp_path / "new" / "report.json").read_text("utf-8")
    assert "of-the-test" not in written + "\n".join(lines)
    content = json.loads(written)
    assert content["is_complete"]
    assert [row["detail"] for row in content["rows"]] == ["seen ********"] * len(texts)
    assert {row["outcome"] for row in content["rows"]} == {"as assumed"}


# --- The command


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A project with settings that name no service."""
    for name in ("s.yaml", "s.domain.yaml", "s.records.yaml", "s.batches.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    for name in ("DASHSCOPE_API_KEY", "MILVUS_URI", "OSS_BUCKET", "FC_ENDPOINT", "SEARCH_URL", *KEYS):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("nothing_set")
def test_the_command_says_what_is_not_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--yes", "--json", "report.json"]) == 0
    printed = capsys.readouterr().out
    assert "never more than 0.2" in printed
    assert "dashscope: The service can be reached.\n             DASHSCOPE_API_KEY is not set" in printed
    assert "0 as assumed, 0 differs, 4 not checked" in printed
    assert len(json.loads(Path("report.json").read_text("utf-8"))["rows"]) == 4


@pytest.mark.usefixtures("nothing_set")
def test_a_report_that_cannot_be_written_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--yes", "--services", "oss", "--json", "s.yaml/report.json"]) == 1
    assert "s.yaml/report.json cannot be written: " in capsys.readouterr().out


@pytest.mark.usefixtures("nothing_set")
def test_the_command_begins_only_when_it_may(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--services", "milvus"]) == 2
    printed = capsys.readouterr().out
    assert "collections named verify_" in printed
    assert "Nothing was done: without a terminal it takes --yes." in printed
    assert main(["verify", "--yes", "--services", "milvus,redis"]) == 2
    assert "There is no service redis" in capsys.readouterr().out
