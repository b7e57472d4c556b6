"""The lock fits the machines of developers: Linux on x86-64 and arm64, macOS on arm64."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Any

from ops.platforms import find_missing

ROOT = Path(__file__).parents[2]
PLATFORMS = 3
X86, ARM, MAC = (
    f"tool-1.0-cp311-cp311-{tag}.whl"
    for tag in ("manylinux_2_28_x86_64", "manylinux_2_28_aarch64", "macosx_14_0_arm64")
)


def digest(name: str) -> str:
    return name.encode().hex().ljust(64, "0")[-64:]


def lock(*names: str) -> str:
    return "tool==1.0 \\\n" + "".join(f"    --hash=sha256:{digest(name)} \\\n" for name in names)


def resolved(*wheels: str, sdist: str = "") -> dict[str, Any]:
    files: dict[str, Any] = {"wheels": [{"name": name, "hashes": {"sha256": digest(name)}} for name in wheels]}
    if sdist:
        files["sdist"] = {"name": sdist, "hashes": {"sha256": digest(sdist)}}
    return {"packages": [{"name": "tool", "version": "1.0", **files}]}


def test_a_lock_with_the_wheels_of_every_platform_misses_nothing() -> None:
    assert list(find_missing(lock(X86, ARM, MAC), resolved(X86, ARM, MAC))) == []


def test_a_wheel_without_its_hash_is_reported_with_its_platform() -> None:
    (missing,) = find_missing(lock(X86, MAC), resolved(X86, ARM, MAC))
    assert missing.startswith("tool cannot be installed on Linux arm64")


def test_a_platform_without_a_wheel_needs_the_source() -> None:
    source = "tool-1.0.tar.gz"
    assert len(list(find_missing(lock(X86), resolved(X86)))) == PLATFORMS - 1
    assert list(find_missing(lock(X86, source), resolved(X86, sdist=source))) == []


def test_a_wheel_for_a_newer_macos_does_not_count() -> None:
    newer = MAC.replace("14", "26")
    (missing,) = find_missing(lock(X86, ARM, newer), resolved(X86, ARM, newer))
    assert "macOS arm64" in missing


def test_a_package_of_another_platform_is_not_asked_for() -> None:
    assert list(find_missing("other==1.0", resolved("tool-1.0-cp311-cp311-win_amd64.whl"))) == []


def test_the_lock_holds_a_hash_for_each_platform_of_every_compiled_package() -> None:
    """Without the index no hash has a name, but a compiled package needs a file for each platform."""
    entries = re.split(r"^(?=[a-z0-9._-]+==)", (ROOT / "requirements.txt").read_text("utf-8"), flags=re.MULTILINE)
    hashes = {entry.partition("==")[0]: entry.count("--hash=sha256:") for entry in entries[1:]}
    compiled = {name for name in hashes if is_compiled(name)}
    assert {"aiohttp", "msgspec", "grpcio"} <= compiled
    assert {name for name in compiled if hashes[name] < PLATFORMS} == set()


def is_compiled(name: str) -> bool:
    wheel = metadata.distribution(name).read_text("WHEEL")
    # An old pip installs plain source without making a wheel of it.
    return wheel is not None and not re.search(r"^Tag: .*-any$", wheel, re.MULTILINE)
