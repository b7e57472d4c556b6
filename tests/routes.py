"""The routes of the functions, as their Flask applications have them."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.pages import ROOT

# Enough for each function to start; nothing is reached.
ENVIRONMENT = {
    "DASHSCOPE_API_KEY": "sk-made-up",
    "MILVUS_URI": "http://127.0.0.1:1",
    "OSS_BUCKET": "made-up",
    "ALIBABA_CLOUD_ACCESS_KEY_ID": "made-up",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "made-up",
    "API_KEYS": "made-up",
}
_SCRIPT = """
import importlib, sys
for name in sys.argv[1:]:
    for rule in importlib.import_module(f"functions.{name}.app").app.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            print(method, rule.rule)
"""


def list_routes(*functions: str) -> set[str]:
    """Method and path of each route, parameters without their names."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *functions],
        cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return set(map(nameless, done.stdout.splitlines()))


def nameless(route: str) -> str:
    return re.sub(r"<[^>]*>|\{[^}]*\}", "{}", route)
