"""The script that creates `.venv`: with uv, with Python 3.11, and what it advises where there is neither."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "rm", "date", "sleep", "tail", "cat", "mkdir", "touch", "printf", "kill", "chmod", "dirname", "sed")
# Writes what it was called with, and creates the environment that it was asked for.
UV = """#!/bin/sh
echo "uv $*" >> calls
case "$1" in venv) mkdir -p .venv/bin; touch .venv/bin/python;; esac
"""
PYTHON_3_11 = """#!/bin/sh
case "$1 $2" in
"-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python";;
*"/install.py requirements.txt") echo "install $2" >> calls; exit "${INSTALL_STATUS:-0}";;
esac
"""
PYTHON_3_12 = """#!/bin/sh
exit 1
"""


def create(folder: Path, programs: dict[str, str], **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the script on a machine that has ``programs`` and nothing else."""
    binaries = folder / "bin"
    binaries.mkdir()
    for name in (*TOOLS, "cp"):
        found = shutil.which(name)
        if found:
            (binaries / name).symlink_to(found)
    for name, text in programs.items():
        (binaries / name).write_text(text)
        (binaries / name).chmod(0o755)
    return subprocess.run(
        ["sh", str(ROOT / "ops" / "create_environment.sh")],
        cwd=folder,
        env={"PATH": str(binaries), "TMPDIR": str(folder), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def calls(folder: Path) -> str:
    file = folder / "calls"
    return file.read_text() if file.exists() else ""


def test_uv_provides_python_3_11_where_the_system_has_another_one(tmp_path: Path) -> None:
    done = create(tmp_path, {"uv": UV, "python3.11": PYTHON_3_12})
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path).splitlines() == [
        "uv venv --seed --python 3.11 .venv",
        "uv pip install --python .venv/bin/python --require-hashes -r requirements.txt",
    ]
    assert len(done.stdout.splitlines()) == 2


def test_python_3_11_with_pip_is_enough(tmp_path: Path) -> None:
    done = create(tmp_path, {"python3.11": PYTHON_3_11})
    assert done.returncode == 0, done.stderr
    assert calls(tmp_path) == "install requirements.txt\n"
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("programs", [{}, {"python3.11": PYTHON_3_12}], ids=["no python", "another version"])
def test_a_machine_without_python_3_11_gets_the_commands_for_its_system(
    tmp_path: Path, programs: dict[str, str]
) -> None:
    done = create(tmp_path, programs)
    assert done.returncode == 1
    for system in ("Debian 12", "Ubuntu 24.04", "macOS", "uv"):
        assert system in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_failed_installation_shows_why_and_leaves_no_half_environment(tmp_path: Path) -> None:
    failing = PYTHON_3_11.replace("install $2", "the index is not reachable").replace(" >> calls", "")
    done = create(tmp_path, {"python3.11": failing}, INSTALL_STATUS="1")
    assert done.returncode == 1
    assert "the index is not reachable" in done.stderr
    assert not (tmp_path / ".venv").exists()
    assert not list(tmp_path.glob("*.log"))


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.mark.parametrize("is_made", [True, False], ids=["complete", "failed"])
def test_a_second_make_waits_for_the_first_and_takes_what_it_made(tmp_path: Path, *, is_made: bool) -> None:
    with subprocess.Popen([shutil.which("sleep") or "sleep", "60"]) as first:
        (tmp_path / ".venv.lock").write_text(f"{first.pid}\n")
        (tmp_path / ".venv/bin").mkdir(parents=True)
        if is_made:
            (tmp_path / ".venv/bin/ossearch").touch(0o755)
        timer = threading.Timer(1, end, [first])
        timer.start()
        done = create(tmp_path, {"python3.11": PYTHON_3_11})
        timer.join()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Another make creates .venv (process {first.pid}): waiting for it.\n")
    assert bool(calls(tmp_path)) != is_made
    assert not (tmp_path / ".venv.lock").exists()


def test_the_lock_of_a_process_that_is_gone_holds_nothing_up(tmp_path: Path) -> None:
    with subprocess.Popen([shutil.which("true") or "true"]) as gone:
        pass
    (tmp_path / ".venv.lock").write_text(f"{gone.pid}\n")
    done = create(tmp_path, {"python3.11": PYTHON_3_11})
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert not (tmp_path / ".venv.lock").exists()


def test_every_posix_shell_accepts_the_script() -> None:
    for shell in ("sh", "bash --posix", "dash"):
        program, *options = shell.split()
        if shutil.which(program):
            subprocess.run(
                [program, *options, "-n", str(ROOT / "ops" / "create_environment.sh")], check=True, timeout=60
            )
