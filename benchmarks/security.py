"""What was tried against keys, filters, headers and logs, and what came back: tables for people.

Run as ``python -m benchmarks.security``. A stack of its own runs with keys, one of them bound to a tenant; requests go
through the gateway that drops ``x-fc-*`` headers of clients, and to the functions' own ports, as if it passed them on.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import requests
from rich.console import Console
from rich.table import Table

from benchmarks.report import Figure, at_most, report
from local import stack
from local.stack import Plan, Ports, Stack
from shared.domain.errors import RequestError
from shared.runtime.auth import Authenticator

if TYPE_CHECKING:
    from collections.abc import Sequence

_KEY: Final = "k7Qm2vX9fLr4Tz8NwB3sHd6Yp1Gc5JaE"
_BOUND: Final = "q1Wz9Xc3Vb7Nm5Lk2Jh8Gf4Ds6Ap0OiU"
_CALLS: Final = 50  # shorter than the turn a busy machine gives to something else
_ROUNDS: Final = 1_000
_MOST_APART_PERCENT: Final = 10.0  # the noise between two runs of the same key is of this size
_FILES: Final = {
    "acme/plan.md": "# Plan\n\nThe harbour crane lifts forty tons.\n",
    "globex/plan.md": "# Plan\n\nThe harbour ferry carries forty cars.\n",
}
_INJECTIONS: Final[tuple[Any, ...]] = (
    {"eq": {"key": '" or key != "'}},
    {"eq": {"key": "' or 1 == 1 or '"}},
    {"eq": {"key": '\\" or key != \\"'}},
    {"eq": {"key": "x\\"}},
    {"in": {"key": ['a"] or key not in ["b']}},
    {"prefix": {"key": '%" or key like "%'}},
    {"prefix": {"key": "%"}},
    {"eq": {'metadata.x"] != "1" or metadata["y': "1"}},
    {"eq": {"metadata.x": '1" or tenant != "'}},
    {"eq": {"tenant": 'acme" or tenant == "globex'}},
    {"eq": {"document_id": '" or document_id != "'}},
    {"eq": {"vector": 1}},
    {"eq": {"id == id or id": 1}},
    {"eq": {"page": "1 or 1 == 1"}},
    {"or": [{"eq": {"tenant": "globex"}}, {"ne": {"tenant": "x"}}]},
    {"not": {"eq": {"tenant": "acme"}}},
    "key != ''",
    ["key != ''"],
)
_SPOOFED: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    ("POST", "/invoke", {"x-fc-control-path": "/invoke", "Host": "embed-x.cn-beijing.fcapp.run"}),
    ("POST", "/invoke", {"x-fc-control-path": "/invoke", "Host": "search.example.com"}),
    ("POST", "/initialize", {"x-fc-control-path": "/initialize", "Host": "search.example.com"}),
    ("POST", "/invoke", {"x-fc-control-path": "/http-invoke"}),
    ("POST", "/invoke", {"x-fc-control-path": "/invoke, /http-invoke"}),
    ("POST", "/invoke", {}),
    ("GET", "/pre-stop", {"x-fc-control-path": "/http-invoke"}),
    ("GET", "/documents", {"x-fc-account-id": "1", "x-fc-access-key-secret": "s", "x-original-url": "/healthz"}),
    ("GET", "/documents", {"x-forwarded-for": "127.0.0.1", "x-api-key": ""}),
    ("GET", "/documents?x-api-key=" + _KEY, {}),
    ("GET", "/healthz/../documents", {}),
    ("GET", "//documents", {}),
)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    Console().print(table)


def _timing() -> Figure:
    """How long authentication takes for keys that are near and far: the same, if it tells nothing."""
    authenticator = Authenticator([_KEY, f"{_BOUND}@acme"])
    tried = {
        "right": _KEY,
        "right, the second": _BOUND,
        "first character wrong": f"X{_KEY[1:]}",
        "last character wrong": f"{_KEY[:-1]}X",
        "all wrong": "X" * len(_KEY),
        "half of it": _KEY[:16],
        "none": "",
    }
    taken: dict[str, list[float]] = {name: [] for name in tried}
    for _ in range(_ROUNDS):
        for name, key in tried.items():
            taken[name].append(_seconds(authenticator, key) * 1e6)
    # The least of several: whatever else runs only ever adds.
    times = {name: min(values) for name, values in taken.items()}
    _table("time to check a key", ("key", "microseconds"), [(name, f"{value:.2f}") for name, value in times.items()])
    wrong = [times["first character wrong"], times["last character wrong"], times["all wrong"]]
    return at_most(
        "wrong keys of one length apart in time", (max(wrong) / min(wrong) - 1) * 100, "%", _MOST_APART_PERCENT
    )


def _seconds(authenticator: Authenticator, key: str) -> float:
    started = time.perf_counter()
    for _ in range(_CALLS):
        with suppress(RequestError):
            authenticator.authenticate("", key)
    return (time.perf_counter() - started) / _CALLS


def _injections(running: Stack) -> Figure:
    """A caller bound to one tenant asks with every injection; what is another's must never come."""
    rows, leaked = [], 0
    for condition in _INJECTIONS:
        body = {"query": "harbour", "mode": "dense", "filter": condition, "top_k": 10}
        answer = requests.post(f"{running.url}/search", json=body, headers={"x-api-key": _BOUND}, timeout=30)
        content = answer.json()
        hits = [hit["document"]["key"] for hit in content.get("hits", ())]
        leaked += sum(not key.startswith("acme/") for key in hits)
        came = ", ".join(hits) or content.get("error", {}).get("code", "no hits")
        rows.append((json.dumps(condition), answer.status_code, came))
    _table("injection through filters, by a key bound to tenant acme", ("filter", "status", "what came"), rows)
    return at_most("chunks of another tenant", leaked, "", 0)


def _spoofing(running: Stack) -> Figure:
    status = requests.get(f"{running.url}/gateway/status", timeout=10).json()["functions"]
    ports = {function["name"].rpartition("-")[2]: function["port"] for function in status}
    rows, taken = [], 0
    for method, path, headers in _SPOOFED:
        for way, url in (("gateway", running.url), ("embed itself", f"http://127.0.0.1:{ports['embed']}")):
            answer = requests.request(method, f"{url}{path}", headers=headers, data=b"{}", timeout=30)
            code = _code(answer)
            taken += answer.status_code < 400
            rows.append((f"{method} {path}".replace(_KEY, "KEY"), headers, way, answer.status_code, code))
    _table("spoofed headers and addresses, without a key", ("request", "headers", "by", "status", "code"), rows)
    return at_most("spoofed requests let in", taken, "", 0)


def _code(answer: requests.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return ""
    return str(content.get("error", {}).get("code") or content.get("ErrorCode", ""))


def _logs(folder: Path) -> Figure:
    secrets = {
        "key": _KEY,
        "bound key": _BOUND,
        "DashScope's key": "sk-local",
        "a chunk": "forty tons",
        "a query": "harbour",
    }
    text = "".join(
        path.read_text("utf-8", "replace") for path in (folder / "logs").glob("*.log") if path.stem in _FUNCTIONS
    )
    rows = [(name, text.count(secret)) for name, secret in secrets.items()]
    _table(f"secrets in {len(text.splitlines())} lines of the functions' logs", ("secret", "times"), rows)
    return at_most("secrets in logs", sum(times for _, times in rows), "", 0)


_FUNCTIONS: Final = ("embed", "ingest", "search")


def main() -> int:
    """Try everything, print the tables and the report."""
    figures = [_timing()]
    with TemporaryDirectory(prefix="security-") as name:
        bucket, data = Path(name, "bucket"), Path(name, "data")
        for file, text in _FILES.items():
            (bucket / file).parent.mkdir(parents=True, exist_ok=True)
            (bucket / file).write_text(text, "utf-8")
        environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
        environ |= {"API_KEYS": f"{_KEY},{_BOUND}@acme", "TENANT_FROM": "prefix", "DOMAIN": "search.example.com"}
        plan = Plan(data=data, bucket=bucket, model="hash", ports=Ports(0, 0, 0, 0), environ=environ)
        with stack.running(plan) as running:
            running.invoke("ingest", {"action": "reconcile"})
            _await(running)
            figures += [_injections(running), _spoofing(running), _logs(data)]
    return report("security", figures)


def _await(running: Stack) -> None:
    for _ in range(600):
        answer = requests.get(f"{running.url}/documents", headers={"x-api-key": _KEY}, timeout=30).json()
        if [found["state"] for found in answer.get("documents", ())] == ["indexed"] * len(_FILES):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
