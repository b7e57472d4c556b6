"""The access key: of the environment, of the .env file or of the aliyun profile, and the same for Serverless Devs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ops.credentials import Credentials, add_profile, find_credentials, find_region, name_for_serverless_devs

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = {"name": "default", "mode": "AK", "access_key_id": "LTAI-1", "access_key_secret": "s", "region_id": "cn-x"}


def home(folder: Path, content: Any) -> dict[str, str]:
    (folder / ".aliyun").mkdir()
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / ".aliyun" / "config.json").write_text(text)
    return {"HOME": str(folder)}


def test_the_current_profile_gives_key_and_region(tmp_path: Path) -> None:
    other = PROFILE | {"name": "work", "access_key_id": "LTAI-2"}
    environ = home(tmp_path, {"current": "work", "profiles": [PROFILE, other]})
    assert find_credentials(add_profile(environ)) == Credentials("LTAI-2", "s")
    assert find_credentials(add_profile({**environ, "ALIBABA_CLOUD_PROFILE": "default"})) == Credentials("LTAI-1", "s")
    assert find_region(environ) == "cn-x"


def test_a_temporary_key_has_its_token(tmp_path: Path) -> None:
    profile = PROFILE | {"mode": "StsToken", "sts_token": "t"}
    environ = add_profile(home(tmp_path, {"current": "default", "profiles": [profile]}))
    assert find_credentials(environ) == Credentials("LTAI-1", "s", "t")
    assert name_for_serverless_devs(environ, "1") == {}


def test_the_environment_wins(tmp_path: Path) -> None:
    environ = home(tmp_path, {"current": "default", "profiles": [PROFILE]})
    own = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAI-own", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "own"}
    assert find_credentials(add_profile({**environ, **own})) == Credentials("LTAI-own", "own")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        {"current": "default"},
        {"current": "default", "profiles": None},
        {"current": "default", "profiles": ["x"]},
        {"current": "missing", "profiles": [PROFILE]},
        {"current": "default", "profiles": [PROFILE | {"mode": "EcsRamRole"}]},
        {"current": "default", "profiles": [PROFILE | {"access_key_id": ""}]},
    ],
    ids=str,
)
def test_a_profile_that_gives_no_key_is_no_key(tmp_path: Path, content: Any) -> None:
    assert find_credentials(add_profile(home(tmp_path, content))) is None


def test_the_key_of_the_emulators_belongs_to_no_account() -> None:
    keys = {"ALIBABA_CLOUD_ACCESS_KEY_ID": "local", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "local"}
    assert find_credentials(keys) is None


def test_serverless_devs_gets_the_same_key_unless_it_has_one(tmp_path: Path) -> None:
    environ = add_profile(home(tmp_path, {"current": "default", "profiles": [PROFILE]}))
    named = {"AccountID": "1", "AccessKeyID": "LTAI-1", "AccessKeySecret": "s"}
    assert name_for_serverless_devs(environ, "1") == named
    (tmp_path / ".s").mkdir()
    (tmp_path / ".s" / "access.yaml").write_text("default: {}")
    assert name_for_serverless_devs(environ, "1") == {}
