"""API keys and their entries."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ops.arguments import add_json
from ops.printing import print_json
from ops.project import read_project

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

SUMMARY = "make an API key and the entry of API_KEYS that holds its hash, or revoke one"


def declare(parser: argparse.ArgumentParser) -> None:
    """Add its arguments."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("make", "revoke"),
        default="make",
        help="make one, or show what to remove to revoke the one that is read from standard input (or its sha256:HASH)",
    )
    parser.add_argument("--file", type=Path, help="revoke: a copy of API_KEYS_FILE")
    parser.add_argument("--tenant", action="append", default=[], help="bind it to this tenant; may be repeated")
    parser.add_argument("--hash", action="store_true", help="make the entry of a key that is read from standard input")
    add_json(parser)


def run(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the key, where one was made, and its entry; or the entries of a key to revoke."""
    if asked.action == "revoke":
        return _revoke(asked, environ)
    from ops.keys import advise_on_env_file, hash_key, make_key

    tenants = tuple(asked.tenant)
    try:
        made = hash_key(sys.stdin.readline().strip(), tenants) if asked.hash else make_key(tenants)
    except ValueError as error:
        print(error)
        return 1
    if asked.as_json:
        print_json({"key": made.key, "entry": made.entry})
        return 0
    if not asked.hash:
        print(f"Key, for who calls (it is not shown again): {made.key}")
    print(f"Entry, for API_KEYS or API_KEYS_FILE: {made.entry}")
    if advice := advise_on_env_file(made.entry):
        print(advice)
    return 0


def _revoke(asked: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ops.revoking import find_entries

    try:
        found = find_entries(sys.stdin.readline().strip(), read_project(environ).environ, asked.file)
    except ValueError as error:
        print(error)
        return 1
    if asked.as_json:
        print_json(found.to_json())
    else:
        print("\n".join(found.describe()))
    return found.status
