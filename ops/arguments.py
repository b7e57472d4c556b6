"""The commands of the operator's command line and what each takes."""

from __future__ import annotations

import argparse
from pathlib import Path

_DESCRIPTION = "The operator's command line: what stands between this project and its deployment."


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m ops", description=_DESCRIPTION)
    parser.add_argument("--env", default="", help="which environment: dev reads .env.dev before .env")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="say what is wrong with a deployment, without asking the cloud")
    package = commands.add_parser("package", help="build what is deployed into build/<function>")
    package.add_argument("functions", nargs="*", help="which functions; all of them by default")
    commands.add_parser("deploy", help="show the plan, deploy all that is wanted, and see that it runs")
    roles = commands.add_parser("roles", help="print the RAM roles the deployment needs, and the deployer's policy")
    roles.add_argument("--commands", action="store_true", help="as commands of the aliyun command line that make them")
    preflight = commands.add_parser("preflight", help="ask DashScope, Milvus and the bucket whether they fit")
    for command in (check, roles, preflight):
        command.add_argument("deployment", nargs="?", type=Path, default=Path("s.yaml"))
    ask = commands.add_parser("ask", help="ask the deployment a question; an empty bucket gets the samples first")
    ask.add_argument("question")
    status = commands.add_parser("status", help="say how the index stands: documents by state, failures with advice")
    explain = commands.add_parser("explain", help="say all about one document, and why it is found or not")
    explain.add_argument("key", help="its name in the bucket")
    explain.add_argument("--query", default="", help="say where this query finds it")
    keys = commands.add_parser("keys", help="make an API key, and the entry of API_KEYS that holds its hash")
    keys.add_argument("--tenant", action="append", default=[], help="bind it to this tenant; may be repeated")
    keys.add_argument("--hash", action="store_true", help="make the entry of a key that is read from standard input")
    for command in (status, explain):
        command.add_argument("--json", action="store_true", dest="as_json", help="for programs")
    _add_estimate(commands.add_parser("estimate", help="say what indexing costs and takes, before anything is billed"))
    sync = commands.add_parser("sync", help="bring everything in the bucket into the index, with progress")
    sync.add_argument("--dry-run", action="store_true", help="only say what would be done")
    _add_retry(commands.add_parser("retry", help="try documents again that failed, or read them again"))
    calibrate = commands.add_parser("calibrate", help="fit the scores to judged queries, and print SCORE_CALIBRATION")
    calibrate.add_argument("queries", type=Path, help='lines of JSON: {"query": "...", "documents": ["key", ...]}')
    calibrate.add_argument("--url", default="http://127.0.0.1:8000", help="where search answers; API_KEY is its key")
    calibrate.add_argument("--version", default="own", help="name of the calibration, which answers repeat")
    export = commands.add_parser("export", help="write the index as files that another search engine loads")
    _add_export(export)
    commands.add_parser("openapi", help="describe the HTTP functions again, in shared/runtime/openapi.json")
    commands.add_parser("docs", help="bring the tables of settings and errors in docs/ up to date")
    run = commands.add_parser("run", help="run a program, such as s deploy, with an environment's variables")
    run.add_argument("program", nargs=argparse.REMAINDER)
    return parser


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--documents",
        type=positive_number,
        nargs="*",
        default=(),
        help="of so many documents, instead of the bucket; several compare",
    )
    parser.add_argument("--tokens", type=positive_number, default=1_000, help="of each of them; 1000 by default")
    parser.add_argument("--searches", type=positive_number, default=10_000, help="a month; 10000 by default")
    parser.add_argument("--sample", type=positive_number, default=300, help="about how many documents are read; 300")
    parser.add_argument("--megabytes", type=positive_number, default=500, help="of them together; 500 by default")
    parser.add_argument("--seed", type=int, default=1, help="chooses them")
    parser.add_argument("--json", action="store_true", dest="as_json", help="for programs")


def positive_number(text: str) -> int:
    """A whole number of at least 1; argparse makes a sentence of another, with this function's name."""
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _add_retry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", choices=("pending", "failed", "indexed"), help="only documents in this state")
    parser.add_argument("--code", help="only documents that failed with this code, such as broken_file")
    parser.add_argument("--prefix", help="only documents with keys that begin with this")
    parser.add_argument("--id", help="only the document with this id")
    parser.add_argument(
        "--reread", action="store_true", help="also read documents again that an older release has indexed"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list the documents")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=("elasticsearch",), default="elasticsearch", help="for which one")
    parser.add_argument("--output", type=Path, default=Path("export"), help="a new or empty folder")
    parser.add_argument("--index", default="search", help="name of the index there")
    parser.add_argument("--tenant", default="", help="only documents of this tenant")
    parser.add_argument("--prefix", default="", help="only documents with keys that begin with this")
