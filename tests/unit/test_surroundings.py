"""What a process makes of the machine it runs on: its proxies, its encoding, the name of its folder."""

from __future__ import annotations

import errno
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from requests.utils import should_bypass_proxies

from local.gateway.environment import process_environment
from local.milvus import _explain_broken
from local.stack import Plan, _environment
from ops.deployment import load
from shared.runtime.output import prepare_output
from shared.runtime.proxies import exempt_loopback

ROOT = Path(__file__).parents[2]
ODD = 'it\'s a "路径" 100% #1 $HOME `id` \\ &'


@pytest.mark.parametrize(
    ("environ", "value"),
    [
        ({"http_proxy": "http://proxy:1"}, "localhost,127.0.0.1,::1"),
        ({"ALL_PROXY": "socks5://proxy:1", "NO_PROXY": "intra.example"}, "intra.example,localhost,127.0.0.1,::1"),
        ({"HTTPS_PROXY": "http://proxy:1", "no_proxy": "127.0.0.1, a.b,"}, "127.0.0.1,a.b,localhost,::1"),
        ({"HTTPS_PROXY": "http://proxy:1", "no_proxy": "*"}, "*"),
    ],
)
def test_no_proxy_leads_to_this_machine(environ: dict[str, str], value: str) -> None:
    exempt_loopback(environ)
    assert environ["no_proxy"] == environ["NO_PROXY"] == value
    assert should_bypass_proxies("http://127.0.0.1:8000", value)


def test_without_a_proxy_nothing_is_changed() -> None:
    environ = {"PATH": "/bin", "http_proxy": ""}
    exempt_loopback(environ)
    assert environ == {"PATH": "/bin", "http_proxy": ""}


def test_functions_get_the_proxy_of_the_machine_and_utf_8(tmp_path: Path) -> None:
    (function, *_) = load(ROOT / "s.yaml", {}).functions.values()
    machine = {"https_proxy": "http://proxy:1", "NO_PROXY": "localhost", "LANG": "zh_CN.GBK", "OTHER": "x"}
    given = process_environment(function, machine, root=ROOT, port=1, temporary=tmp_path)
    assert (given["https_proxy"], given["NO_PROXY"], given["PYTHONUTF8"]) == ("http://proxy:1", "localhost", "1")
    assert "OTHER" not in given


def test_the_file_of_a_deployment_changes_nothing_of_the_local_stack(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes((ROOT / "s.yaml").read_bytes())
    (tmp_path / ".env").write_text("API_KEYS=a-key\nOSS_PREFIX=docs/\nNAME_PREFIX=other\n")
    plan = Plan(tmp_path / "data", tmp_path / "bucket", environ={}, deployment=path)
    local, deployed = load(path, _environment(plan, plan.ports)), load(path, {})
    for function, name in (("search", "API_KEYS"), ("ingest", "OSS_PREFIX")):
        variables = [it.functions[function].environment_variables for it in (local, deployed)]
        assert (variables[0][name], bool(variables[1][name])) == ("", True)
    assert local.functions["ingest"].function_name == "semantic-search-ingest"


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize(("encoding", "printed"), [("ascii", b"caf\\xe9 \\u8def"), ("gbk", b"caf\xa8\xa6 \xc2\xb7")])
def test_what_an_encoding_lacks_is_escaped(
    encoding: str, printed: bytes, errors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, encoding, errors))
    prepare_output()
    sys.stdout.write("café 路")
    sys.stdout.flush()
    assert content.getvalue().strip() == printed


@pytest.mark.parametrize(
    ("environ", "printed"),
    [({"PYTHONUTF8": "1"}, "路".encode("gbk")), ({"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8"}, "路".encode())],
)
def test_a_terminal_gets_the_encoding_of_its_locale(environ: dict[str, str], printed: bytes) -> None:
    # No locale of GBK need be installed here; what the system would say of one is put in its place.
    script = (
        "import locale; locale.getencoding = lambda: 'GBK'\n"
        "from shared.runtime.output import prepare_output; prepare_output(); print('路')"
    )
    terminal, end = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environ,
        stdout=end,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(end)
    assert done.returncode == 0, done.stderr
    assert os.read(terminal, 100).strip() == printed
    os.close(terminal)


@pytest.mark.parametrize("closed", ["1", "2"])
def test_a_closed_output_ends_no_command(closed: str) -> None:
    command = f'exec "$0" -m ops keys {closed}>&-'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.EROFS])
def test_an_index_that_cannot_be_opened_is_not_to_be_deleted(number: int) -> None:
    sentence = _explain_broken(Path("/data/milvus"), OSError(number, os.strerror(number), "/data/milvus/LOCK"))
    assert "delete" not in sentence
    assert os.strerror(number) in sentence
    for error in (MemoryError(), RuntimeError("can't start new thread")):
        assert "ulimit" in _explain_broken(Path("/data/milvus"), error)
    assert "delete this folder" in _explain_broken(Path("/data/milvus"), OSError("no parquet magic"))


def test_the_command_of_the_operator_works_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    (folder / "ops").mkdir(parents=True)
    (folder / "ops" / "create_environment.sh").symlink_to(ROOT / "ops" / "create_environment.sh")
    (folder / "ops" / "__main__.py").write_text("import sys; print('called with', sys.argv[1:])")
    (folder / "requirements.txt").write_text("")
    (tmp_path / "uv").write_text(
        f'#!/bin/sh\ncase "$1" in venv) "{sys.executable}" -m venv --without-pip .venv;; esac\n'
    )
    (tmp_path / "uv").chmod(0o755)
    made = subprocess.run(
        ["sh", "ops/create_environment.sh"],
        cwd=folder, env={"PATH": f"{tmp_path}:{os.defpath}"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    called = [str(folder / ".venv/bin/ossearch"), "status", "a b"]
    done = subprocess.run(called, cwd="/", capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "called with ['status', 'a b']\n", done.stderr
