"""The installer of the locked packages: real pip and real uv, packages of a folder, no network."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from ops import install

ROOT = Path(__file__).parents[2]
# Runs the uv of this environment under the name of the one that is installed, and notes what it was called with.
UV = """#!/bin/sh
echo "uv $*" >> "$CALLS"
[ -z "$UV_FAILS" ] || exit 2
exec {uv} "$@"
"""


def write_wheel(folder: Path, name: str, version: str, script: str = "") -> str:
    """Write a wheel of one module, or of one program; return its line in a lock."""
    information = f"{name}-{version}.dist-info"
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        if script:
            program = zipfile.ZipInfo(f"{name}-{version}.data/scripts/{name}")
            program.external_attr = 0o100755 << 16
            wheel.writestr(program, script)
        else:
            wheel.writestr(f"{name}.py", "READ = True\n")
        wheel.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{information}/RECORD", "")
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("wheels")
    uv = UV.format(uv=Path(sys.executable).parent / "uv")
    return folder, write_wheel(folder, "uv", "9.9.9", uv) + write_wheel(folder, "lexicon", "1.2.3")


def run_installer(folder: Path, wheels: Path, lock: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Install ``lock`` into a new environment, by pip settings alone: nothing names uv's."""
    venv.create(folder / "env", with_pip=True)
    (folder / "requirements.txt").write_text(lock)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}
    return subprocess.run(
        [str(folder / "env/bin/python"), str(ROOT / "ops/install.py"), str(folder / "requirements.txt")],
        env={**kept, **settings, "CALLS": str(folder / "calls"), **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def is_installed(folder: Path) -> bool:
    command = [str(folder / "env/bin/python"), "-c", "import lexicon; assert lexicon.READ"]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def test_uv_installs_what_the_lock_names_from_where_pip_would(tmp_path: Path, wheels: tuple[Path, str]) -> None:
    done = run_installer(tmp_path, *wheels)
    assert done.returncode == 0, done.stderr
    assert "--require-hashes" in (tmp_path / "calls").read_text()
    assert is_installed(tmp_path)
    assert not done.stderr


@pytest.mark.parametrize("is_named", [True, False], ids=["uv fails", "no uv in the lock"])
def test_pip_installs_everything_where_uv_cannot(tmp_path: Path, wheels: tuple[Path, str], *, is_named: bool) -> None:
    folder, lock = wheels
    done = run_installer(tmp_path, folder, lock if is_named else lock[lock.index("lexicon") :], UV_FAILS="1")
    assert done.returncode == 0, done.stderr
    assert "pip installs everything" in done.stderr
    assert is_installed(tmp_path)


def test_another_file_than_the_locked_one_is_refused(tmp_path: Path, wheels: tuple[Path, str]) -> None:
    folder, lock = wheels
    done = run_installer(tmp_path, folder, lock[:-5] + ("0000\n" if lock[-5:] != "0000\n" else "1111\n"))
    assert done.returncode != 0
    assert not is_installed(tmp_path)


def test_the_settings_of_pip_are_those_of_uv() -> None:
    listed = [
        ":env:.find-links='/opt/wheels'",
        ":env:.default-timeout='180'",
        "global.find-links='/elsewhere'",
        "global.index-url='https://mirror.example/simple'",
        "global.extra-index-url='file:///opt/one file:///opt/two'",
        "global.constraint='/etc/constraints.txt'",
        "install.trusted-host='\\nmirror.example\\nother.example'",
        "global.cert='/etc/ssl/certs/ca-certificates.crt'",
        "global.proxy='http://proxy.example:3128'",
    ]
    assert dict(install.translate_settings(listed)) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "file:///opt/one file:///opt/two",
        "UV_FIND_LINKS": "/opt/wheels",
        "UV_INSECURE_HOST": "mirror.example other.example",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        "UV_HTTP_TIMEOUT": "180",
        "ALL_PROXY": "http://proxy.example:3128",
    }


def test_the_lock_names_a_version_of_uv_and_the_hashes_of_its_files() -> None:
    requirement = install.read_requirement((ROOT / "requirements.txt").read_text())
    assert requirement.startswith("uv==")
    assert requirement.count("--hash=sha256:") > 5
    assert "\n\n" not in requirement
